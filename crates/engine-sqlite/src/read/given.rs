//! Rows that lie in no table, read as though one did: what the log tells of a row is judged and shown by the very SQL that
//! a read of the table runs.

use std::time::Duration;

use brigade_core::{
    data::{Result, Row},
    engine::CheckedRead,
};
use rusqlite::{Connection, params_from_iter, types::Value as Bound};

use super::{
    condition::bound,
    node::{Alias, Shape, Sql},
    run::{Writer, limit},
};
use crate::{error, statement::quoted};

/// What the read shows of each row; none of a row that its filters leave out.
pub(super) fn show(
    conn: &mut Connection,
    read: &CheckedRead,
    rows: &[Row],
    timeout: Duration,
) -> Result<Vec<Option<String>>> {
    limit(conn, timeout)?;
    rows.iter().map(|row| one(conn, read, row)).collect()
}

fn one(conn: &Connection, read: &CheckedRead, row: &Row) -> Result<Option<String>> {
    let columns = &read.node.relation.columns;
    let values = row.iter().zip(columns).map(|(value, column)| bound(value, &column.ty)).collect::<Result<Vec<_>>>()?;
    let mut sql = Sql::new(&read.model);
    let alias = sql.alias();
    let from = |sql: &mut Sql<'_>| given(sql, read, alias, &values);
    let kinds = sql.select(&read.node, alias, &from, &mut |_| false, Shape::Columns)?;
    let (text, parameters) = sql.finish()?;
    let mut statement = conn.prepare_cached(&text).map_err(error::from_sqlite)?;
    let mut found = statement.query(params_from_iter(parameters)).map_err(error::from_sqlite)?;
    let Some(row) = found.next().map_err(error::from_sqlite)? else { return Ok(None) };
    let mut writer = Writer::new(read, &kinds);
    writer.object(row)?;
    Ok(Some(writer.finish_one()))
}

/// `(SELECT ? AS "a", ? AS "b") AS t0`
fn given(sql: &mut Sql<'_>, read: &CheckedRead, alias: Alias, values: &[Bound]) {
    sql.push("(SELECT ");
    for (i, (column, value)) in read.node.relation.columns.iter().zip(values).enumerate() {
        sql.push(if i > 0 { "," } else { "" });
        sql.bind(value.clone());
        sql.push(" AS ");
        quoted(&mut sql.text, &column.name);
    }
    sql.push(") AS ");
    sql.name(alias);
}
