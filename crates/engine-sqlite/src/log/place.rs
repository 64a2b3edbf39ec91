//! Whether a position is one of this history, and still retained.

use brigade_core::data::{Error, Position, Result, code};
use rusqlite::{Connection, OptionalExtension};

use crate::writer::{Place, newest};

/// The transaction after which the log can still be read: the newest that was trimmed, or the beginning.
pub(crate) const TRIMMED: &str = "trimmed";

/// The last transaction before this history began, after an unclean start under relaxed durability.
pub(crate) const BEGAN: &str = "history_began";

/// The place from which on the log is retained.
pub(crate) fn oldest(conn: &Connection) -> rusqlite::Result<Place> {
    at_note(conn, TRIMMED)
}

/// The transaction that an entry of the file's notes names by its last change.
fn at_note(conn: &Connection, name: &str) -> rusqlite::Result<Place> {
    let place = conn
        .prepare_cached(
            "SELECT t.last, t.tag FROM brigade_meta m JOIN brigade_transaction t ON t.last = CAST(m.value AS INTEGER)
             WHERE m.name = ?",
        )?
        .query_row([name], place)
        .optional()?;
    Ok(place.unwrap_or_default())
}

fn place(row: &rusqlite::Row<'_>) -> rusqlite::Result<Place> {
    Ok(Place { last: row.get(0)?, tag: row.get::<_, i64>(1)? as u64 })
}

/// The transaction that a position lies in.
pub(crate) fn containing(conn: &Connection, position: Position) -> rusqlite::Result<Option<Place>> {
    let Some(seq) = seq_of(position) else { return Ok(None) };
    conn.prepare_cached("SELECT last, tag FROM brigade_transaction WHERE last >= ? ORDER BY last LIMIT 1")?
        .query_row([seq], place)
        .optional()
}

fn seq_of(position: Position) -> Option<i64> {
    i64::try_from(position.order / 2).ok()
}

/// BRG410 for a position that is no longer retained, BRG412 for one of another history or ahead of this one.
pub(crate) fn check(conn: &Connection, position: Position) -> Result<()> {
    let sqlite = crate::error::from_sqlite;
    let (oldest, began) = (oldest(conn).map_err(sqlite)?, at_note(conn, BEGAN).map_err(sqlite)?);
    let seq = seq_of(position).unwrap_or(i64::MAX);
    if position == oldest.position() {
        return Ok(());
    }
    if began.last > 0 && seq <= began.last {
        return Err(other_history(position, "the history it belongs to ended with an unclean stop"));
    }
    if oldest.last == 0 && seq == 0 && position != Position::START {
        return Err(other_history(position, "no transaction was ever there"));
    }
    if seq <= oldest.last {
        return Err(Error::new(code::POSITION_GONE, "the position is no longer retained")
            .details(format!("the oldest retained position is {}", oldest.position()))
            .hint("take a new snapshot and go on from its position"));
    }
    if position == Position::START {
        return Ok(());
    }
    match containing(conn, position).map_err(sqlite)? {
        Some(found) if found.tag == position.tag => Ok(()),
        Some(_) => Err(other_history(position, "another transaction has its place")),
        None => {
            let newest = newest(conn).map_err(sqlite)?.position();
            Err(other_history(position, &format!("the newest position is {newest}")))
        }
    }
}

fn other_history(position: Position, why: &str) -> Error {
    Error::new(code::OTHER_HISTORY, "the position belongs to another history of this truth, or lies ahead of it")
        .details(format!("{position}: {why}"))
        .hint("take a new snapshot and go on from its position")
}
