//! What statements answered: numbers, returned rows, the place of the WAL's end, and which statement an error is of.

use std::sync::Arc;

use brigade_core::{
    data::{Error, Expect, Position, Result, Returned, Row, Shown, SqlType, StatementResult},
    engine::{CheckedAction, CheckedStatement, column_of, expect_failed},
    schema::Table,
};
use tokio_postgres::error::DbError;

use crate::{
    batch::Answered,
    encode::{self, lsn},
    read,
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
        Some(rows) => expect_failed(statement, rows, checked.expect.unwrap_or(Expect { min: 0, max: u64::MAX })),
        None => {
            let field = error.as_db_error().and_then(|db| field_of(db, &checked.table));
            crate::error::from_pg(error).in_statement(statement, field)
        }
    }
}

/// The column that an error is about: the one it names, or the one of a constraint on a single column.
fn field_of(error: &DbError, table: &Table) -> Option<String> {
    if error.table() != Some(&*table.name) {
        return None;
    }
    let of_constraint = || error.constraint().and_then(|name| column_of(table, name));
    error.column().or_else(of_constraint).map(str::to_owned)
}

/// An error of the COMMIT: of a deferred constraint, which stands for the one statement that wrote the constraint's table.
/// Where several did, PostgreSQL does not tell which.
pub(super) fn commit_error(error: tokio_postgres::Error, statements: &[CheckedStatement]) -> Error {
    let found = error.as_db_error().filter(|db| db.code().code().starts_with("23")).and_then(|db| {
        let wrote = |s: &CheckedStatement| {
            !matches!(s.action, CheckedAction::Check { .. }) && Some(&*s.table.name) == db.table()
        };
        let mut writers = statements.iter().enumerate().filter(|(_, s)| wrote(s));
        let only = writers.next().filter(|_| writers.next().is_none());
        only.map(|(index, s)| (index, field_of(db, &s.table)))
    });
    let error = crate::error::from_pg(error);
    match found {
        Some((statement, field)) => error.in_statement(statement, field),
        None => error,
    }
}

/// What a statement did, of the answers to its pieces; its guard is looked at where it could not be compiled in.
pub(super) fn outcome(
    checked: &CheckedStatement,
    statement: usize,
    pieces: Vec<(Answer, Answered)>,
) -> Result<StatementResult> {
    if let [(Answer::Planned, answer)] = &pieces[..] {
        return planned(checked, answer);
    }
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
        return Err(expect_failed(statement, rows, expect));
    }
    let returned = returned
        .zip(checked.returning.as_ref())
        .map(|(rows, columns)| Returned { columns: names(checked, columns), rows });
    Ok(StatementResult { returned, ..StatementResult::of(rows) })
}

/// What a planned statement did. Its guard was compiled in.
fn planned(checked: &CheckedStatement, answer: &Answered) -> Result<StatementResult> {
    let first = answer.rows.first().ok_or_else(|| Error::internal("a count is missing"))?;
    let number = |i: usize| Ok::<_, Error>(encode::column(first, i)?.and_then(|text| text.parse::<u64>().ok()));
    let mut result = StatementResult::of(number(0)?.ok_or_else(|| Error::internal("a count is missing"))?);
    result.inserted = number(1)?;
    if checked.shown().is_none() && checked.returning.is_none() {
        return Ok(result);
    }
    let mut there = Vec::with_capacity(answer.rows.len());
    for row in &answer.rows {
        if encode::column(row, 2)?.is_some() {
            there.push(row);
        }
    }
    if let Some(read) = checked.shown() {
        let answer = read::shown(read, there.into_iter(), 3)?;
        checked.planned.as_ref().map_or(Ok(()), |planned| planned.check_shown(answer.rows))?;
        result.shown = Some(Shown { body: answer.body, rows: answer.rows });
    } else if let Some(columns) = &checked.returning {
        let types = || columns.iter().map(|&c| &checked.table.columns[c].ty);
        let rows = there.into_iter().map(|row| encode::row(row, 3, types())).collect::<Result<_>>()?;
        result.returned = Some(Returned { columns: names(checked, columns), rows });
    }
    Ok(result)
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

/// The position of a receipt: everything that was durable when the server was asked is at or before it.
pub(super) fn position(truth: &PostgresTruth, answer: &Answered) -> Result<Position> {
    let row = answer.rows.first().ok_or_else(|| Error::internal("the place of the WAL's end is missing"))?;
    let place = encode::column(row, 0)?.ok_or_else(|| Error::internal("the place of the WAL's end is null"))?;
    Ok(truth.identity().position_before(lsn(place)?))
}
