//! The one writer of a spool. Appending fills an open SQLite transaction; flushing commits it with an fsync.
//!
//! What is in memory beside the file (how far it was appended, what is counted) is only ever ahead of the file by what
//! is in that open transaction, and is read again from the file when it was rolled back.

mod trim;

use std::sync::Arc;

use brigade_core::{
    data::{Change, Error, Layout, Position, Result, TransactionMark},
    engine::SpoolTransaction,
};
use fail::fail_point;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{
    layouts::LayoutNumbers,
    read::{count, place, place_of},
    record,
};
use crate::side_file::store_error;

/// Bytes that the file spends on a change beside its record, measured.
const OVERHEAD_BYTES: u64 = 40;

pub(super) struct Writer {
    connection: Connection,
    numbers: LayoutNumbers,
    tip: Position,
    /// Position of the last complete transaction.
    appended: Option<Position>,
    /// What of it is on the disk.
    durable: Option<Position>,
    /// The transaction whose end has not come.
    open: Option<Open>,
    changes: u64,
    bytes: u64,
    stopped: Option<String>,
}

struct Open {
    mark: (Option<u64>, i64),
    first: u128,
    last: u128,
    changes: u64,
    bytes: u64,
}

impl Writer {
    pub(super) fn open(connection: Connection) -> Result<Self> {
        connection.pragma_update(None, "synchronous", "full").map_err(store_error)?;
        let mut writer = Self {
            connection,
            numbers: LayoutNumbers::default(),
            tip: Position::START,
            appended: None,
            durable: None,
            open: None,
            changes: 0,
            bytes: 0,
            stopped: None,
        };
        writer.reload()?;
        Ok(writer)
    }

    /// Takes memory back to what the file holds, and discards a transaction without an end.
    fn reload(&mut self) -> Result<()> {
        let c = &self.connection;
        let (tip, trimmed) = c
            .query_row("SELECT tip, tip_tag, trimmed_changes, trimmed_bytes FROM state", [], |row| {
                Ok((position(row, 0, 1)?, (count(row, 2)?, count(row, 3)?)))
            })
            .map_err(store_error)?;
        let last = c
            .query_row(
                "SELECT position, tag, changes, bytes FROM transactions ORDER BY position DESC LIMIT 1",
                [],
                |row| Ok((position(row, 0, 1)?, (count(row, 2)?, count(row, 3)?))),
            )
            .optional()
            .map_err(store_error)?;
        let oldest =
            c.query_row("SELECT oldest, oldest_tag FROM state", [], |row| position(row, 0, 1)).map_err(store_error)?;
        self.appended = last.map(|(p, _)| p).or((oldest.order > 0).then_some(oldest));
        (self.changes, self.bytes) = last.map_or(trimmed, |(_, counts)| counts);
        self.durable = self.appended;
        // Of what was published and then rolled back readers know already: it never goes back.
        self.tip = self.tip.max(tip);
        self.open = None;
        self.numbers.clear();
        self.discard_open()
    }

    pub(super) fn tip(&self) -> Position {
        self.tip
    }

    pub(super) fn appended(&self) -> Option<Position> {
        self.appended
    }

    pub(super) fn stopped(&self) -> Option<String> {
        self.stopped.clone()
    }

    /// Takes changes in. Those of complete transactions that are there already are passed over.
    pub(super) fn append(&mut self, changes: &[Change]) -> Result<()> {
        self.check_stopped()?;
        let result = self.begin().and_then(|()| changes.iter().try_for_each(|change| self.append_one(change)));
        fail_point!("spool::appended");
        result.or_else(|e| self.give_up(e))
    }

    fn append_one(&mut self, change: &Change) -> Result<()> {
        let order = change.position.order;
        if self.appended.is_some_and(|done| order <= done.order) {
            return Ok(());
        }
        let mark = (change.transaction.xid, change.transaction.time);
        if self.open.as_ref().is_some_and(|open| open.mark != mark) {
            // Its end will never come: the source began again elsewhere, as after a failover.
            self.open = None;
            self.discard_open()?;
        }
        if self.open.as_ref().is_none_or(|open| order > open.last) {
            let bytes = self.insert(change)?;
            let open = self.open.get_or_insert(Open { mark, first: order, last: order, changes: 0, bytes: 0 });
            open.last = order;
            open.changes += 1;
            open.bytes += bytes;
        }
        if change.last { self.complete(change.position, &change.transaction) } else { Ok(()) }
    }

    fn insert(&mut self, change: &Change) -> Result<u64> {
        let layout: &Arc<Layout> = &change.layout;
        let number = self.numbers.of(&self.connection, layout)?;
        let body = record::encode(change);
        self.connection
            .prepare_cached("INSERT INTO changes (place, layout, body) VALUES (?1, ?2, ?3)")
            .and_then(|mut s| s.execute(params![place(change.position.order), number, body]))
            .map_err(store_error)?;
        Ok(body.len() as u64 + OVERHEAD_BYTES)
    }

    fn complete(&mut self, position: Position, mark: &TransactionMark) -> Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        self.changes += open.changes;
        self.bytes += open.bytes;
        self.connection
            .prepare_cached("INSERT INTO transactions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")
            .and_then(|mut s| {
                s.execute(params![
                    place(position.order),
                    place(open.first),
                    position.tag as i64,
                    mark.xid.map(|xid| xid as i64),
                    mark.time,
                    self.changes as i64,
                    self.bytes as i64
                ])
            })
            .map_err(store_error)?;
        self.appended = Some(position);
        Ok(())
    }

    /// Removes changes that no complete transaction covers.
    fn discard_open(&mut self) -> Result<()> {
        let end = self.appended.map_or(0, |p| p.order);
        self.connection.execute("DELETE FROM changes WHERE place > ?1", [place(end)]).map(|_| ()).map_err(store_error)
    }

    /// Commits what was appended, with an fsync.
    pub(super) fn flush(&mut self) -> Result<()> {
        self.check_stopped()?;
        if self.connection.is_autocommit() {
            return Ok(());
        }
        match self.connection.execute_batch("COMMIT") {
            Ok(()) => {
                self.durable = self.appended;
                fail_point!("spool::flushed");
                Ok(())
            }
            Err(e) => {
                self.stopped = Some(format!("the spool could not be written: {e}"));
                self.give_up(store_error(e))
            }
        }
    }

    /// Moves the tip; whether it moved. The first position ever published is where the spool begins.
    pub(super) fn publish(&mut self, upto: Position) -> Result<bool> {
        self.check_stopped()?;
        if self.durable != self.appended && self.durable.is_none_or(|durable| durable < upto) {
            self.flush()?;
        }
        if upto.order <= self.tip.order && self.tip != Position::START {
            return Ok(false);
        }
        if self.tip == Position::START && self.appended.is_none() {
            self.begin_at(upto)?;
        } else if self.connection.is_autocommit() {
            // Without an fsync: the transactions are durable, and after a power cut they are published again.
            self.connection.execute_batch("PRAGMA synchronous = normal").map_err(store_error)?;
            let moved = self.move_tip(upto);
            self.connection.execute_batch("PRAGMA synchronous = full").map_err(store_error)?;
            moved?;
        } else {
            // With what is being appended, so that publishing costs no fsync of its own.
            self.move_tip(upto)?;
        }
        self.tip = upto;
        fail_point!("spool::published");
        Ok(true)
    }

    fn begin_at(&mut self, at: Position) -> Result<()> {
        self.connection
            .execute(
                "UPDATE state SET tip = ?1, tip_tag = ?2, oldest = ?1, oldest_tag = ?2",
                params![place(at.order), at.tag as i64],
            )
            .map_err(store_error)?;
        self.appended = Some(at);
        self.durable = self.appended;
        Ok(())
    }

    fn move_tip(&self, upto: Position) -> Result<()> {
        self.connection
            .prepare_cached("UPDATE state SET tip = ?1, tip_tag = ?2")
            .and_then(|mut s| s.execute(params![place(upto.order), upto.tag as i64]))
            .map(|_| ())
            .map_err(store_error)
    }

    /// Complete transactions after a position, flushed or not.
    pub(super) fn transactions_after(&mut self, after: Position, limit: usize) -> Result<Vec<SpoolTransaction>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let list = |c: &Connection| {
            c.prepare_cached(
                "SELECT position, tag, xid, time FROM transactions WHERE position > ?1 ORDER BY position LIMIT ?2",
            )?
            .query_map(params![place(after.order), limit], |row| {
                let xid = row.get::<_, Option<i64>>(2)?.map_or(0, |xid| xid as u64);
                Ok(SpoolTransaction { position: position(row, 0, 1)?, xid, time: row.get(3)? })
            })?
            .collect::<rusqlite::Result<Vec<_>>>()
        };
        list(&self.connection).map_err(store_error)
    }

    pub(super) fn note(&self, name: &str) -> Result<Option<String>> {
        self.connection
            .query_row("SELECT value FROM notes WHERE name = ?1", [name], |row| row.get(0))
            .optional()
            .map_err(store_error)
    }

    /// Notes are durable when this returns, and with them everything appended before.
    pub(super) fn set_note(&mut self, name: &str, value: &str) -> Result<()> {
        self.check_stopped()?;
        self.connection
            .execute("INSERT INTO notes VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2", [name, value])
            .map_err(store_error)?;
        self.flush()
    }

    fn begin(&self) -> Result<()> {
        if self.connection.is_autocommit() {
            self.connection.execute_batch("BEGIN IMMEDIATE").map_err(store_error)?;
        }
        Ok(())
    }

    /// Rolls back what was not flushed. An error while doing so is a second one of the same cause.
    fn give_up<T>(&mut self, error: Error) -> Result<T> {
        if !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        if let Err(e) = self.reload() {
            self.stopped = Some(format!("the spool could not be read again: {e}"));
        }
        Err(error)
    }

    fn check_stopped(&self) -> Result<()> {
        match &self.stopped {
            None => Ok(()),
            Some(reason) => Err(Error::unavailable(reason.clone(), std::time::Duration::from_secs(5))
                .hint("look after the disk, then start brigade again")),
        }
    }
}

fn position(row: &rusqlite::Row<'_>, order: usize, tag: usize) -> rusqlite::Result<Position> {
    Ok(Position { order: place_of(row, order)?, tag: row.get::<_, i64>(tag)? as u64 })
}
