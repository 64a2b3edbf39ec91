//! Staging: rows that a REPLACE of another program may be about to remove wait here, from before the statement's row to
//! after it, because with `recursive_triggers` off SQLite tells no trigger of them.

use brigade_core::{data::Result, schema::Table};
use rusqlite::Connection;

use super::{failed, internal};
use crate::tables::quote;

/// The staging table of a table, unquoted.
pub(super) fn name(table: &str) -> String {
    format!("brigade_stage_{table}")
}

/// How a staged row is found again: by its primary key, else by its rowid.
pub(super) fn by_rowid(table: &Table) -> bool {
    table.key().is_empty()
}

pub(super) fn create(conn: &Connection, table: &Table) -> Result<()> {
    let mut columns: String = (0..table.columns.len()).map(|i| format!(", o{i}")).collect();
    if by_rowid(table) {
        columns.push_str(", o_rowid");
    }
    let sql = format!("CREATE TABLE {}(seq INTEGER PRIMARY KEY, done{columns})", quote(&name(&table.name)));
    conn.execute_batch(&sql).map_err(failed("make a staging table"))
}

pub(super) fn drop_all(conn: &Connection) -> Result<()> {
    for name in stages(conn)? {
        conn.execute_batch(&format!("DROP TABLE {}", quote(&name))).map_err(failed("drop a staging table"))?;
    }
    Ok(())
}

/// Empties the staging tables. The writer does so first thing in a group when another program has written: what lies in
/// them then is left over from statements that are over.
///
/// # Errors
/// If the store fails.
pub(crate) fn clear_stages(conn: &Connection) -> Result<()> {
    for name in stages(conn)? {
        conn.execute_batch(&format!("DELETE FROM {}", quote(&name))).map_err(failed("empty a staging table"))?;
    }
    Ok(())
}

fn stages(conn: &Connection) -> Result<Vec<String>> {
    let tables = internal::names(conn, "table")?;
    Ok(tables.into_iter().filter(|n| n.starts_with("brigade_stage_")).collect())
}
