//! Lines: one JSON object each.

use brigade::data::Error;

use crate::{error, json::Object};

/// The last line of a reader that is cut off.
pub fn error(out: &mut String, error: &Error) {
    let mut object = Object::begin(out);
    error::write(object.key("error"), error, false);
    object.end();
    out.push('\n');
}
