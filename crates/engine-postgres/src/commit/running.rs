//! A transaction under way in one session: as few round trips as its statements allow, then its COMMIT, and the proof that
//! the COMMIT was one.

use std::time::Duration;

use brigade_core::{
    data::{Error, IdempotencyKey, Position, Receipt, Result, StatementResult, Value},
    engine::{CheckedTransaction, Operand, no_such_row},
};
use fail::fail_point;
use rand::Rng;

use super::{
    Failed,
    answer::{commit_error, outcome, position, statement_error},
};
use crate::{
    batch::{Answered, Job, run},
    encode::{self, Param},
    error::{away, outcome_unknown},
    keys::{self, Claim},
    pool::Session,
    read::called,
    statement::{self, Answer, Sql},
    truth::PostgresTruth,
};

/// A transaction under way in one session.
pub(super) struct Running<'a> {
    truth: &'a PostgresTruth,
    transaction: &'a CheckedTransaction,
    results: Vec<StatementResult>,
    mark: String,
    is_open: bool,
}

/// A part of a round trip: what it is for, beside the SQL.
enum Part {
    Begin,
    Lock,
    Claim,
    /// A piece of a statement; the number of pieces it has.
    Piece(usize, Answer),
    /// A statement of a routine; whether it is the last, whose answer counts.
    Called(bool),
    Mark,
    Commit,
    Place,
}

impl<'a> Running<'a> {
    pub fn new(truth: &'a PostgresTruth, transaction: &'a CheckedTransaction) -> Self {
        Self { truth, transaction, results: Vec::new(), mark: new_mark(), is_open: false }
    }

    /// Runs it to its end.
    pub async fn run(&mut self, session: &mut Session, key: Option<&IdempotencyKey>) -> Result<Receipt, Failed> {
        let claim = key.map(Claim::new);
        let all = &self.transaction.statements;
        loop {
            let from = self.results.len();
            let until = self.reach(from);
            let pieces: Vec<Vec<Sql>> = all[from..until]
                .iter()
                .zip(from..)
                .map(|(s, i)| statement::compile(s, &|operand| self.resolve(i, operand)))
                .collect::<Result<_>>()?;
            let guards_hold = pieces
                .iter()
                .zip(&all[from..until])
                .all(|(p, s)| (s.expect.is_none() || p.len() == 1) && !statement::must_be_seen(s));
            let called = self.called(until)?;
            let is_done = until == all.len();
            let ends = is_done && guards_hold && claim.is_none() && called.is_empty() && !self.transaction.rolls_back;
            let mut plan: Vec<(Part, Job<'_>)> = Vec::new();
            if !self.is_open {
                plan.push((Part::Begin, Job::new(self.begin_sql(), &[])));
                if let Some(claim) = &claim {
                    plan.push((Part::Lock, claim.lock()));
                    plan.push((Part::Claim, claim.claim()));
                }
            }
            for (i, statement) in pieces.iter().enumerate() {
                plan.extend(
                    statement.iter().map(|sql| (Part::Piece(from + i, sql.answer), Job::new(&sql.text, &sql.params))),
                );
            }
            for (i, (sql, params)) in called.iter().enumerate() {
                let is_last = i + 1 == called.len();
                // What the others return is nobody's.
                let bytes_max = self.transaction.call.as_ref().filter(|_| is_last).map_or(0, |call| call.bytes_max);
                plan.push((Part::Called(is_last), Job::new(sql, params).bounded(bytes_max)));
            }
            let mark = [Param::text(&*self.mark)];
            if ends {
                plan.extend(self.ending(&mark));
            }
            self.is_open = true;
            let receipt = self.trip(session, plan).await?;
            if let Some(receipt) = receipt {
                return Ok(receipt);
            }
            if is_done && self.transaction.rolls_back {
                return self.take_back(session).await;
            }
            if is_done {
                return self.finish(session, claim.as_ref()).await;
            }
        }
    }

    /// The statements of the routine that is called behind those up to `until`.
    fn called(&self, until: usize) -> Result<Vec<(String, Vec<Param>)>> {
        match &self.transaction.call {
            Some(call) if until == self.transaction.statements.len() => called::statements(call),
            _ => Ok(Vec::new()),
        }
    }

    /// The end without effect: what deferred constraints say is heard, then everything is undone.
    async fn take_back(&mut self, session: &mut Session) -> Result<Receipt, Failed> {
        let client = session.client();
        client
            .batch_execute("SET CONSTRAINTS ALL IMMEDIATE")
            .await
            .map_err(|error| commit_error(error, &self.transaction.statements))?;
        client.batch_execute("ROLLBACK").await.map_err(crate::error::from_pg)?;
        Ok(self.receipt_at(Position::START))
    }

    /// The trip of its own that ends a transaction whose answers had to be seen first.
    async fn finish(&mut self, session: &mut Session, claim: Option<&Claim>) -> Result<Receipt, Failed> {
        let kept = claim.map(|claim| {
            let receipt = Receipt {
                position: Position::START,
                results: self.results.clone(),
                replayed: false,
                durability: self.truth.durability(),
            };
            claim.keep(&receipt)
        });
        fail_point!("commit::statements_done");
        let mark = [Param::text(&*self.mark)];
        let mut plan: Vec<(Part, Job<'_>)> = Vec::new();
        plan.extend(kept.as_ref().map(|(sql, params)| (Part::Claim, Job::new(sql, params))));
        plan.extend(self.ending(&mark));
        let receipt = self.trip(session, plan).await?;
        receipt.ok_or_else(|| Failed::Refused(Error::internal("the transaction has no end")))
    }

    fn begin_sql(&self) -> &'static str {
        if self.transaction.is_read_only() {
            "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY"
        } else {
            "BEGIN ISOLATION LEVEL SERIALIZABLE"
        }
    }

    fn ending<'p>(&self, mark: &'p [Param]) -> [(Part, Job<'p>); 3] {
        const MARK: &str =
            "SELECT set_config('brigade.commit', $1::text, false), pg_current_xact_id_if_assigned()::text";
        [
            (Part::Mark, Job::new(MARK, mark)),
            (Part::Commit, Job::new("COMMIT", &[])),
            (Part::Place, Job::new(self.truth.receipt_sql(), &[])),
        ]
    }

    /// The first statement, from `from` on, that refers to one that has not run yet.
    fn reach(&self, from: usize) -> usize {
        let all = &self.transaction.statements;
        (from..all.len())
            .find(|&i| i > from && statement::refers_to(&all[i]).is_some_and(|s| s >= from))
            .unwrap_or(all.len())
    }

    fn resolve(&self, at: usize, operand: &Operand) -> Result<Value> {
        match operand {
            Operand::Value(value) => Ok(value.clone()),
            Operand::Returned { statement, row, column } => {
                let returned = self.results.get(*statement).and_then(|r| r.returned.as_ref());
                let found = returned.and_then(|r| r.rows.get(*row)?.get(*column)).cloned();
                found.ok_or_else(|| no_such_row(at, *row, *statement, returned.map_or(0, |r| r.rows.len())))
            }
        }
    }

    /// One round trip. A receipt comes of one that held the COMMIT.
    async fn trip(&mut self, session: &mut Session, plan: Vec<(Part, Job<'_>)>) -> Result<Option<Receipt>, Failed> {
        let (parts, jobs): (Vec<Part>, Vec<Job<'_>>) = plan.into_iter().unzip();
        let commits = parts.iter().any(|p| matches!(p, Part::Commit));
        let answers = match run(session.client(), &jobs).await {
            Ok(answers) => answers,
            Err(unsent) => return Err(self.part_error(&parts[unsent.at], unsent.error)),
        };
        let mut pieces: Vec<(Answer, Answered)> = Vec::new();
        let mut xid: Option<u64> = None;
        let mut answers = parts.iter().zip(answers).peekable();
        while let Some((part, answer)) = answers.next() {
            let answer = match answer {
                Ok(answer) => answer,
                Err(error) if commits && crate::error::is_connection(&error) => {
                    session.abandon();
                    if matches!(part, Part::Place) {
                        return self.receipt_elsewhere().await.map(Some);
                    }
                    return self.resolve_lost(xid, crate::error::describe(&error)).await.map(Some);
                }
                Err(error) => return Err(self.part_error(part, error)),
            };
            match part {
                Part::Piece(statement, how) => {
                    pieces.push((*how, answer));
                    let more = matches!(answers.peek(), Some((Part::Piece(next, _), _)) if next == statement);
                    if !more {
                        let checked = &self.transaction.statements[*statement];
                        self.results.push(outcome(checked, *statement, std::mem::take(&mut pieces))?);
                    }
                }
                Part::Called(is_last) => {
                    if let Some(call) = self.transaction.call.as_ref().filter(|_| *is_last) {
                        self.results.push(called::result(call, &answer)?);
                    }
                }
                Part::Mark => {
                    xid = answer.rows.first().and_then(|r| encode::column(r, 1).ok()?).and_then(|t| t.parse().ok());
                }
                Part::Place => return self.receipt(&answer).map(Some).map_err(Failed::Refused),
                Part::Begin | Part::Lock | Part::Claim | Part::Commit => {}
            }
        }
        Ok(None)
    }

    fn part_error(&self, part: &Part, error: tokio_postgres::Error) -> Failed {
        match part {
            Part::Piece(i, _) => statement_error(error, *i, &self.transaction.statements[*i]).into(),
            Part::Lock | Part::Claim => keys::error(error).into(),
            Part::Commit => commit_error(error, &self.transaction.statements).into(),
            _ => crate::error::from_pg(error).into(),
        }
    }

    /// The receipt, if the session still shows the mark: the COMMIT was one.
    fn receipt(&mut self, place: &Answered) -> Result<Receipt> {
        let shown = place.rows.first().map(|r| encode::column(r, 1)).transpose()?.flatten();
        if shown != Some(&*self.mark) {
            return Err(
                Error::internal("postgresql rolled the transaction back at its commit").details("nothing was written")
            );
        }
        Ok(self.receipt_at(position(self.truth, place)?))
    }

    fn receipt_at(&mut self, position: Position) -> Receipt {
        Receipt {
            position,
            results: std::mem::take(&mut self.results),
            replayed: false,
            durability: self.truth.durability(),
        }
    }

    async fn receipt_elsewhere(&mut self) -> Result<Receipt, Failed> {
        match self.truth.newest().await {
            Ok(position) => Ok(self.receipt_at(position)),
            Err(error) => Err(Failed::Refused(outcome_unknown(error.message()))),
        }
    }

    /// The connection went behind COMMIT: asks the server what became of the transaction, for at most three seconds.
    async fn resolve_lost(&mut self, xid: Option<u64>, why: String) -> Result<Receipt, Failed> {
        let Some(xid) = xid else { return Err(Failed::Refused(outcome_unknown(why))) };
        let ask = async {
            loop {
                if let Ok(Some(status)) = status_of(self.truth, xid).await
                    && status != "in progress"
                {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        match tokio::time::timeout(Duration::from_secs(3), ask).await.as_deref() {
            Ok("committed") => self.receipt_elsewhere().await,
            Ok("aborted") => Err(Failed::Refused(away(why))),
            _ => Err(Failed::Refused(outcome_unknown(why))),
        }
    }
}

async fn status_of(truth: &PostgresTruth, xid: u64) -> Result<Option<String>> {
    let session = truth.session().await?;
    let sql = "SELECT pg_xact_status($1::text::xid8)";
    let row = session.client().query_one(sql, &[&xid.to_string()]).await.map_err(crate::error::from_pg)?;
    row.try_get(0).map_err(crate::error::from_pg)
}

fn new_mark() -> String {
    format!("{:032x}", rand::rng().random::<u128>())
}
