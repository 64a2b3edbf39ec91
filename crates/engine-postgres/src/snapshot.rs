//! A consistent view of all tables: a REPEATABLE READ transaction. Commit order is not visibility order (rule 15), so its
//! place in the log is two things: the published tip from before it began, and the set of transactions that it sees.

use std::sync::Arc;

use async_trait::async_trait;
use brigade_core::{
    data::{Checkpoint, Error, Key, Position, Result, Row, Seen, code},
    engine::{CheckedRead, ReadAnswer, Snapshot},
    schema::Table,
};

use crate::{
    encode::{self, Param, cast, lsn, quote},
    error::from_pg,
    identity::Identity,
    pool::Session,
    truth::PostgresTruth,
};

/// A view that is open until it is dropped.
pub(crate) struct PostgresSnapshot {
    session: Option<Session>,
    checkpoint: Checkpoint,
    identity: Identity,
}

impl PostgresSnapshot {
    /// Opens one.
    pub async fn take(truth: &PostgresTruth) -> Result<Self> {
        let mut session = truth.session().await?;
        session.begin();
        let tip = truth.tip.get().map_or(Position::START, |tip| *tip.borrow());
        let client = session.client();
        // A rebuild may wait between two reads for longer than the server's patience.
        client
            .batch_execute(
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL idle_in_transaction_session_timeout = 0",
            )
            .await
            .map_err(from_pg)?;
        let row = client.query_one("SELECT pg_current_snapshot()::text", &[]).await.map_err(from_pg)?;
        let text: &str = row.try_get(0).map_err(from_pg)?;
        let seen = Seen::parse(text).ok_or_else(|| Error::internal(format!("{text:?} is no snapshot")))?;
        Ok(Self {
            session: Some(session),
            checkpoint: Checkpoint { position: tip, seen: Some(seen) },
            identity: truth.identity(),
        })
    }

    async fn rows(&self, table: &Table, sql: &str, params: &[Param]) -> Result<Vec<Row>> {
        let client = self.session.as_ref().expect("open until dropped").client();
        let params: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> = params.iter().map(|p| p as _).collect();
        let statement = client.prepare_cached(sql).await.map_err(from_pg)?;
        let rows = client.query(&statement, &params).await.map_err(from_pg)?;
        rows.iter().map(|row| encode::row(row, 0, table.columns.iter().map(|c| &c.ty))).collect()
    }
}

impl Drop for PostgresSnapshot {
    fn drop(&mut self) {
        let (Some(mut session), Ok(runtime)) = (self.session.take(), tokio::runtime::Handle::try_current()) else {
            return;
        };
        runtime.spawn(async move { session.roll_back().await });
    }
}

fn selected(table: &Table) -> String {
    table.columns.iter().map(|c| format!("t.{}::text", quote(&c.name))).collect::<Vec<_>>().join(", ")
}

/// The key's columns, as the table `t` has them. Without the `t` an ORDER BY would mean the selected columns of the same
/// names, which are texts: their order is not the one that `>` goes by, and a scan in chunks would pass rows over.
fn key_names(table: &Table) -> Result<String> {
    if table.key().is_empty() {
        return Err(Error::new(code::UNSUPPORTED, format!("table {} has no primary key to read it by", table.name)));
    }
    Ok(table.key().iter().map(|&i| format!("t.{}", quote(&table.columns[i].name))).collect::<Vec<_>>().join(", "))
}

#[async_trait]
impl Snapshot for PostgresSnapshot {
    fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    async fn scan(&mut self, table: &Table, after: Option<&Key>, limit: usize) -> Result<Vec<Row>> {
        let names = key_names(table)?;
        let mut params = Vec::new();
        let mut condition = String::new();
        if let Some(key) = after {
            let mut values = Vec::new();
            for (value, &column) in key.iter().zip(table.key()) {
                params.push(Param::value(value));
                values.push(format!("${}::{}", params.len(), cast(&table.columns[column].ty)));
            }
            condition = format!("WHERE ({names}) > ({}) ", values.join(", "));
        }
        params.push(Param::text(limit.to_string()));
        let sql = format!(
            "SELECT {} FROM {} AS t {condition}ORDER BY {names} LIMIT ${}::bigint",
            selected(table),
            quote(&table.name),
            params.len()
        );
        self.rows(table, &sql, &params).await
    }

    async fn get(&mut self, table: &Table, keys: &[Key]) -> Result<Vec<Row>> {
        let names = key_names(table)?;
        let (mut lists, mut params, mut values, mut parts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (i, &column) in table.key().iter().enumerate() {
            params.push(Param::List(keys.iter().map(|key| encode::text(&key[i])).collect()));
            lists.push(format!("${}::text[]", i + 1));
            values.push(format!("v{i}::{}", cast(&table.columns[column].ty)));
            parts.push(format!("v{i}"));
        }
        let sql = format!(
            "SELECT {} FROM {} AS t WHERE ({names}) IN (SELECT {} FROM unnest({}) AS r({}))",
            selected(table),
            quote(&table.name),
            values.join(", "),
            lists.join(", "),
            parts.join(", ")
        );
        self.rows(table, &sql, &params).await
    }

    async fn read(&mut self, read: Arc<CheckedRead>) -> Result<ReadAnswer> {
        crate::read::run(self.session.as_ref().expect("open until dropped").client(), &read).await
    }

    async fn told_by(&mut self) -> Result<Position> {
        // What the view shows was committed before it began, and what is committed lies before this end of the WAL.
        let client = self.session.as_ref().expect("open until dropped").client();
        let row = client.query_one("SELECT pg_current_wal_insert_lsn()::text", &[]).await.map_err(from_pg)?;
        let text: &str = row.try_get(0).map_err(from_pg)?;
        Ok(self.identity.position_before(lsn(text)?))
    }

    async fn estimate(&mut self, table: &Table) -> Result<u64> {
        let client = self.session.as_ref().expect("open until dropped").client();
        let known = "SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass($1)";
        let row = client.query_opt(known, &[&quote(&table.name)]).await.map_err(from_pg)?;
        let known = row.map(|r| r.try_get::<_, i64>(0).map_err(from_pg)).transpose()?.unwrap_or(-1);
        // Never analysed, or so small that counting is cheap.
        if known > 10_000 {
            return Ok(known.unsigned_abs());
        }
        let sql = format!("SELECT count(*) FROM {}", quote(&table.name));
        let row = client.query_one(&sql, &[]).await.map_err(from_pg)?;
        Ok(row.try_get::<_, i64>(0).map_err(from_pg)?.unsigned_abs())
    }
}
