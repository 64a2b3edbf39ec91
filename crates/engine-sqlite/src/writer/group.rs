//! A group: transactions that share one commit. Every answer, refusals too, rests on neighbours that may still be lost, so
//! all are sent after the commit.

use std::time::Instant;

use brigade_core::data::{Error, Kind, Receipt, Result};
use fail::fail_point;
use rusqlite::ErrorCode;

use super::{
    member::{Member, tell},
    stamps::Stamps,
    state::{Origin, Place, State},
};
use crate::error;

/// How a group ended.
enum Ended {
    /// It is durable: an answer a member, and the newest place.
    Durable(Vec<Result<Receipt>>, Place),
    /// SQLite rolled all of it back because of one member.
    Lost(Error),
    /// It could not begin or commit: nothing of it is there, or nobody knows.
    Failed(Error),
}

impl State {
    /// Commits a group and answers its members.
    pub(super) fn commit(&mut self, members: Vec<Box<Member>>) {
        if let Err(e) = self.refuse_stopped() {
            answer(members, |_| Err(e.clone()));
            return;
        }
        if let Err(e) = self.notice_outside() {
            answer(members, |_| Err(e.clone()));
            return;
        }
        self.expected = members.len();
        metrics::histogram!("brigade_commit_group_size").record(members.len() as f64);
        fail_point!("commit::group_taken");
        match self.run_group(&members) {
            Ended::Durable(answers, place) => self.durable(members, answers, place),
            // Some errors end the group: its members run again, each alone.
            Ended::Lost(_) if members.len() > 1 => members.into_iter().for_each(|m| self.commit(vec![m])),
            Ended::Lost(e) | Ended::Failed(e) => {
                // What the group had stamped is not stamped: the next look finds it.
                self.data_version = -1;
                answer(members, |_| Err(e.clone()));
            }
        }
        self.stop_if_fatal();
    }

    fn durable(&mut self, members: Vec<Box<Member>>, answers: Vec<Result<Receipt>>, place: Place) {
        self.place = place;
        self.publish();
        fail_point!("commit::tip_published");
        let mut answers = answers.into_iter();
        answer(members, |_| answers.next().unwrap_or_else(|| Err(Error::internal("a member without an answer"))));
        fail_point!("commit::group_answered");
    }

    fn run_group(&self, members: &[Box<Member>]) -> Ended {
        if let Err(e) = self.begin() {
            return Ended::Failed(e);
        }
        fail_point!("commit::group_begun");
        let stamped = self.stamp(self.place, Origin::Outside).and_then(|place| {
            if place != self.place {
                self.clear_stages()?;
            }
            Ok(place)
        });
        let mut place = match stamped {
            Ok(place) => place,
            Err(e) => return self.roll_back(e),
        };
        let (mut answers, mut stamps) = (Vec::with_capacity(members.len()), Stamps::default());
        for member in members {
            let done = self.run_member(member, place);
            fail_point!("commit::member_done");
            if self.is_fatal() {
                return self.roll_back(done.err().unwrap_or_else(|| Error::internal("the database cannot be read")));
            }
            if self.conn.is_autocommit() {
                return Ended::Lost(done.err().unwrap_or_else(|| Error::internal("sqlite rolled the group back")));
            }
            answers.push(done.map(|done| {
                if done.place != place {
                    stamps.add(done.place, done.at);
                    place = done.place;
                }
                done.receipt
            }));
        }
        if let Err(e) = stamps.write(&self.conn) {
            return self.roll_back(self.failed(e));
        }
        fail_point!("commit::group_stamped");
        match self.conn.prepare_cached("COMMIT").and_then(|mut s| s.execute([])) {
            Ok(_) => {
                fail_point!("commit::group_committed");
                Ended::Durable(answers, place)
            }
            Err(e) => self.commit_failed(e),
        }
    }

    /// No space: nothing was written, and there may be space again. A failed write or fsync: what the disk holds is not
    /// known, and a second fsync would answer success without the data; so the writer stops.
    fn commit_failed(&self, cause: rusqlite::Error) -> Ended {
        if error::is_full(&cause) {
            return self.roll_back(error::no_space());
        }
        if cause.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) {
            let _ = self.conn.execute_batch("ROLLBACK");
            return Ended::Lost(error::from_sqlite(cause));
        }
        if matches!(cause.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)) {
            return self.roll_back(error::from_sqlite(cause));
        }
        let reason = format!("commit failed: {cause}");
        self.fatal.set(Some(reason.clone()));
        let unknown = error::stopped(&reason)
            .details("the outcome is unknown: repeat with the same idempotency key after a restart");
        self.roll_back(unknown)
    }

    fn roll_back(&self, e: Error) -> Ended {
        if !self.conn.is_autocommit() {
            let _ = self.conn.execute_batch("ROLLBACK");
        }
        Ended::Failed(e)
    }

    fn is_fatal(&self) -> bool {
        let fatal = self.fatal.take();
        let is = fatal.is_some();
        self.fatal.set(fatal);
        is
    }
}

fn answer(members: Vec<Box<Member>>, mut result: impl FnMut(&Member) -> Result<Receipt>) {
    const KINDS: [&str; 4] = ["committed", "replayed", "refused", "failed"];
    let now = Instant::now();
    let mut counts = [0; KINDS.len()];
    let durations = metrics::histogram!("brigade_commit_duration_seconds");
    let mut answers = Vec::with_capacity(members.len());
    for member in members {
        let result = result(&member);
        let kind = match &result {
            Ok(receipt) => usize::from(receipt.replayed),
            Err(e) if e.kind() == Kind::Caller => 2,
            Err(_) => 3,
        };
        counts[kind] += 1;
        durations.record((now - member.queued).as_secs_f64());
        answers.push((member, result));
    }
    tell(answers);
    for (kind, count) in KINDS.into_iter().zip(counts).filter(|(_, count)| *count > 0) {
        metrics::counter!("brigade_commits_total", "result" => kind).increment(count);
    }
}
