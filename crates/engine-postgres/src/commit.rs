//! A checked transaction runs, and its receipt is made. It owns rule 18: a COMMIT that PostgreSQL answered is believed only
//! if the session still shows a mark that was set inside the transaction, since COMMIT of a failed transaction "succeeds"
//! too; and a connection lost behind COMMIT is resolved by the transaction's id, or said to be unknown.
//!
//! Round trips: one where no statement needs another's answer and every guard is compiled in; one more for an
//! idempotency key, whose kept receipt holds the results; one more for each reference to returned rows.

use std::{sync::Arc, time::Duration};

use brigade_core::{
    data::{Error, IdempotencyKey, Position, Receipt, Result, Returned, Row, SqlType, StatementResult, Value, code},
    engine::{CheckedAction, CheckedStatement, CheckedTransaction, Operand},
};
use rand::Rng;

use crate::{
    batch::{Answered, Job, run},
    encode::{self, Param, lsn},
    error::{away, is_repeatable, outcome_unknown},
    keys::{self, Claim},
    statement::{self, Answer, EXPECT, Sql},
    truth::{PostgresTruth, Session},
};

/// Times a transaction is run before 40001 is passed on. With the pauses below this is about a second.
const TRIES_MAX: u32 = 12;

/// The longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_millis(150);

/// Why a try ended without a receipt.
pub(crate) enum Failed {
    /// Nothing happened; this is the answer.
    Refused(Error),
    /// Nothing happened; another try may succeed.
    Again(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        if is_repeatable(&error) { Self::Again(error) } else { Self::Refused(error) }
    }
}

/// Commits, with bounded retries.
pub(crate) async fn commit(
    truth: &PostgresTruth,
    transaction: &CheckedTransaction,
    key: Option<&IdempotencyKey>,
) -> Result<Receipt> {
    let mut tries = 0;
    loop {
        let error = match attempt(truth, transaction, key).await {
            Ok(receipt) => return Ok(receipt),
            Err(Failed::Refused(error)) => return Err(error),
            Err(Failed::Again(error)) => error,
        };
        tries += 1;
        if tries >= TRIES_MAX {
            return Err(error.hint("it stands in conflict with others that run now: repeat it"));
        }
        let ceiling = PAUSE_MAX.min(Duration::from_millis(2 << tries.min(10)));
        let pause = rand::rng().random_range(Duration::ZERO..=ceiling);
        tokio::time::sleep(pause).await;
    }
}

async fn attempt(
    truth: &PostgresTruth,
    transaction: &CheckedTransaction,
    key: Option<&IdempotencyKey>,
) -> Result<Receipt, Failed> {
    let mut session = truth.session().await?;
    if let (None, [only]) = (key, transaction.statements.as_slice())
        && statement::stands_alone(only)
        && let [sql] = statement::compile(only, &resolve_none)?.as_slice()
    {
        return alone(truth, &mut session, only, sql).await;
    }
    session.begin();
    let mut running = Running { truth, transaction, results: Vec::new(), mark: new_mark(), is_open: false };
    let outcome = running.run(&mut session, key).await;
    match outcome {
        Ok(receipt) => {
            session.end();
            Ok(receipt)
        }
        Err(failed) => {
            session.roll_back().await;
            match failed {
                Failed::Refused(error) if error.message() == keys::KEPT => {
                    let key = key.expect("only a claim raises it");
                    keys::replay(truth, session.client(), key).await
                }
                other => Err(other),
            }
        }
    }
}

/// One statement that needs no transaction around it: it and the place of the WAL's end, in one round trip.
async fn alone(
    truth: &PostgresTruth,
    session: &mut Session,
    checked: &CheckedStatement,
    sql: &Sql,
) -> Result<Receipt, Failed> {
    session.begin();
    let jobs = [Job::new(&sql.text, &sql.params), Job::new(truth.receipt_sql(), &[])];
    let mut answers = match run(session.client(), &jobs).await {
        Ok(answers) => answers,
        Err(unsent) => {
            session.end();
            return Err(statement_error(unsent.error, 0, checked).into());
        }
    };
    let last = answers.pop().expect("two answers");
    let first = answers.pop().expect("two answers");
    if let Err(error) = &first
        && crate::error::is_connection(error)
    {
        return Err(Failed::Refused(outcome_unknown(crate::error::describe(error))));
    }
    session.end();
    let result = read(checked, 0, vec![(sql.answer, first.map_err(|e| statement_error(e, 0, checked))?)])?;
    let position = match last {
        Ok(answer) => position(truth, &answer)?,
        // It is committed; only its place is not known on this connection.
        Err(_) => truth.newest().await.map_err(|e| Failed::Refused(outcome_unknown(e.message())))?,
    };
    Ok(Receipt { position, results: vec![result], replayed: false, durability: truth.durability() })
}

fn resolve_none(operand: &Operand) -> Result<Value> {
    match operand {
        Operand::Value(value) => Ok(value.clone()),
        Operand::Returned { .. } => Err(no_such_row(0)),
    }
}

fn no_such_row(statement: usize) -> Error {
    Error::new("22023", format!("statement {statement} did not return that row"))
        .details(format!("statement {statement}"))
        .hint("guard it with \"expect\", so that the row is there")
}

fn new_mark() -> String {
    format!("{:032x}", rand::rng().random::<u128>())
}

fn position(truth: &PostgresTruth, answer: &Answered) -> Result<Position> {
    let row = answer.rows.first().ok_or_else(|| Error::internal("the place of the WAL's end is missing"))?;
    let place = encode::column(row, 0)?.ok_or_else(|| Error::internal("the place of the WAL's end is null"))?;
    Ok(truth.identity().position_before(lsn(place)?))
}

/// A transaction under way in one session.
struct Running<'a> {
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
    Mark,
    Commit,
    Place,
}

impl Running<'_> {
    async fn run(&mut self, session: &mut Session, key: Option<&IdempotencyKey>) -> Result<Receipt, Failed> {
        let claim = key.map(Claim::new);
        let all = &self.transaction.statements;
        loop {
            let from = self.results.len();
            let until = self.reach(from);
            let pieces: Vec<Vec<Sql>> = all[from..until]
                .iter()
                .map(|s| statement::compile(s, &|operand| self.resolve(operand)))
                .collect::<Result<_>>()?;
            let guards_hold = pieces.iter().zip(&all[from..until]).all(|(p, s)| s.expect.is_none() || p.len() == 1);
            let ends = until == all.len() && guards_hold && claim.is_none();
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
            let mark = [Param::text(&*self.mark)];
            if ends {
                plan.extend(self.ending(&mark));
            }
            self.is_open = true;
            let receipt = self.trip(session, plan).await?;
            if let Some(receipt) = receipt {
                return Ok(receipt);
            }
            if self.results.len() == all.len() {
                return self.finish(session, claim.as_ref()).await;
            }
        }
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

    fn resolve(&self, operand: &Operand) -> Result<Value> {
        match operand {
            Operand::Value(value) => Ok(value.clone()),
            Operand::Returned { statement, row, column } => self
                .results
                .get(*statement)
                .and_then(|r| r.returned.as_ref())
                .and_then(|r| r.rows.get(*row))
                .and_then(|r| r.get(*column))
                .cloned()
                .ok_or_else(|| no_such_row(*statement)),
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
                        self.results.push(read(checked, *statement, std::mem::take(&mut pieces))?);
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

/// An error of a statement: a compiled guard's becomes BRG409, every other one says which statement.
fn statement_error(error: tokio_postgres::Error, statement: usize, checked: &CheckedStatement) -> Error {
    let found = error.as_db_error().and_then(|db| db.message().split_once(EXPECT)).and_then(|(_, rest)| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u64>().ok()
    });
    match found {
        Some(rows) => expect_failed(statement, checked, rows),
        None => crate::error::from_pg(error),
    }
}

fn expect_failed(statement: usize, checked: &CheckedStatement, rows: u64) -> Error {
    let wanted = checked.expect.map_or_else(String::new, |e| match e.max {
        max if max == e.min => format!("{max}"),
        u64::MAX => format!("at least {}", e.min),
        max => format!("{} to {max}", e.min),
    });
    let what = if matches!(checked.action, CheckedAction::Check { .. }) { "matched" } else { "affected" };
    Error::new(code::EXPECT_FAILED, format!("statement {statement} {what} {rows} rows, expected {wanted}"))
        .details(format!("statement {statement}: {rows} rows {what}"))
}

/// What a statement did, of the answers to its pieces; its guard is looked at where it could not be compiled in.
fn read(checked: &CheckedStatement, statement: usize, pieces: Vec<(Answer, Answered)>) -> Result<StatementResult> {
    let types = |i: &usize| &checked.table.columns[*i].ty;
    let mut rows = 0;
    let mut returned: Option<Vec<Row>> = checked.returning.as_ref().map(|_| Vec::new());
    for (how, answer) in pieces {
        if how == Answer::Count {
            let text = answer.rows.first().map(|r| encode::column(r, 0)).transpose()?.flatten();
            rows += text.and_then(|t| t.parse::<u64>().ok()).ok_or_else(|| Error::internal("a count is missing"))?;
            continue;
        }
        let skip = usize::from(how == Answer::Marked);
        let mut count = 0;
        for row in &answer.rows {
            if how == Answer::Marked && encode::column(row, 0)?.is_none() {
                continue;
            }
            count += 1;
            if let (Some(returned), Some(columns)) = (&mut returned, &checked.returning) {
                returned.push(encode::row(row, skip, columns.iter().map(types))?);
            }
        }
        rows += if how == Answer::Tag { answer.affected } else { count };
    }
    if let Some(expect) = checked.expect
        && !expect.holds(rows)
    {
        return Err(expect_failed(statement, checked, rows));
    }
    let returned = returned
        .zip(checked.returning.as_ref())
        .map(|(rows, columns)| Returned { columns: names(checked, columns), rows });
    Ok(StatementResult { rows, returned })
}

fn names(checked: &CheckedStatement, columns: &[usize]) -> Arc<[(String, SqlType)]> {
    columns
        .iter()
        .map(|&i| {
            let column = &checked.table.columns[i];
            (column.name.clone(), column.ty.clone())
        })
        .collect()
}
