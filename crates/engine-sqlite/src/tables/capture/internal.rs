//! brigade's own tables inside the truth's file.

use brigade_core::data::{Error, Result, code};
use rusqlite::Connection;

use super::failed;

/// Columns of an image when the log is made; it is widened when a table needs more.
const WIDTH: usize = 16;
/// SQLite allows 2,000 columns in a table, and a row of the log holds two images.
const WIDTH_MAX: usize = 990;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS brigade_layout(
  id INTEGER PRIMARY KEY AUTOINCREMENT, table_name TEXT NOT NULL, columns TEXT NOT NULL, key TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS brigade_touching(layout, row, value);
CREATE TABLE IF NOT EXISTS brigade_transaction(
  last INTEGER PRIMARY KEY, tag INTEGER NOT NULL, at INTEGER NOT NULL, origin INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS brigade_idempotency(
  principal TEXT NOT NULL, key TEXT NOT NULL, body_hash BLOB NOT NULL, receipt BLOB NOT NULL, expires INTEGER NOT NULL,
  PRIMARY KEY(principal, key)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS brigade_migration(
  number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS brigade_meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
";

/// Makes brigade's own tables where they are not there yet. The log's columns have no declared type, so that a value lies
/// in an image exactly as it lies in its row.
///
/// # Errors
/// If the store fails.
pub(crate) fn create_internal(conn: &Connection) -> Result<()> {
    let images = |letter: char| (0..WIDTH).map(|i| format!(", {letter}{i}")).collect::<String>();
    conn.execute_batch(&format!(
        "CREATE TABLE IF NOT EXISTS brigade_log(seq INTEGER PRIMARY KEY, layout, op{}{});{TABLES}",
        images('c'),
        images('d')
    ))
    .map_err(failed("make the log's tables"))
}

/// Makes the log wide enough for images of so many columns.
pub(super) fn widen(conn: &Connection, width: usize) -> Result<()> {
    if width > WIDTH_MAX {
        return Err(Error::new(
            code::UNSUPPORTED,
            format!("a table of {width} columns is too wide for the log on sqlite: at most {WIDTH_MAX}"),
        ));
    }
    let columns: u32 = conn
        .query_row("SELECT count(*) FROM pragma_table_info('brigade_log')", [], |row| row.get(0))
        .map_err(failed("read the log's width"))?;
    for i in columns.saturating_sub(3) as usize / 2..width {
        conn.execute_batch(&format!(
            "ALTER TABLE brigade_log ADD COLUMN c{i}; ALTER TABLE brigade_log ADD COLUMN d{i}"
        ))
        .map_err(failed("widen the log"))?;
    }
    Ok(())
}

/// Names of brigade's own triggers, tables or indexes.
pub(super) fn names(conn: &Connection, kind: &str) -> Result<Vec<String>> {
    let read = || -> rusqlite::Result<Vec<String>> {
        conn.prepare(
            r"SELECT name FROM sqlite_schema WHERE type = ?1 AND name LIKE 'brigade\_%' ESCAPE '\' ORDER BY name",
        )?
        .query_map([kind], |row| row.get(0))?
        .collect()
    };
    read().map_err(failed("read the schema"))
}
