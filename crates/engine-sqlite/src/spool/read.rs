//! What readers of a spool see: published transactions, from the oldest that is kept. Each function works on one
//! consistent view of the file, so a trim in the middle of it is never half seen.

use std::sync::Arc;

use brigade_core::{
    data::{Change, Error, Position, Result, TransactionMark, code},
    engine::LogStatus,
    limits::CHUNK_BYTES_MAX,
};
use rusqlite::{Connection, OptionalExtension as _, Row, Rows, params};

use super::{layouts::Layouts, record};
use crate::side_file::store_error;

/// The bytes that order a place as its number does.
pub(super) fn place(order: u128) -> [u8; 16] {
    order.to_be_bytes()
}

/// Reads what [`place`] wrote.
pub(super) fn place_of(row: &Row<'_>, index: usize) -> rusqlite::Result<u128> {
    row.get::<_, [u8; 16]>(index).map(u128::from_be_bytes)
}

/// A number of changes or bytes.
pub(super) fn count(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(index).map(|n| n as u64)
}

/// Runs `work` inside one read transaction.
pub(super) fn in_one_view<T>(c: &Connection, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
    let view = c.unchecked_transaction().map_err(store_error)?;
    let result = work(&view);
    view.finish().map_err(store_error)?;
    result
}

/// The changes after a position, in order.
pub(super) fn changes(
    c: &Connection,
    layouts: &Layouts,
    tip: Position,
    after: Option<Position>,
    limit: usize,
) -> Result<Vec<Change>> {
    if let Some(after) = after {
        check(c, tip, after)?;
    }
    let start = after.map_or(oldest(c)?.order, |p| p.order);
    let mut statement = c
        .prepare_cached(
            "SELECT place, layout, body FROM changes WHERE place > ?1 AND place <= ?2 ORDER BY place LIMIT ?3",
        )
        .map_err(store_error)?;
    let mut marks = c
        .prepare_cached("SELECT position, tag, xid, time FROM transactions WHERE position > ?1 ORDER BY position")
        .map_err(store_error)?;
    let mut marks = Marks { rows: marks.query([place(start)]).map_err(store_error)?, current: None };
    let mut rows = statement
        .query(params![place(start), place(tip.order), i64::try_from(limit).unwrap_or(i64::MAX)])
        .map_err(store_error)?;
    let (mut list, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next().map_err(store_error)? {
        let body = row.get_ref(2).map_err(store_error)?.as_blob().map_err(|e| damaged(start).source(e))?;
        bytes += body.len();
        if !list.is_empty() && bytes > CHUNK_BYTES_MAX {
            break;
        }
        let order = place_of(row, 0).map_err(store_error)?;
        let transaction = marks.covering(order)?;
        let record = record::decode(body).map_err(|e| damaged(order).source(e))?;
        list.push(Change {
            position: Position { order, tag: transaction.position.tag },
            last: order == transaction.position.order,
            transaction,
            op: record.op,
            layout: layouts.get(c, row.get(1).map_err(store_error)?)?,
            before: record.before,
            after: record.after,
            schema: record.schema,
        });
    }
    Ok(list)
}

/// Transactions in order, beside the changes in order.
struct Marks<'a> {
    rows: Rows<'a>,
    current: Option<Arc<TransactionMark>>,
}

impl Marks<'_> {
    fn covering(&mut self, order: u128) -> Result<Arc<TransactionMark>> {
        loop {
            if let Some(mark) = self.current.as_ref().filter(|m| m.position.order >= order) {
                return Ok(Arc::clone(mark));
            }
            let row = self.rows.next().map_err(store_error)?.ok_or_else(|| damaged(order))?;
            self.current = Some(Arc::new(mark(row).map_err(store_error)?));
        }
    }
}

fn mark(row: &Row<'_>) -> rusqlite::Result<TransactionMark> {
    Ok(TransactionMark {
        position: Position { order: place_of(row, 0)?, tag: row.get::<_, i64>(1)? as u64 },
        xid: row.get::<_, Option<i64>>(2)?.map(|xid| xid as u64),
        time: row.get(3)?,
    })
}

fn damaged(order: u128) -> Error {
    Error::internal("the log is damaged").details(format!("at {order:032x}"))
}

/// Refuses a position that is no longer kept, or of another history. One that lies ahead with this history's tag is
/// good: the source handed it out and will come there.
pub(super) fn check(c: &Connection, tip: Position, position: Position) -> Result<()> {
    let oldest = oldest(c)?;
    let covering: Option<i64> = c
        .prepare_cached("SELECT tag FROM transactions WHERE position >= ?1 ORDER BY position LIMIT 1")
        .and_then(|mut s| s.query_row([place(position.order)], |row| row.get(0)).optional())
        .map_err(store_error)?;
    let known = [covering.map(|tag| tag as u64), Some(tip.tag), Some(oldest.tag)];
    if position != Position::START && tip != Position::START && !known.contains(&Some(position.tag)) {
        return Err(Error::new(code::OTHER_HISTORY, "the position belongs to another history of this truth")
            .details(format!("position {position}, newest {tip}"))
            .hint("start again from a new snapshot"));
    }
    if position.order < oldest.order {
        return Err(Error::new(code::POSITION_GONE, "the position is no longer retained")
            .details(format!("the oldest one is {oldest}"))
            .hint("take a new snapshot and follow from its position"));
    }
    Ok(())
}

/// The position after which everything is kept.
fn oldest(c: &Connection) -> Result<Position> {
    c.prepare_cached("SELECT oldest, oldest_tag FROM state")
        .and_then(|mut s| {
            s.query_row([], |row| Ok(Position { order: place_of(row, 0)?, tag: row.get::<_, i64>(1)? as u64 }))
        })
        .map_err(store_error)
}

/// Changes and bytes from the spool's beginning up to the last transaction at or before a place.
fn totals(c: &Connection, order: u128) -> Result<(u64, u64)> {
    let last = c
        .prepare_cached("SELECT changes, bytes FROM transactions WHERE position <= ?1 ORDER BY position DESC LIMIT 1")
        .and_then(|mut s| s.query_row([place(order)], |row| Ok((count(row, 0)?, count(row, 1)?))).optional())
        .map_err(store_error)?;
    last.map_or_else(|| trimmed(c), |counts| trimmed(c).map(|t| if counts > t { counts } else { t }))
}

fn trimmed(c: &Connection) -> Result<(u64, u64)> {
    c.prepare_cached("SELECT trimmed_changes, trimmed_bytes FROM state")
        .and_then(|mut s| s.query_row([], |row| Ok((count(row, 0)?, count(row, 1)?))))
        .map_err(store_error)
}

/// Changes after a position; inside a transaction all of it counts.
pub(super) fn count_after(c: &Connection, tip: Position, after: Option<Position>) -> Result<u64> {
    let start = after.map_or(oldest(c)?.order, |p| p.order);
    Ok(totals(c, tip.order)?.0.saturating_sub(totals(c, start)?.0))
}

/// The last published transaction that begins at or before `upto`, if there is one.
pub(super) fn trim_target(c: &Connection, tip: Position, upto: Position) -> Result<Option<Position>> {
    // The first transaction that ends at or after `upto` is the one it lies in, unless it only begins later.
    let at = |sql: &str| {
        c.prepare_cached(sql)
            .and_then(|mut s| {
                s.query_row(params![place(upto.order), place(tip.order)], |row| {
                    let position = Position { order: place_of(row, 0)?, tag: row.get::<_, i64>(1)? as u64 };
                    Ok((position, place_of(row, 2)?))
                })
                .optional()
            })
            .map_err(store_error)
    };
    let around = at("SELECT position, tag, first FROM transactions WHERE position >= ?1 AND position <= ?2
                     ORDER BY position LIMIT 1")?;
    if let Some((position, _)) = around.filter(|(_, first)| *first <= upto.order) {
        return Ok(Some(position));
    }
    let before = at("SELECT position, tag, first FROM transactions WHERE position < ?1 AND position <= ?2
                     ORDER BY position DESC LIMIT 1")?;
    Ok(before.map(|(position, _)| position))
}

/// The last published transaction that committed before a time.
pub(super) fn position_before(c: &Connection, tip: Position, time: i64) -> Result<Option<Position>> {
    c.prepare_cached(
        "SELECT position, tag FROM transactions WHERE time < ?1 AND position <= ?2 ORDER BY time DESC, position DESC LIMIT 1",
    )
    .and_then(|mut s| {
        s.query_row(params![time, place(tip.order)], |row| {
            Ok(Position { order: place_of(row, 0)?, tag: row.get::<_, i64>(1)? as u64 })
        })
        .optional()
    })
    .map_err(store_error)
}

/// Facts for `/status`.
pub(super) fn status(c: &Connection, tip: Position, stopped: Option<String>) -> Result<LogStatus> {
    let (changes, bytes) = totals(c, u128::MAX)?;
    let (trimmed_changes, trimmed_bytes) = trimmed(c)?;
    let oldest = oldest(c)?;
    let oldest_time = c
        .prepare_cached("SELECT time FROM transactions WHERE position > ?1 ORDER BY position LIMIT 1")
        .and_then(|mut s| s.query_row([place(oldest.order)], |row| row.get(0)).optional())
        .map_err(store_error)?;
    Ok(LogStatus {
        engine: "embedded",
        position: tip,
        oldest,
        bytes: bytes - trimmed_bytes,
        changes: changes - trimmed_changes,
        oldest_time,
        stopped,
    })
}
