//! What an open project can do: write, read the log, ask the truth.

use std::{
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use brigade_core::{
    commit::{self, Limits},
    data::{Change, Error, IdempotencyKey, Position, Principal, Receipt, Result, Transaction, code},
    engine::{Log, LogStatus, QueryResult, Truth, TruthStatus},
    limits,
    live::Hub,
    log::{self, After, Follower, Retention},
    projection::Projections,
    schema::{Config, LatestRelations, Model, nearest},
};
use tokio::sync::watch;

use crate::{
    ApiKeys, Lock, Project, Sessions, Write, caching::CacheSet, limiting::LimitSet, routines::Routines, stores::Stores,
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

impl OpenOptions {
    /// Everything that `brigade serve` does: migrations applied, projections running.
    pub fn project(dir: impl Into<PathBuf>) -> Self {
        Self { project: dir.into(), data: None, migrate: true, run: true }
    }
}

/// An open project. Cheap to clone.
#[derive(Clone)]
pub struct Brigade {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) project: Project,
    pub(crate) data_dir: PathBuf,
    /// Given back at close.
    pub(crate) lock: Mutex<Option<Lock>>,
    pub(crate) admin_token: String,
    pub(crate) keys: ApiKeys,
    pub(crate) stores: Stores,
    pub(crate) models: watch::Sender<Arc<Model>>,
    /// What of the model can be read, made once for each model.
    pub(crate) relations: LatestRelations,
    /// Where live reads hear of changes.
    pub(crate) live: Arc<Hub>,
    /// What can be called by name.
    pub(crate) routines: Arc<Routines>,
    pub(crate) projections: Arc<Projections>,
    /// How often somebody may do something.
    pub(crate) limits: LimitSet,
    /// Who is logged in; none where nobody serves.
    pub(crate) sessions: Option<Sessions>,
    /// What is kept ready.
    pub(crate) caches: CacheSet,
    /// Whether the projections were started.
    pub(crate) runs: bool,
    pub(crate) retention: Option<Retention>,
    pub(crate) closing: AtomicBool,
}

/// BRG404 for the name of something that brigade.toml declares: the name that was probably meant, or how it is declared.
pub(crate) fn undeclared<'n>(
    kind: &str,
    name: &str,
    declared: impl IntoIterator<Item = &'n String>,
    example: &str,
) -> Error {
    let error = Error::new(code::NOT_FOUND, format!("there is no {kind} \"{name}\""));
    match nearest(name, declared.into_iter().map(String::as_str)) {
        Some(near) => error.hint(format!("did you mean \"{near}\"?")),
        None => error.hint(format!("{kind}s are declared in brigade.toml, as {example}")),
    }
}

impl fmt::Debug for Brigade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Brigade").field("project", &self.inner.project.config.name).finish_non_exhaustive()
    }
}

impl Brigade {
    /// Opens a project: configuration, lock, stores, migrations, projections, in this order.
    ///
    /// # Errors
    /// BRGCFG for what is wrong in the project's files (`FILE:LINE:COLUMN` first), BRG503 where a store cannot be reached
    /// or another process holds the data.
    pub async fn open(options: OpenOptions) -> Result<Self> {
        crate::open::open(options).await
    }

    /// The project's configuration.
    pub fn config(&self) -> &Config {
        &self.inner.project.config
    }

    /// The folder of the project's files.
    pub fn project_dir(&self) -> &Path {
        &self.inner.project.dir
    }

    /// The project's API keys.
    pub fn keys(&self) -> &ApiKeys {
        &self.inner.keys
    }

    /// The folder of the project's embedded stores.
    pub fn data_dir(&self) -> &Path {
        &self.inner.data_dir
    }

    /// The model in force.
    pub fn model(&self) -> Arc<Model> {
        Arc::clone(&self.inner.models.borrow())
    }

    /// The truth itself, for what has no place in this front door (engine suites, tools).
    pub fn truth(&self) -> &Arc<dyn Truth> {
        &self.inner.stores.truth
    }

    /// The log itself, as [`Brigade::truth`].
    pub fn log(&self) -> &Arc<dyn Log> {
        &self.inner.stores.log
    }

    /// Begins a transaction in Rust.
    pub fn transaction(&self) -> Write {
        Write::new(self.clone())
    }

    /// Commits a transaction as data. With a key it is safe to repeat; a key that keeps for no time at all is kept as
    /// long as brigade.toml says.
    ///
    /// # Errors
    /// `problems` for what the check against the model found, all at once; else as [`brigade_core::engine::Truth::commit`].
    pub async fn commit(&self, transaction: Transaction, key: Option<IdempotencyKey>) -> Result<Receipt> {
        self.check_open()?;
        let config = &self.inner.project.config.commit;
        let limits = Limits { statements_max: config.statements_max, rows_max: config.rows_max };
        let checked = commit::check(transaction, &self.model(), limits)?;
        let key = key.map(|key| match key.keep {
            Duration::ZERO => IdempotencyKey { keep: config.idempotency_keep, ..key },
            _ => key,
        });
        self.inner.stores.truth.commit(checked, key).await
    }

    /// Whether `[access]` lets a principal do all of a transaction. [`Brigade::commit`] does not ask: who embeds brigade decides
    /// for whom it writes. A route that writes calls this with who asks, once it has made its transaction and before anything
    /// else looks at that: the check against the model would tell what is there. `returning` counts too, so it should name no
    /// more than the answer shows.
    ///
    /// # Errors
    /// 42501; see [`commit::permit`].
    pub fn permit(&self, principal: &Principal, transaction: &Transaction) -> Result<()> {
        commit::permit(transaction, self.config().access.of(principal), &self.model())
    }

    pub(crate) fn check_open(&self) -> Result<()> {
        if self.inner.closing.load(Ordering::Acquire) {
            return Err(Error::unavailable("shutting down", Duration::from_secs(1))
                .details("nothing was written; safe to repeat"));
        }
        if self.refuses_writes() {
            return Err(Error::new(code::NO_SPACE, "the log has reached its budget and writes are refused")
                .details("nothing was written; safe to repeat")
                .hint("let the projections catch up, raise [log] budget, or set at_budget = \"detach_slowest\"")
                .retry_after(Duration::from_secs(10)));
        }
        Ok(())
    }

    /// Whether the log has reached its budget, and the configuration says that no write may come then.
    pub fn refuses_writes(&self) -> bool {
        self.inner.retention.as_ref().is_some_and(|retention| retention.state().borrow().refuse_writes)
    }

    /// Changes after a position; see [`brigade_core::engine::Log::read`].
    ///
    /// # Errors
    /// BRG410, BRG412.
    pub async fn read_changes(&self, after: Option<Position>, limit: usize) -> Result<Vec<Change>> {
        self.inner.stores.log.read(after, limit.min(limits::CHUNK_MAX)).await
    }

    /// The log as it grows: chunks of changes, without polling. With `endless` it waits for what comes; without, it ends
    /// at what is the newest now. `tables` keeps only changes of those tables.
    ///
    /// # Errors
    /// BRG410, BRG412.
    pub async fn follow(&self, after: After, tables: Option<BTreeSet<String>>, endless: bool) -> Result<Follower> {
        log::follow(Arc::clone(&self.inner.stores.log), after, tables.map(Arc::new), endless).await
    }

    /// The newest published position; wakes at once when it moves.
    pub fn tip(&self) -> watch::Receiver<Position> {
        self.inner.stores.log.tip()
    }

    /// Waits until the log has published a position.
    ///
    /// # Errors
    /// BRG504 after `timeout`; BRG412 for a position of another history.
    pub async fn wait_for(&self, position: Position, timeout: Duration) -> Result<()> {
        log::wait_for(&self.inner.stores.log, position, timeout).await
    }

    /// Runs one statement of SQL on the truth.
    ///
    /// # Errors
    /// See [`brigade_core::engine::Truth::query`].
    pub async fn query(&self, sql: &str, write: bool, rows_max: usize) -> Result<QueryResult> {
        if write {
            self.check_open()?;
        }
        self.inner.stores.truth.query(sql, write, rows_max).await
    }

    /// Facts of the truth.
    pub fn truth_status(&self) -> TruthStatus {
        self.inner.stores.truth.status()
    }

    /// Facts of the log.
    ///
    /// # Errors
    /// Where the log cannot be read.
    pub async fn log_status(&self) -> Result<LogStatus> {
        self.inner.stores.log.status().await
    }

    /// What the server's administrator shows: a random token, new at every opening, written into the lock file alone.
    pub fn admin_token(&self) -> &str {
        &self.inner.admin_token
    }

    /// Tells the command line where this process serves, through the lock file.
    ///
    /// # Errors
    /// BRG500 if the lock file cannot be written.
    pub fn announce(&self, url: &str) -> Result<()> {
        let lock = self.inner.lock.lock().unwrap_or_else(PoisonError::into_inner);
        lock.as_ref().map_or(Ok(()), |lock| lock.announce(url, &self.inner.admin_token))
    }

    /// Finishes what is queued, flushes, closes, and gives the lock back.
    pub async fn close(&self) {
        if self.inner.closing.swap(true, Ordering::AcqRel) {
            return;
        }
        self.inner.projections.stop().await;
        self.inner.limits.close().await;
        self.inner.stores.close().await;
        drop(self.inner.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}
