//! The mark of brigade's own writer. It sets `recursive_triggers`, so that SQLite itself tells of rows that a REPLACE
//! removes, and needs none of the staging that protects other programs' writes.

use brigade_core::data::Result;
use rusqlite::{Connection, functions::FunctionFlags};

use super::failed;

/// True on the writer's connection alone: a stock SQLite answers 0 to an option that it does not know.
pub(super) const OWN: &str = "sqlite_compileoption_used('BRIGADE_WRITER')";

/// Marks a connection as the writer's: the mark and `recursive_triggers` come together, for the mark without recursion
/// would lose the deletes of REPLACE.
///
/// # Errors
/// If SQLite refuses.
pub(crate) fn install_writer_marker(conn: &Connection) -> Result<()> {
    conn.pragma_update(None, "recursive_triggers", true).map_err(failed("set recursive_triggers"))?;
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    conn.create_scalar_function("sqlite_compileoption_used", 1, flags, |context| {
        Ok(context.get_raw(0).as_str().is_ok_and(|option| option == "BRIGADE_WRITER"))
    })
    .map_err(failed("mark the writer"))
}
