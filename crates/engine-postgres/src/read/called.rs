//! The statements of a routine that writes. What it answers is read as a table is: the last one stands in a WITH, the only
//! place where PostgreSQL lets a statement that writes give its rows to another.

use brigade_core::{
    data::{Error, Result, Shown, StatementResult, code},
    engine::{CheckedRead, Source},
    limits,
    schema::Piece,
};

use super::{
    node::{From, Sql},
    run::{self, Page},
};
use crate::{
    batch::Answered,
    encode::{Param, column},
};

/// The name of what the last statement returns.
const RETURNED: &str = "brigade_returned";

/// A statement that shows all of what another returns.
pub(super) fn around(last: &str) -> String {
    format!("WITH {RETURNED} AS ({last}) SELECT * FROM {RETURNED}")
}

/// The statements of a call with their parameters, in order.
pub(crate) fn statements(read: &CheckedRead) -> Result<Vec<(String, Vec<Param>)>> {
    let source = read.source.as_ref().ok_or_else(|| Error::internal("a call without a routine"))?;
    let mut all: Vec<(String, Vec<Param>)> = source.before.iter().map(|pieces| plain(source, pieces)).collect();
    if read.node.relation.columns.is_empty() {
        all.push(plain(source, &source.pieces));
        return Ok(all);
    }
    let mut sql = Sql::default();
    sql.push(&format!("WITH {RETURNED} AS ("));
    sql.pieces(source, &source.pieces);
    sql.push(") ");
    // One more than may be: who has that many is refused, instead of being shown a part.
    let mut bounded = read.clone();
    bounded.node.limit = Some(read.node.limit.unwrap_or(u64::MAX).min(limits::SHOWN_ROWS_MAX + 1));
    run::page(&mut sql, &bounded, counts(read), From::Relation(RETURNED))?;
    all.push((sql.text, sql.params));
    Ok(all)
}

fn plain(source: &Source, pieces: &[Piece]) -> (String, Vec<Param>) {
    let mut sql = Sql::default();
    sql.pieces(source, pieces);
    (sql.text, sql.params)
}

fn counts(read: &CheckedRead) -> bool {
    read.count.is_some() && !read.is_whole()
}

/// What the last statement of [`statements`] has answered.
pub(crate) fn result(read: &CheckedRead, answered: &Answered) -> Result<StatementResult> {
    if read.node.relation.columns.is_empty() {
        return Ok(StatementResult::of(answered.affected));
    }
    if answered.is_cut {
        return Err(Error::new(code::LIMIT, format!("the answer is larger than {} bytes", read.bytes_max))
            .details("ANSWER_BYTES_MAX")
            .hint("return fewer rows or columns"));
    }
    let counts = counts(read);
    let (mut page, mut total) = (Page::begin(read), None);
    for row in &answered.rows {
        if counts {
            total = column(row, 0)?.and_then(|n| n.parse().ok());
            if column(row, 1)?.is_none() {
                continue;
            }
        }
        page.row(row, if counts { 2 } else { 0 })?;
    }
    let answer = page.finish();
    if answer.rows > limits::SHOWN_ROWS_MAX {
        return Err(Error::new(code::LIMIT, "the query returns more than one answer shows")
            .details(format!("SHOWN_ROWS_MAX is {}", limits::SHOWN_ROWS_MAX))
            .hint("return fewer rows"));
    }
    if let Some(source) = &read.source {
        source.check_rows(answer.rows)?;
    }
    let shown = Shown { body: answer.body, rows: answer.rows };
    Ok(StatementResult { shown: Some(shown), ..StatementResult::of(total.unwrap_or(answer.rows)) })
}
