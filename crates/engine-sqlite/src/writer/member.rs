//! One transaction inside a group: a savepoint, so that what it did can be taken back without its neighbours.

use std::time::Instant;

use brigade_core::{
    data::{Error, IdempotencyKey, Receipt, Result},
    engine::{CheckedAction, CheckedTransaction},
};
use rusqlite::{Connection, ffi};
use tokio::{runtime::Handle, sync::oneshot};

use super::{
    call, execute, foreign, key,
    state::{Place, State},
};

/// A transaction that waits.
pub(super) struct Member {
    pub transaction: CheckedTransaction,
    pub key: Option<IdempotencyKey>,
    pub reply: oneshot::Sender<Result<Receipt>>,
    /// Where its caller waits; none outside a runtime.
    pub runtime: Option<Handle>,
    pub queued: Instant,
}

/// The members of a group and their results. Whatever becomes of it, they are told when it is dropped.
struct Answers(Vec<(Box<Member>, Result<Receipt>)>);

impl Drop for Answers {
    fn drop(&mut self) {
        for (member, result) in self.0.drain(..) {
            // A caller that no longer waits has lost nothing: the transaction stands.
            let _ = member.reply.send(result);
        }
    }
}

/// Tells every member its result, inside the runtime of the first that still waits: to wake each of them from the writer's
/// thread would cost more than their rows do. A runtime that has ended drops what it is given, which tells them too.
pub(super) fn tell(answers: Vec<(Box<Member>, Result<Receipt>)>) {
    let waiting = answers.iter().find(|(member, _)| !member.reply.is_closed());
    let runtime = waiting.and_then(|(member, _)| member.runtime.clone());
    let answers = Answers(answers);
    if let Some(runtime) = runtime {
        runtime.spawn(async move { drop(answers) });
    }
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
        if (done.is_err() || member.transaction.rolls_back) && !self.conn.is_autocommit() {
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
        let mut results = execute::run(self, &member.transaction, now)?;
        if let Some(call) = &member.transaction.call {
            results.push(call::run(self, call)?);
        }
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
        if member.transaction.rolls_back {
            let receipt = Receipt { position: place.position(), results, replayed: false, durability };
            return Ok(Done { receipt, place, at: now });
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

#[cfg(test)]
mod tests {
    use brigade_core::{
        data::{Durability, Position},
        schema::Model,
    };
    use tokio::runtime::Runtime;

    use super::*;

    type Waiting = oneshot::Receiver<Result<Receipt>>;

    type Answered = (Box<Member>, Result<Receipt>);

    /// Members with their results; the position tells which is whose.
    fn answers(runtimes: &[Option<&Runtime>]) -> (Vec<Answered>, Vec<Waiting>) {
        let answer = |(n, runtime): (usize, &Option<&Runtime>)| {
            let (reply, waiting) = oneshot::channel();
            let transaction = CheckedTransaction {
                model: Model::default().into(),
                statements: Vec::new(),
                call: None,
                rolls_back: false,
            };
            let runtime = runtime.map(|runtime| runtime.handle().clone());
            let member = Member { transaction, key: None, reply, runtime, queued: Instant::now() };
            let receipt =
                Receipt { position: position(n), results: Vec::new(), replayed: false, durability: Durability::Full };
            ((Box::new(member), Ok(receipt)), waiting)
        };
        runtimes.iter().enumerate().map(answer).unzip()
    }

    fn position(n: usize) -> Position {
        Place { last: n as i64 + 1, tag: n as u64 }.position()
    }

    /// Everybody but those who have gone is told its own.
    fn check(runtimes: &[Option<&Runtime>], gone: &[usize]) {
        let (answers, waiting) = answers(runtimes);
        let (left, there): (Vec<_>, Vec<_>) = waiting.into_iter().enumerate().partition(|(n, _)| gone.contains(n));
        drop(left);
        tell(answers);
        for (n, waiting) in there {
            let told = waiting.blocking_recv().expect("an answer").expect("a receipt");
            assert_eq!(told.position, position(n), "gone: {gone:?}");
        }
    }

    #[test]
    fn everybody_is_told_its_own_whoever_has_gone() {
        let runtime = Runtime::new().unwrap();
        let ended = Runtime::new().unwrap();
        for gone in [&[][..], &[0], &[1, 2], &[0, 1, 2]] {
            check(&[Some(&runtime), Some(&runtime), Some(&runtime)], gone);
            check(&[None, None, None], gone);
            check(&[None, Some(&runtime), None], gone);
        }
        let (answers, waiting) = answers(&[Some(&ended), Some(&runtime)]);
        ended.shutdown_background();
        tell(answers);
        for (n, waiting) in waiting.into_iter().enumerate() {
            assert_eq!(waiting.blocking_recv().unwrap().unwrap().position, position(n));
        }
    }
}
