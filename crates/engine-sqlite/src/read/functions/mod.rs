//! Functions that reads call: JSON of a row, places inside JSON, keys that sort numbers kept as text, casts, sums.
//!
//! Nothing stored in the file uses them: other programs do not have them.

mod aggregate;
mod cast;
mod inside;
mod json;
mod keys;
mod pattern;
pub(super) mod search;

use rusqlite::{Connection, Result, functions::FunctionFlags};

/// Registers them on a connection.
pub(crate) fn register(conn: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_DIRECTONLY;
    conn.create_scalar_function("brigade_object", -1, flags, json::object)?;
    conn.create_scalar_function("brigade_json", 2, flags, json::value)?;
    conn.create_scalar_function("brigade_path", 2, flags, json::path)?;
    conn.create_scalar_function("brigade_contains", 3, flags, inside::contains)?;
    conn.create_scalar_function("brigade_overlaps", 3, flags, inside::overlaps)?;
    conn.create_scalar_function("brigade_cast", 3, flags, cast::cast)?;
    conn.create_scalar_function("brigade_number_key", 1, flags, keys::number_key)?;
    conn.create_scalar_function("brigade_interval_key", 1, flags, keys::interval_key)?;
    conn.create_scalar_function("brigade_match", 3, flags, pattern::matches)?;
    conn.create_scalar_function("brigade_search", 3, flags, search::fits)?;
    aggregate::register(conn, flags)
}
