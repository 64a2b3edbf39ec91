//! Changes as lines: one object each.

use brigade::data::{Change, Error};

use super::render::write_change;
use crate::{error, json::Object};

/// Writes one change.
pub fn change(out: &mut String, change: &Change) {
    write_change(out, change);
    out.push('\n');
}

/// The last line of a reader that is cut off.
pub fn error(out: &mut String, error: &Error) {
    let mut object = Object::begin(out);
    error::write(object.key("error"), error, false);
    object.end();
    out.push('\n');
}
