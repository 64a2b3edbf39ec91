//! What statements answered: numbers, returned rows, the place of the WAL's end, and which statement an error is of.

use std::sync::Arc;

use brigade_core::{
    data::{Error, Position, Result, Returned, Row, SqlType, StatementResult, code},
    engine::CheckedStatement,
};

use crate::{
    batch::Answered,
    encode::{self, lsn},
    statement::{Answer, EXPECT},
    truth::PostgresTruth,
};

/// An error of a statement: a compiled guard's becomes BRG409, every other one says which statement.
pub(super) fn statement_error(error: tokio_postgres::Error, statement: usize, checked: &CheckedStatement) -> Error {
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
    let expected = checked.expect.map_or_else(String::new, |e| match (e.min, e.max) {
        (min, max) if min == max => min.to_string(),
        (min, u64::MAX) => format!("at least {min}"),
        (min, max) => format!("{min} to {max}"),
    });
    Error::new(code::EXPECT_FAILED, "an expectation of the transaction did not hold")
        .details(format!("statement {statement} affected {rows} rows, expected {expected}"))
        .hint("read the rows again and decide anew")
}

/// What a statement did, of the answers to its pieces; its guard is looked at where it could not be compiled in.
pub(super) fn read(
    checked: &CheckedStatement,
    statement: usize,
    pieces: Vec<(Answer, Answered)>,
) -> Result<StatementResult> {
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

/// An operand that names a row which the earlier statement did not return.
pub(super) fn no_such_row(statement: usize) -> Error {
    Error::new("22023", format!("statement {statement} did not return that row"))
        .details(format!("statement {statement}"))
        .hint("guard it with \"expect\", so that the row is there")
}

/// The position of a receipt: everything that was durable when the server was asked is at or before it.
pub(super) fn position(truth: &PostgresTruth, answer: &Answered) -> Result<Position> {
    let row = answer.rows.first().ok_or_else(|| Error::internal("the place of the WAL's end is missing"))?;
    let place = encode::column(row, 0)?.ok_or_else(|| Error::internal("the place of the WAL's end is null"))?;
    Ok(truth.identity().position_before(lsn(place)?))
}
