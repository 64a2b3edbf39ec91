//! A checked transaction runs, and its receipt is made. It owns rule 18: a COMMIT that PostgreSQL answered is believed only
//! if the session still shows a mark that was set inside the transaction, since COMMIT of a failed transaction "succeeds"
//! too; and a connection lost behind COMMIT is resolved by the transaction's id, or said to be unknown.
//!
//! Round trips: one where no statement needs another's answer and every guard is compiled in; one more for an
//! idempotency key, whose kept receipt holds the results; one more for each reference to returned rows.

mod answer;
mod running;

use std::time::Duration;

use brigade_core::{
    data::{Error, IdempotencyKey, Receipt, Result, Value},
    engine::{CheckedStatement, CheckedTransaction, Operand, no_such_row},
};
use fail::fail_point;
use rand::Rng;

use answer::{outcome, position, statement_error};
use running::Running;

use crate::{
    batch::{Job, run},
    error::{is_repeatable, outcome_unknown},
    keys,
    pool::Session,
    statement::{self, Sql},
    truth::PostgresTruth,
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
    if let (None, None, false, [only]) =
        (key, &transaction.call, transaction.rolls_back, transaction.statements.as_slice())
        && statement::stands_alone(only)
        && let [sql] = statement::compile(only, &resolve_none)?.as_slice()
    {
        return alone(truth, &mut session, only, sql).await;
    }
    fail_point!("commit::begins");
    session.begin();
    let mut running = Running::new(truth, transaction);
    let outcome = running.run(&mut session, key).await;
    match outcome {
        Ok(receipt) => {
            fail_point!("commit::committed");
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
    let result = outcome(checked, 0, vec![(sql.answer, first.map_err(|e| statement_error(e, 0, checked))?)])?;
    let position = match last {
        Ok(answer) => position(truth, &answer)?,
        // It is committed; only its place is not known on this connection.
        Err(_) => {
            session.abandon();
            truth.newest().await.map_err(|e| Failed::Refused(outcome_unknown(e.message())))?
        }
    };
    Ok(Receipt { position, results: vec![result], replayed: false, durability: truth.durability() })
}

fn resolve_none(operand: &Operand) -> Result<Value> {
    match operand {
        Operand::Value(value) => Ok(value.clone()),
        Operand::Returned { statement, row, .. } => Err(no_such_row(0, *row, *statement, 0)),
    }
}
