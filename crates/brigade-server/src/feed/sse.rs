//! Server-sent events. JSON without line breaks fits into one `data:` line.

use std::fmt::Display;

use brigade::data::Error;

use crate::error;

/// What keeps a quiet connection alive, and lets its end be noticed.
pub const COMMENT: &str = ": \n\n";

/// What a reader reads last when the server stops.
pub const FAREWELL: &str = ": the server is shutting down\n\n";

/// Writes one event; `data` writes its one line.
pub fn event(out: &mut String, id: impl Display, name: &str, data: impl FnOnce(&mut String)) {
    use std::fmt::Write as _;
    write!(out, "id: {id}\nevent: {name}\ndata: ").expect("writing to a string");
    data(out);
    out.push_str("\n\n");
}

/// The last event of a reader that is cut off.
pub fn error(out: &mut String, error: &Error) {
    out.push_str("event: error\ndata: ");
    error::write(out, error, false);
    out.push_str("\n\n");
}
