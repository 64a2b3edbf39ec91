//! Trimming, and facts about the log.

use brigade_core::{
    data::{Position, Result},
    engine::LogStatus,
};
use fail::fail_point;
use rusqlite::{Connection, OptionalExtension, params};

use super::{place, position_of};
use crate::writer::{Place, State, tables_meta};

/// Changes removed by one step, between which commits go on.
const STEP: i64 = 2_000;

/// Changes looked at to estimate the log's bytes.
const SAMPLE: i64 = 200;

/// Moves the place from which the log is retained. Readers see it before anything is removed.
pub(super) fn move_boundary(state: &mut State, boundary: Place) -> Result<()> {
    let oldest = place::oldest(&state.conn).map_err(|e| state.failed(e))?;
    if boundary.last <= oldest.last {
        return Ok(());
    }
    state.alone(|state| {
        tables_meta(&state.conn, place::TRIMMED, &boundary.last.to_string()).map_err(|e| state.failed(e))?;
        fail_point!("log::boundary_moved");
        Ok(())
    })
}

/// Removes some changes up to the boundary, oldest first, never the newest one of all: sequence numbers would come back.
/// The boundary's own stamp stays, so that a reader there is recognised.
pub(super) fn remove_some(state: &mut State, boundary: Place) -> Result<u64> {
    state.alone(|state| {
        let remove = || {
            let removed = state
                .conn
                .prepare_cached(
                    "DELETE FROM brigade_log WHERE seq IN (SELECT seq FROM brigade_log
                       WHERE seq <= ?1 AND seq < (SELECT max(seq) FROM brigade_log) ORDER BY seq LIMIT ?2)",
                )?
                .execute(params![boundary.last, STEP])?;
            state
                .conn
                .prepare_cached(
                    "DELETE FROM brigade_transaction WHERE last IN (SELECT last FROM brigade_transaction
                       WHERE last < ?1 ORDER BY last LIMIT ?2)",
                )?
                .execute(params![boundary.last, STEP])?;
            fail_point!("log::changes_removed");
            Ok(removed as u64)
        };
        remove().map_err(|e| state.failed(e))
    })
}

/// The last transaction committed before a time, found by halving: stamps come in order of time, as far as the clock was
/// right.
pub(super) fn before(conn: &Connection, time: i64) -> rusqlite::Result<Option<Position>> {
    let mut at_or_below = conn
        .prepare_cached("SELECT last, tag, at FROM brigade_transaction WHERE last <= ? ORDER BY last DESC LIMIT 1")?;
    let oldest = place::oldest(conn)?;
    let (mut low, mut high) = (oldest.last + 1, crate::writer::newest(conn)?.last);
    let mut found = None;
    while low <= high {
        let middle = low + (high - low) / 2;
        let stamp = at_or_below
            .query_row([middle], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, i64>(1)? as u64, r.get::<_, i64>(2)?)))
            .optional()?;
        match stamp {
            Some((last, tag, at)) if last > oldest.last && at < time => {
                found = found.max(Some((last, tag)));
                low = middle + 1;
            }
            Some((last, ..)) if last > oldest.last => high = last - 1,
            // No stamp between the oldest and the middle: the transaction there is longer.
            _ => low = middle + 1,
        }
    }
    Ok(found.map(|(last, tag)| position_of(last, tag)))
}

/// Facts for `/status`; the bytes are those of a sample, times the number of changes.
pub(super) fn status(conn: &Connection, position: Position, stopped: Option<String>) -> rusqlite::Result<LogStatus> {
    let oldest = place::oldest(conn)?;
    let newest = (position.order / 2) as i64;
    let changes = (newest - oldest.last).max(0) as u64;
    let oldest_time = conn
        .prepare_cached("SELECT at FROM brigade_transaction WHERE last > ? ORDER BY last LIMIT 1")?
        .query_row([oldest.last], |r| r.get(0))
        .optional()?;
    Ok(LogStatus {
        engine: "sqlite",
        position,
        oldest: oldest.position(),
        bytes: (changes as f64 * bytes_of_change(conn, oldest.last, newest)?) as u64,
        changes,
        oldest_time,
        stopped,
    })
}

/// Bytes of an average change, by a sample spread evenly over the log.
fn bytes_of_change(conn: &Connection, oldest: i64, newest: i64) -> rusqlite::Result<f64> {
    let mut at = conn.prepare_cached("SELECT * FROM brigade_log WHERE seq > ? ORDER BY seq LIMIT 1")?;
    let width = at.column_count();
    let step = ((newest - oldest) / SAMPLE).max(1);
    let (mut bytes, mut count) = (0_u64, 0_u64);
    for seq in (oldest..newest).step_by(step as usize) {
        let mut rows = at.query([seq])?;
        let Some(row) = rows.next()? else { break };
        // A header byte a column, the key, and what SQLite adds to a cell.
        let mut size = width as u64 + 12;
        for column in 3..width {
            size += match row.get_ref(column)? {
                rusqlite::types::ValueRef::Null => 0,
                rusqlite::types::ValueRef::Integer(n) => (8 - u64::from(n.unsigned_abs().leading_zeros()) / 8).max(1),
                rusqlite::types::ValueRef::Real(_) => 8,
                rusqlite::types::ValueRef::Text(bytes) | rusqlite::types::ValueRef::Blob(bytes) => bytes.len() as u64,
            };
        }
        bytes += size;
        count += 1;
    }
    Ok(if count == 0 { 0.0 } else { bytes as f64 / count as f64 })
}
