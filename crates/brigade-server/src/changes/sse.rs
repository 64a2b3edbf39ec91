//! Changes as server-sent events. JSON without line breaks fits into one `data:` line.

use brigade::data::{Change, Error};

use super::render::write_change;
use crate::error;

/// What keeps a quiet connection alive, and lets its end be noticed.
pub const COMMENT: &str = ": \n\n";

/// What a follower reads last when the server stops.
pub const FAREWELL: &str = ": the server is shutting down\n\n";

/// Writes one change.
pub fn change(out: &mut String, change: &Change) {
    out.push_str("id: ");
    out.push_str(&change.position.to_string());
    out.push_str("\nevent: change\ndata: ");
    write_change(out, change);
    out.push_str("\n\n");
}

/// The last event of a reader that is cut off.
pub fn error(out: &mut String, error: &Error) {
    out.push_str("event: error\ndata: ");
    error::write(out, error, false);
    out.push_str("\n\n");
}
