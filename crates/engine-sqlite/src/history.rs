//! What is asked of the file when it is opened: whether it was closed in order, whose history it is, and whether rows
//! point at nothing.

use std::sync::Arc;

use brigade_core::data::Result;
use rusqlite::{Connection, OptionalExtension, params};

use crate::{connection, error, log, shared::Shared, writer::newest, writer::tables_meta};

/// Orphans named one by one; more are counted.
const ORPHANS_MAX: usize = 10;

/// The history's identity. Under relaxed durability an unclean start begins a new one: its tail may be lost, and what
/// others have read of it may be read no further.
pub(crate) fn opened(conn: &Connection, relaxed: bool) -> Result<String> {
    opened_inside(conn, relaxed).map_err(error::from_sqlite)
}

fn opened_inside(conn: &Connection, relaxed: bool) -> rusqlite::Result<String> {
    conn.execute_batch("BEGIN IMMEDIATE")?;
    let meta = |name: &str| -> rusqlite::Result<Option<String>> {
        conn.query_row("SELECT value FROM brigade_meta WHERE name = ?", [name], |row| row.get(0)).optional()
    };
    let (known, clean) = (meta("history")?, meta("clean")?);
    // A file that was last used with relaxed durability may have lost its tail, however it is opened now.
    let was_relaxed = meta("relaxed")?.is_some_and(|v| v == "1");
    let lost = was_relaxed && clean.as_deref() == Some("0");
    let history = match known {
        Some(history) if !lost => history,
        _ => format!("{:016x}", rand::random::<u64>()),
    };
    if lost {
        begin_anew(conn)?;
    }
    tables_meta(conn, "history", &history)?;
    tables_meta(conn, "clean", "0")?;
    tables_meta(conn, "relaxed", if relaxed { "1" } else { "0" })?;
    conn.execute_batch("COMMIT")?;
    Ok(history)
}

/// Gives the newest transaction a new tag and lets the log begin after it: no position handed out before is taken again.
fn begin_anew(conn: &Connection) -> rusqlite::Result<()> {
    let last = newest(conn)?.last;
    if last > 0 {
        conn.execute(
            "UPDATE brigade_transaction SET tag = ? WHERE last = ?",
            params![rand::random::<u64>() as i64, last],
        )?;
        tables_meta(conn, log::TRIMMED, &last.to_string())?;
        tables_meta(conn, log::BEGAN, &last.to_string())?;
    }
    Ok(())
}

/// Looks for rows whose foreign keys point at nothing (programs with `foreign_keys` off leave them), on a thread of its
/// own: it reads every row that has one.
pub(crate) fn look_for_orphans(shared: &Arc<Shared>) {
    let shared = Arc::clone(shared);
    let look = move || {
        let found = connection::reader(&shared.config).and_then(|conn| orphans(&conn).map_err(error::from_sqlite));
        match found {
            Ok(note) => shared.note("orphans", note),
            Err(e) => tracing::warn!(error = %e, "cannot look for orphans"),
        }
    };
    if let Err(e) = std::thread::Builder::new().name("sqlite-orphans".to_owned()).spawn(look) {
        tracing::warn!(error = %e, "cannot look for orphans");
    }
}

fn orphans(conn: &Connection) -> rusqlite::Result<Option<String>> {
    let mut check = conn.prepare("PRAGMA foreign_key_check")?;
    let mut rows = check.query([])?;
    let (mut named, mut count) = (Vec::new(), 0_u64);
    while let Some(row) = rows.next()? {
        count += 1;
        if named.len() < ORPHANS_MAX {
            let (table, rowid, parent): (String, Option<i64>, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let rowid = rowid.map_or_else(String::new, |n| format!(" row {n}"));
            named.push(format!("{table}{rowid} points at nothing in {parent}"));
        }
    }
    Ok((count > 0).then(|| format!("{count} rows break a foreign key: {}", named.join(", "))))
}
