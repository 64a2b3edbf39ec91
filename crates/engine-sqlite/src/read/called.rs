//! What a statement that writes has returned, read as a table is: SQLite lets no such statement stand inside another, so its
//! rows are taken first and given to the read as values.

use brigade_core::{
    data::{Error, Result, Shown, StatementResult, code},
    engine::{CheckedRead, Source},
    schema::Piece,
};
use rusqlite::{Connection, params_from_iter, types::Value as Bound};

use super::{
    node::{PARAMETERS_MAX, Rows},
    run,
};
use crate::statement::quoted;

/// Values that returned rows may have, so that the read's own find room.
const VALUES_MAX: usize = PARAMETERS_MAX - 2_000;

/// A statement of a routine as SQLite takes it, with what is bound.
pub(crate) fn plain(pieces: &[Piece], source: &Source) -> Result<(String, Vec<Bound>)> {
    let values = Rows::of(source)?.values;
    let (mut text, mut bound) = (String::new(), Vec::new());
    for piece in pieces {
        match piece {
            Piece::Text(sql) => text.push_str(sql),
            Piece::Value(value) => {
                text.push('?');
                bound.push(values[*value].clone());
            }
        }
    }
    Ok((text, bound))
}

/// What an error of the connection becomes.
type Failed<'f> = dyn Fn(rusqlite::Error) -> Error + 'f;

/// Runs the last statement of a routine, and shows what it answers as the read says.
pub(crate) fn called(
    conn: &Connection,
    read: &CheckedRead,
    source: &Source,
    failed: &Failed<'_>,
) -> Result<StatementResult> {
    let (text, bound) = plain(&source.pieces, source)?;
    let mut statement = conn.prepare_cached(&text).map_err(failed)?;
    if statement.column_count() == 0 {
        let rows = statement.execute(params_from_iter(bound)).map_err(failed)?;
        return Ok(StatementResult::of(rows as u64));
    }
    let rows = match statement.readonly() {
        true => Rows::of(source)?,
        false => returned(&mut statement, bound, read, failed)?,
    };
    let answer = run::page(conn, read, Some(&rows))?;
    source.check_rows(answer.rows)?;
    let total = match read.count {
        Some(_) if !read.is_whole() => run::total(conn, read, Some(&rows))?,
        _ => answer.rows,
    };
    let shown = Shown { body: answer.body, rows: answer.rows };
    Ok(StatementResult { shown: Some(shown), ..StatementResult::of(total) })
}

/// The rows that a statement returns, as rows of values: `SELECT column1 AS "a" FROM (VALUES (?), (?))`.
fn returned(
    statement: &mut rusqlite::Statement<'_>,
    bound: Vec<Bound>,
    read: &CheckedRead,
    failed: &Failed<'_>,
) -> Result<Rows> {
    let width = statement.column_count();
    let (mut values, mut bytes): (Vec<Bound>, usize) = (Vec::new(), 0);
    let mut rows = statement.query(params_from_iter(bound)).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        for i in 0..width {
            let value: Bound = row.get(i).map_err(failed)?;
            bytes += size(&value);
            values.push(value);
        }
        if values.len() > VALUES_MAX || bytes > read.bytes_max {
            return Err(Error::new(code::LIMIT, "the query returns more than one answer shows")
                .details(format!("at most {VALUES_MAX} values and {} bytes", read.bytes_max))
                .hint("return fewer rows or columns"));
        }
    }
    let mut text = String::from("SELECT ");
    for (i, column) in read.node.relation.columns.iter().enumerate() {
        text.push_str(if i > 0 { "," } else { "" });
        text.push_str(&format!("column{} AS ", i + 1));
        quoted(&mut text, &column.name);
    }
    text.push_str(" FROM (VALUES ");
    let mut pieces = Vec::with_capacity(values.len() * 2 + 2);
    // Without a row there still must be one for VALUES: it is left out again.
    let is_empty = values.is_empty();
    if is_empty {
        values = vec![Bound::Null; width];
    }
    for at in 0..values.len() {
        text.push_str(match (at, at % width) {
            (0, _) => "(",
            (_, 0) => "),(",
            _ => ",",
        });
        pieces.extend([Piece::Text(std::mem::take(&mut text)), Piece::Value(at)]);
    }
    pieces.push(Piece::Text(if is_empty { ")) WHERE 0" } else { "))" }.to_owned()));
    Ok(Rows { pieces: pieces.into(), values })
}

fn size(value: &Bound) -> usize {
    match value {
        Bound::Text(text) => text.len(),
        Bound::Blob(bytes) => bytes.len(),
        _ => 8,
    }
}
