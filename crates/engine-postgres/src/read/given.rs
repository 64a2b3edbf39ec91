//! Rows that lie in no table, read as though one did: what the log tells of a row is judged and shown by the very SQL that
//! a read of the table runs, many rows in one question.

use brigade_core::{
    data::{Error, Result, Row},
    engine::CheckedRead,
};
use deadpool_postgres::ClientWrapper;

use super::node::{Shape, Sql};
use crate::{
    encode::{self, Param, cast, column, quote},
    error::from_pg,
};

/// The number of a row among those that were given: no column of a table can be called so.
const NUMBER: &str = "brigade.number";

/// What the read shows of each row; none of a row that its filters leave out.
pub(super) async fn show(client: &ClientWrapper, read: &CheckedRead, rows: &[Row]) -> Result<Vec<Option<String>>> {
    let sql = statement(read, rows)?;
    let statement = client.prepare_cached(&sql.text).await.map_err(from_pg)?;
    let params: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> = sql.params.iter().map(|p| p as _).collect();
    let mut shown = vec![None; rows.len()];
    for found in client.query(&statement, &params).await.map_err(from_pg)? {
        let number: usize = column(&found, 0)?.and_then(|n| n.parse().ok()).unwrap_or_default();
        let place = number.checked_sub(1).and_then(|i| shown.get_mut(i));
        *place.ok_or_else(|| Error::internal("a row that was not given"))? = column(&found, 1)?.map(str::to_owned);
    }
    Ok(shown)
}

/// `SELECT t0.number, (SELECT row_to_json(r.*) FROM (SELECT …) AS r) FROM (SELECT … FROM unnest(…)) AS t0 WHERE …`
fn statement(read: &CheckedRead, rows: &[Row]) -> Result<Sql> {
    let node = &read.node;
    let mut sql = Sql::default();
    let alias = sql.alias();
    sql.push("SELECT ");
    sql.column(alias, NUMBER);
    sql.push("::text, (SELECT row_to_json(r.*)::text FROM (SELECT ");
    sql.items(node, alias, Shape::Columns)?;
    sql.push(") AS r) FROM (SELECT ");
    let columns = &node.relation.columns;
    for (i, column) in columns.iter().enumerate() {
        sql.push(&format!("c{i}::{} AS {}, ", cast(&column.ty), quote(&column.name)));
    }
    sql.push(&format!("n AS {} FROM unnest(", quote(NUMBER)));
    for i in 0..columns.len() {
        sql.push(if i > 0 { ", " } else { "" });
        sql.bind(Param::List(rows.iter().map(|row| row.get(i).and_then(encode::text)).collect()), "text[]");
    }
    sql.push(") WITH ORDINALITY AS g(");
    sql.push(&(0..columns.len()).map(|i| format!("c{i}, ")).collect::<String>());
    sql.push("n)) AS ");
    sql.name(alias);
    sql.conditions(node, alias, &mut |_| false)?;
    Ok(sql)
}
