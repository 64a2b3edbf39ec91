//! The public API that the server, the command line and applications use.
//!
//! This is the agreed surface; bodies arrive with the parts behind them.

use std::{path::PathBuf, sync::Arc, time::Duration};

use brigade_core::{
    data::{Change, IdempotencyKey, Position, Receipt, Result, Transaction},
    engine::{Applied, LogStatus, QueryResult, TruthStatus},
    schema::{Config, Migration, Model},
};

/// How to open a project.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// Folder of the project.
    pub project: PathBuf,
    /// Where every embedded store lies; none: `PROJECT/data`.
    pub data: Option<PathBuf>,
    /// Apply pending migrations (`serve` does; `migrate plan` does not).
    pub migrate: bool,
    /// Start projections and the log's upkeep.
    pub run: bool,
}

/// An open project. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Brigade {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {}

/// One migration and whether it was applied.
#[derive(Clone, Debug)]
pub struct MigrationState {
    /// The migration.
    pub migration: Arc<Migration>,
    /// When and how it was applied; none: pending.
    pub applied: Option<Applied>,
}

/// What `/projections` and `/status` show of a projection.
#[derive(Clone, Debug, PartialEq)]
pub struct ProjectionStatus {
    /// `KIND.NAME`.
    pub name: String,
    /// `copy`.
    pub kind: &'static str,
    /// `sqlite`, `memory`.
    pub engine: &'static str,
    /// `running`, `rebuilding`, `paused`, `waiting` or `stopped`.
    pub state: &'static str,
    /// How far it has applied.
    pub checkpoint: Option<Position>,
    /// Changes it has not applied.
    pub lag_changes: u64,
    /// Age of the oldest change it has not applied, in seconds; 0 when it is up to date.
    pub lag_seconds: f64,
    /// Changes it gave up on.
    pub dead_letters: u64,
    /// Its last error, while it matters.
    pub last_error: Option<String>,
}

/// How a row differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DifferenceKind {
    /// In the truth alone.
    Missing,
    /// In the projection alone.
    Extra,
    /// In both, not equal.
    Different,
}

/// One row that differs between the truth and a projection.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The table.
    pub table: String,
    /// Column names and values of its key.
    pub key: Vec<(String, brigade_core::data::Value)>,
    /// How.
    pub kind: DifferenceKind,
}

/// What `verify` found.
#[derive(Clone, Debug, PartialEq)]
pub struct Verification {
    /// The projection.
    pub projection: String,
    /// At which position both were compared.
    pub position: Position,
    /// Rows compared.
    pub rows: u64,
    /// Differences, at most [`DIFFERENCES_MAX`].
    pub differences: Vec<Difference>,
    /// Differences beyond those listed.
    pub more: u64,
}

/// Differences listed by one verify; the rest is counted.
pub const DIFFERENCES_MAX: usize = 1_000;

/// Progress of long work: rows done, rows in all (estimated).
pub type Progress = Arc<dyn Fn(u64, u64) + Send + Sync>;

fn missing<T>() -> Result<T> {
    Err(brigade_core::data::Error::internal("not built yet"))
}

impl Brigade {
    /// Opens a project: configuration, lock, stores, migrations, projections, in this order.
    ///
    /// # Errors
    /// BRGCFG for what is wrong in the project's files (`FILE:LINE:COLUMN` first), BRG503 where a store cannot be reached
    /// or another process holds the data.
    pub async fn open(options: OpenOptions) -> Result<Self> {
        let _ = options;
        let _ = Self { inner: Arc::new(Inner {}) }.inner;
        missing()
    }
    /// The project's configuration.
    pub fn config(&self) -> &Config {
        unreachable!()
    }
    /// The folder of the project's embedded stores.
    pub fn data_dir(&self) -> &std::path::Path {
        unreachable!()
    }
    /// The model in force.
    pub fn model(&self) -> Arc<Model> {
        unreachable!()
    }
    /// Commits a transaction as data. With a key it is safe to repeat.
    ///
    /// # Errors
    /// `problems` for what the check against the model found, all at once; else as [`brigade_core::engine::Truth::commit`].
    pub async fn commit(&self, transaction: Transaction, key: Option<IdempotencyKey>) -> Result<Receipt> {
        let _ = (transaction, key);
        missing()
    }
    /// Changes after a position; see [`brigade_core::engine::Log::read`].
    ///
    /// # Errors
    /// BRG410, BRG412.
    pub async fn read_changes(&self, after: Option<Position>, limit: usize) -> Result<Vec<Change>> {
        let _ = (after, limit);
        missing()
    }
    /// The newest published position; wakes at once when it moves.
    pub fn tip(&self) -> tokio::sync::watch::Receiver<Position> {
        unreachable!()
    }
    /// Waits until the log has published a position.
    ///
    /// # Errors
    /// BRG504 after `timeout`; BRG412 for a position of another history.
    pub async fn wait_for(&self, position: Position, timeout: Duration) -> Result<()> {
        let _ = (position, timeout);
        missing()
    }
    /// Runs one statement of SQL on the truth.
    ///
    /// # Errors
    /// See [`brigade_core::engine::Truth::query`].
    pub async fn query(&self, sql: &str, write: bool, rows_max: usize) -> Result<QueryResult> {
        let _ = (sql, write, rows_max);
        missing()
    }
    /// Every migration of the project with its state. Errors where files and records disagree.
    ///
    /// # Errors
    /// BRGCFG for a changed or removed file.
    pub async fn migrations(&self) -> Result<Vec<MigrationState>> {
        missing()
    }
    /// Reads `migrations/` again and applies what is pending; returns what was applied.
    ///
    /// # Errors
    /// BRGCFG, or the SQLSTATE of the statement that failed, with `FILE:LINE:COLUMN` first.
    pub async fn migrate(&self) -> Result<Vec<MigrationState>> {
        missing()
    }
    /// Facts of the truth.
    pub fn truth_status(&self) -> TruthStatus {
        unreachable!()
    }
    /// Facts of the log.
    ///
    /// # Errors
    /// Where the log cannot be read.
    pub async fn log_status(&self) -> Result<LogStatus> {
        missing()
    }
    /// Every projection with its state.
    pub async fn projections(&self) -> Vec<ProjectionStatus> {
        Vec::new()
    }
    /// Compares a projection with the truth at one position.
    ///
    /// # Errors
    /// BRG404 for an unknown name.
    pub async fn verify(&self, name: &str, progress: Progress) -> Result<Verification> {
        let _ = (name, progress);
        missing()
    }
    /// Re-projects the keys that differ; returns how many.
    ///
    /// # Errors
    /// BRG404 for an unknown name.
    pub async fn repair(&self, name: &str, progress: Progress) -> Result<u64> {
        let _ = (name, progress);
        missing()
    }
    /// Makes a projection anew beside the old one, verifies it, then swaps; returns its rows. `log` rebuilds the log of a
    /// PostgreSQL truth whose slot is gone.
    ///
    /// # Errors
    /// BRG404 for an unknown name.
    pub async fn rebuild(&self, name: &str, progress: Progress) -> Result<u64> {
        let _ = (name, progress);
        missing()
    }
    /// Stops applying until [`Brigade::resume`], also over restarts.
    ///
    /// # Errors
    /// BRG404 for an unknown name.
    pub async fn pause(&self, name: &str) -> Result<ProjectionStatus> {
        let _ = name;
        missing()
    }
    /// Applies again; a stopped projection tries again.
    ///
    /// # Errors
    /// BRG404 for an unknown name.
    pub async fn resume(&self, name: &str) -> Result<ProjectionStatus> {
        let _ = name;
        missing()
    }
    /// Why this is not ready: `(reasons, degraded)`. No reasons: ready.
    pub async fn readiness(&self) -> (Vec<String>, Vec<String>) {
        (Vec::new(), Vec::new())
    }
    /// Publishes gauges (log bytes, lag, pools) to the `metrics` recorder; called before each scrape.
    pub async fn publish_metrics(&self) {}
    /// Finishes what is queued, flushes, closes, and gives the lock back.
    pub async fn close(&self) {}
}

