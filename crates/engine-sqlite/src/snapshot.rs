//! A consistent view of all tables: a read transaction on a connection of its own, whose tables correspond exactly to a
//! place in the log.

use std::{sync::Arc, time::Duration};

use brigade_core::{
    data::{Checkpoint, Error, Key, Result, Row, code},
    engine::{CheckedRead, ReadAnswer, Snapshot},
    schema::Table,
};
use rusqlite::Connection;

use crate::{
    encode, error,
    readers::{Held, blocking},
    statement,
    writer::{Place, newest},
};

/// Keys looked up with one statement.
const KEYS_MAX: usize = 500;

/// A view that is open.
pub(crate) struct View {
    /// Away only while a call is at work on it.
    held: Option<Held>,
    checkpoint: Checkpoint,
    /// How long one read of it may take.
    timeout: Duration,
}

/// Begins a view on a connection. Nothing where it shows rows that another program wrote and nobody has stamped: their
/// place in the log is not known yet.
pub(crate) async fn begin(held: Held, timeout: Duration) -> Result<Option<View>> {
    blocking(move || {
        let place = began(&held.conn).map_err(error::from_sqlite)?;
        Ok(place.map(|place| View { held: Some(held), checkpoint: Checkpoint::at(place.position()), timeout }))
    })
    .await
}

fn began(conn: &Connection) -> rusqlite::Result<Option<Place>> {
    conn.execute_batch("BEGIN")?;
    let place = newest(conn)?;
    let last: Option<i64> = conn.query_row("SELECT max(seq) FROM brigade_log", [], |r| r.get(0))?;
    Ok((last.unwrap_or(0) <= place.last).then_some(place))
}

impl View {
    async fn with<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let mut held = self.held.take().ok_or_else(|| Error::internal("the snapshot's connection is gone"))?;
        let (held, done) = blocking(move || {
            let done = work(&mut held.conn);
            Ok((held, done))
        })
        .await?;
        self.held = Some(held);
        done
    }
}

#[async_trait::async_trait]
impl Snapshot for View {
    fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    async fn scan(&mut self, table: &Table, after: Option<&Key>, limit: usize) -> Result<Vec<Row>> {
        let (table, after) = (table.clone(), after.cloned());
        self.with(move |conn| {
            keyed(&table)?;
            let mut sql = selected(&table);
            if after.is_some() {
                sql.push_str(" WHERE ");
                key_list(&mut sql, &table);
                sql.push_str(" > ");
                sql.push_str(&marks(table.key().len()));
            }
            sql.push_str(" ORDER BY ");
            statement::list(&mut sql, table.key().iter().map(|&c| table.columns[c].name.as_str()));
            sql.push_str(" LIMIT ?");
            rows(conn, &table, &sql, after.as_slice(), Some(limit))
        })
        .await
    }

    async fn get(&mut self, table: &Table, keys: &[Key]) -> Result<Vec<Row>> {
        let (table, keys) = (table.clone(), keys.to_vec());
        self.with(move |conn| {
            keyed(&table)?;
            let mut found = Vec::with_capacity(keys.len());
            for chunk in keys.chunks(KEYS_MAX) {
                let mut sql = selected(&table);
                sql.push_str(" WHERE ");
                key_list(&mut sql, &table);
                sql.push_str(" IN (VALUES ");
                sql.push_str(&vec![marks(table.key().len()); chunk.len()].join(","));
                sql.push(')');
                found.append(&mut rows(conn, &table, &sql, chunk, None)?);
            }
            Ok(found)
        })
        .await
    }

    async fn read(&mut self, read: Arc<CheckedRead>) -> Result<ReadAnswer> {
        let timeout = self.timeout;
        self.with(move |conn| crate::read::within(conn, &read, timeout)).await
    }

    async fn estimate(&mut self, table: &Table) -> Result<u64> {
        let table = table.clone();
        self.with(move |conn| {
            let mut sql = "SELECT count(*) FROM ".to_owned();
            statement::quoted(&mut sql, &table.name);
            conn.query_row(&sql, [], |r| r.get::<_, i64>(0)).map(|n| n as u64).map_err(error::from_sqlite)
        })
        .await
    }
}

fn keyed(table: &Table) -> Result<()> {
    if table.key().is_empty() {
        return Err(Error::new(code::UNSUPPORTED, format!("table {:?} has no primary key to read it by", table.name))
            .hint("give it a primary key in a migration"));
    }
    Ok(())
}

fn selected(table: &Table) -> String {
    let mut sql = "SELECT ".to_owned();
    statement::list(&mut sql, table.columns.iter().map(|c| c.name.as_str()));
    sql.push_str(" FROM ");
    statement::quoted(&mut sql, &table.name);
    sql
}

fn key_list(sql: &mut String, table: &Table) {
    sql.push('(');
    statement::list(sql, table.key().iter().map(|&c| table.columns[c].name.as_str()));
    sql.push(')');
}

fn marks(count: usize) -> String {
    format!("({})", vec!["?"; count].join(","))
}

/// Rows of a statement whose parameters are keys, then perhaps a limit.
fn rows(conn: &Connection, table: &Table, sql: &str, keys: &[Key], limit: Option<usize>) -> Result<Vec<Row>> {
    let mut statement = conn.prepare_cached(sql).map_err(error::from_sqlite)?;
    let mut at = 0;
    for (column, value) in keys.iter().flat_map(|key| table.key().iter().zip(key)) {
        at += 1;
        let value = encode::to_sql(value, &table.columns[*column].ty)?;
        statement.raw_bind_parameter(at, value).map_err(error::from_sqlite)?;
    }
    if let Some(limit) = limit {
        statement.raw_bind_parameter(at + 1, i64::try_from(limit).unwrap_or(i64::MAX)).map_err(error::from_sqlite)?;
    }
    let layout = table.layout();
    let mut found = Vec::new();
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(error::from_sqlite)? {
        let value = |i| encode::from_sql_at(row.get_ref(i).map_err(error::from_sqlite)?, &layout, i);
        found.push((0..layout.columns.len()).map(value).collect::<Result<Row>>()?);
    }
    Ok(found)
}
