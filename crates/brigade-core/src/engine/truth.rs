//! The role `truth`: the relational store that owns the records.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::{
    data::{Checkpoint, Durability, Error, IdempotencyKey, Key, Position, Receipt, Result, Row, TransactionMark, code},
    engine::{CheckedRead, CheckedTransaction, ReadAnswer},
    schema::{Migration, Model, Table},
};

/// A migration that was applied, as the truth recorded it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Its number.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// SHA-256 of its files, in hex.
    pub checksum: String,
    /// When: microseconds since 1970 in UTC.
    pub at: i64,
}

/// A migration to apply, with the model before and after it.
#[derive(Clone, Debug)]
pub struct MigrationStep {
    /// The migration.
    pub migration: Arc<Migration>,
    /// The model before it.
    pub before: Arc<Model>,
    /// The model after it.
    pub after: Arc<Model>,
}

/// Rows of a raw SQL statement, values in text form for people and programs alike.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryResult {
    /// Column names.
    pub columns: Vec<String>,
    /// Rows. Values have the type that the engine gives them.
    pub rows: Vec<Row>,
    /// Rows affected, for a statement that writes.
    pub affected: Option<u64>,
}

/// What `/status` and `/metrics` show of a truth.
#[derive(Clone, Debug, PartialEq)]
pub struct TruthStatus {
    /// `sqlite` or `postgres`.
    pub engine: &'static str,
    /// The engine's version.
    pub version: String,
    /// Its URL without secrets.
    pub url: String,
    /// How safe an acknowledged transaction is.
    pub durability: Durability,
    /// Identity of the truth's history, for people.
    pub history: String,
    /// Why no write is taken now (writer stopped after a failed fsync, server away), if so.
    pub stopped: Option<String>,
    /// Facts worth a look that are no failure (orphans found, columns added from outside, a relaxed setting).
    pub notes: Vec<String>,
    /// Its pools of connections.
    pub pools: Vec<PoolStatus>,
    /// Stores that follow it and answer reads in its place.
    pub replicas: Vec<ReplicaStatus>,
}

/// A store that follows the truth and answers reads in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaStatus {
    /// `HOST:PORT/DATABASE`: the label `replica`.
    pub name: String,
    /// Why it is not used now, if so.
    pub why_not: Option<String>,
    /// How old its data is at most; none: older than anybody knows.
    pub lag: Option<Duration>,
    /// What became of the reads that it was asked.
    pub reads: ReplicaReads,
}

/// How the reads of a replica ended, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplicaReads {
    /// It answered.
    pub answered: u64,
    /// It was too far behind for the read, or had no free session.
    pub skipped: u64,
    /// What it replayed was in the way; the primary answered.
    pub conflicts: u64,
    /// It began and failed; the primary answered.
    pub failed: u64,
}

/// A bounded number of connections that callers share, as `/metrics` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolStatus {
    /// `readers`, `views`, `sessions`: the label `pool`.
    pub name: &'static str,
    /// Connections that there may be.
    pub max: usize,
    /// Connections that are open.
    pub open: usize,
    /// Those that somebody uses now.
    pub in_use: usize,
    /// Callers that wait for one.
    pub waiting: usize,
}

/// A relational store that owns the records.
#[async_trait]
pub trait Truth: Send + Sync {
    /// The migrations that were applied, by number. Empty for a new store.
    async fn applied(&self) -> Result<Vec<Applied>>;

    /// Applies one migration in one transaction, records it with its checksum, and appends a schema change to the log in
    /// the same transaction. After an error nothing of it is there. Takes the engine's lock against a second one.
    async fn migrate(&self, step: &MigrationStep) -> Result<()>;

    /// Whether this engine can keep what migrations say, given all from the first one on. Looks at words alone: touches
    /// neither the store nor rows. An error is the one that [`Truth::migrate`] would give. An engine that runs migrations as
    /// they are written has nothing to say.
    async fn rehearse(&self, _steps: &[MigrationStep]) -> Result<()> {
        Ok(())
    }

    /// Takes up the model: makes capture (triggers, publication) fit it. Called after migrations and at every start,
    /// before the first commit.
    async fn use_model(&self, model: Arc<Model>) -> Result<()>;

    /// Commits a checked transaction. On success it is durable (as [`TruthStatus::durability`] says) and in the log at
    /// the receipt's position. On an error of kind `Caller` nothing happened. On an error of kind `World` nothing
    /// happened, unless its details say that the outcome is unknown. With a key, a repetition answers the kept receipt.
    async fn commit(&self, transaction: CheckedTransaction, key: Option<IdempotencyKey>) -> Result<Receipt>;

    /// Runs one statement of SQL as it is. Without `write`, a statement that would write is refused with 25006. With
    /// it, what it writes is captured as any other change. Transaction control is refused. At most `rows_max` rows.
    async fn query(&self, sql: &str, write: bool, rows_max: usize) -> Result<QueryResult>;

    /// A consistent view of all tables together with its place in the log.
    async fn snapshot(&self) -> Result<Box<dyn Snapshot>>;

    /// A position at or after everything that a snapshot taken before this shows. None where the log's tip is one: then
    /// nothing can be seen before it is published.
    async fn visible_upto(&self) -> Result<Option<Position>> {
        Ok(None)
    }

    /// Facts for `/status`; never waits for a store that is away.
    fn status(&self) -> TruthStatus;

    /// Finishes what is queued, flushes, and closes. Later commits answer BRG503.
    async fn close(&self);
}

/// A consistent view of all tables. Holding one keeps old versions alive: short on SQLite.
#[async_trait]
pub trait Snapshot: Send {
    /// Everything up to this checkpoint is in the view; later transactions are in it only where
    /// [`Snapshot::contains`] says so.
    fn checkpoint(&self) -> &Checkpoint;

    /// Whether the view sees a transaction that comes after its checkpoint in the log.
    fn contains(&self, transaction: &TransactionMark) -> bool {
        match (&self.checkpoint().seen, transaction.xid) {
            (Some(seen), Some(xid)) => seen.contains(xid),
            _ => false,
        }
    }

    /// The next rows of a table by primary key, after `after`, at most `limit`. Whole rows in the table's column order.
    /// The order of keys is the engine's own; it is the same in every snapshot of this truth.
    async fn scan(&mut self, table: &Table, after: Option<&Key>, limit: usize) -> Result<Vec<Row>>;

    /// The rows of the given keys that are there, in any order.
    async fn get(&mut self, table: &Table, keys: &[Key]) -> Result<Vec<Row>>;

    /// Runs a read, without a count, on this view.
    async fn read(&mut self, _read: Arc<CheckedRead>) -> Result<ReadAnswer> {
        Err(Error::new(code::UNSUPPORTED, "this truth answers no reads of tables"))
    }

    /// The position by which the log will have told everything that the view shows.
    async fn told_by(&mut self) -> Result<Position> {
        Ok(self.checkpoint().position)
    }

    /// The number of rows, counted or estimated, for progress bars.
    async fn estimate(&mut self, table: &Table) -> Result<u64>;
}

impl std::fmt::Debug for dyn Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Snapshot({:?})", self.checkpoint())
    }
}
