//! One transaction inside a group: a savepoint, so that what it did can be taken back without its neighbours.

use std::time::Instant;

use brigade_core::{
    data::{Error, IdempotencyKey, Receipt, Result},
    engine::{CheckedAction, CheckedTransaction},
};
use rusqlite::{Connection, ffi};
use tokio::sync::oneshot;

use super::{
    execute, foreign, key,
    state::{Place, State},
};

/// A transaction that waits.
pub(super) struct Member {
    pub transaction: CheckedTransaction,
    pub key: Option<IdempotencyKey>,
    pub reply: oneshot::Sender<Result<Receipt>>,
    pub queued: Instant,
}

/// What a member did, before its group is durable.
pub(super) struct Done {
    pub receipt: Receipt,
    pub place: Place,
    pub at: i64,
}

impl State {
    /// Runs a member. After an error nothing of it is left, unless the whole group is gone (SQLite is in autocommit mode).
    pub(super) fn run_member(&self, member: &Member, place: Place) -> Result<Done> {
        self.sql("SAVEPOINT member")?;
        self.log_nothing_yet();
        let done = self.run_inside(member, place);
        if done.is_err() && !self.conn.is_autocommit() {
            self.sql("ROLLBACK TO member")?;
        }
        if !self.conn.is_autocommit() {
            self.sql("RELEASE member")?;
        }
        done
    }

    fn run_inside(&self, member: &Member, place: Place) -> Result<Done> {
        let now = self.shared.clock.now();
        let durability = self.shared.durability();
        if let Some(key) = &member.key
            && let Some(kept) = key::find(&self.conn, key, now, durability).map_err(|e| self.failed(e))?
        {
            return kept.map(|receipt| Done { receipt, place, at: now });
        }
        let results = execute::run(self, &member.transaction, now)?;
        // RELEASE checks no deferred foreign key; COMMIT would fail for the whole group, or a neighbour's row would heal it.
        if deferred_violations(&self.conn)? {
            let model = &member.transaction.model;
            let inserts = member.transaction.statements.iter().enumerate().filter_map(|(i, s)| match &s.action {
                CheckedAction::Insert { rows, .. } => Some((i, s, rows)),
                _ => None,
            });
            let broken =
                inserts.flat_map(|(i, s, rows)| rows.iter().map(move |row| (i, s, row))).find_map(|(i, s, row)| {
                    foreign::without_parent(&self.conn, model, &s.table, &row.columns, &row.values)
                        .map(|found| (i, found))
                });
            let statement = broken.as_ref().map(|(i, _)| *i);
            return Err(crate::error::foreign_key(statement, broken.map(|(_, found)| found)));
        }
        let place = self.place_after(place);
        let receipt = Receipt { position: place.position(), results, replayed: false, durability };
        if let Some(key) = &member.key {
            key::keep(&self.conn, key, &receipt, now).map_err(|e| self.failed(e))?;
        }
        Ok(Done { receipt, place, at: now })
    }

    /// Runs a short statement without parameters.
    pub(super) fn sql(&self, text: &str) -> Result<(), Error> {
        let run = || self.conn.prepare_cached(text)?.execute([]);
        run().map(|_| ()).map_err(|e| self.failed(e))
    }
}

/// Whether a deferred foreign key is violated by what was done since the group began. Exact, and taken back by ROLLBACK TO.
fn deferred_violations(conn: &Connection) -> Result<bool> {
    let (mut current, mut highest) = (0, 0);
    // SAFETY: the handle is open, and both out pointers live on this stack.
    let code = unsafe {
        ffi::sqlite3_db_status(conn.handle(), ffi::SQLITE_DBSTATUS_DEFERRED_FKS, &mut current, &mut highest, 0)
    };
    if code == ffi::SQLITE_OK {
        Ok(current != 0)
    } else {
        Err(Error::internal("sqlite gives no count of deferred keys"))
    }
}
