//! The truth on SQLite: opens the file, starts its threads, and hands every call to the one that may do it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use brigade_core::{
    data::{Error, IdempotencyKey, Position, Receipt, Result},
    engine::{Applied, CheckedTransaction, Clock, MigrationStep, QueryResult, Snapshot, Truth, TruthStatus},
    schema::Model,
};
use tokio::sync::watch;

use crate::{
    SqliteConfig,
    checkpoint::{self, Checkpointer},
    connection, error, history,
    readers::{self, Readers},
    shared::Shared,
    snapshot,
    tables::{self, Stamp},
    writer::{Origin, State, Writer, stamp},
};

/// Views begun anew while other programs' rows are being stamped, before the caller is told to come back.
const VIEWS_MAX: usize = 100;

/// A SQLite file as truth and log.
pub struct SqliteTruth {
    pub(crate) shared: Arc<Shared>,
    pub(crate) writer: Writer,
    checkpointer: Mutex<Option<Checkpointer>>,
}

impl SqliteTruth {
    /// Opens the file, creating it on first use, and starts the writer and the checkpointer. The caller holds the lock
    /// against a second process.
    ///
    /// # Errors
    /// BRGCFG for a file or folder that cannot be written, and for a SQLite that is too old.
    pub fn open(config: SqliteConfig, clock: Arc<dyn Clock>) -> Result<Arc<Self>> {
        let conn = connection::writer(&config)?;
        tables::install_writer_marker(&conn)?;
        tables::create_internal(&conn)?;
        let shared = Arc::new(Shared {
            readers: Readers::new(config.clone()),
            clock,
            tip: watch::Sender::new(Position::START),
            stopped: RwLock::default(),
            notes: Mutex::default(),
            model: RwLock::default(),
            layouts: RwLock::default(),
            history: RwLock::new(history::opened(&conn, config.relaxed)?),
            closing: AtomicBool::new(false),
            depth: AtomicUsize::new(0),
            wal_frames: AtomicI64::new(0),
            finish_checkpoint: AtomicBool::new(false),
            config,
        });
        checkpoint::count_frames(&conn, &shared);
        let writer = Writer::start(State::new(conn, Arc::clone(&shared))?)?;
        let checkpointer = Checkpointer::start(Arc::clone(&shared))?;
        history::look_for_orphans(&shared);
        Ok(Arc::new(Self { shared, writer, checkpointer: Mutex::new(Some(checkpointer)) }))
    }
}

impl std::fmt::Debug for SqliteTruth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteTruth").field("path", &self.shared.config.path).finish_non_exhaustive()
    }
}

#[async_trait]
impl Truth for SqliteTruth {
    async fn applied(&self) -> Result<Vec<Applied>> {
        readers::read(&self.shared, |conn| {
            let read = || -> rusqlite::Result<Vec<Applied>> {
                conn.prepare("SELECT number, name, checksum, at FROM brigade_migration ORDER BY number")?
                    .query_map([], |row| {
                        Ok(Applied { number: row.get(0)?, name: row.get(1)?, checksum: row.get(2)?, at: row.get(3)? })
                    })?
                    .collect()
            };
            read().map_err(error::from_sqlite)
        })
        .await
    }

    async fn rehearse(&self, steps: &[MigrationStep]) -> Result<()> {
        let steps = steps.to_vec();
        readers::blocking(move || tables::rehearse(&steps)).await
    }

    async fn migrate(&self, step: &MigrationStep) -> Result<()> {
        let step = step.clone();
        self.writer.run(move |state| state.migrate(&step)).await
    }

    async fn use_model(&self, model: Arc<Model>) -> Result<()> {
        self.writer.run(move |state| state.use_model(model)).await
    }

    async fn commit(&self, transaction: CheckedTransaction, key: Option<IdempotencyKey>) -> Result<Receipt> {
        self.writer.commit(transaction, key).await
    }

    async fn query(&self, sql: &str, write: bool, rows_max: usize) -> Result<QueryResult> {
        self.run_query(sql, write, rows_max).await
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>> {
        for _ in 0..VIEWS_MAX {
            if let Some(view) =
                snapshot::begin(self.shared.readers.hold().await?, self.shared.config.statement_timeout).await?
            {
                return Ok(Box::new(view));
            }
            self.writer.run(|state| state.stamp_alone()).await?;
            self.writer
                .run(|state| {
                    state.publish();
                    Ok(())
                })
                .await?;
        }
        Err(Error::unavailable("another program writes without a pause", Duration::from_secs(1)))
    }

    fn status(&self) -> TruthStatus {
        let mut notes: Vec<String> = self.shared.notes.lock().expect("notes").values().cloned().collect();
        if self.shared.config.relaxed {
            notes.push("durability is relaxed: power loss may take the newest transactions".to_owned());
        }
        notes.sort();
        TruthStatus {
            engine: "sqlite",
            version: rusqlite::version().to_owned(),
            url: format!("sqlite:{}", self.shared.config.path.display()),
            durability: self.shared.durability(),
            history: self.shared.history.read().expect("history").clone(),
            stopped: self.shared.stopped(),
            notes,
            pools: self.shared.readers.pools(),
            replicas: Vec::new(),
        }
    }

    async fn close(&self) {
        if self.shared.closing.swap(true, Ordering::AcqRel) {
            return;
        }
        let checkpointer = self.checkpointer.lock().expect("checkpointer").take();
        let _ = readers::blocking(move || {
            drop(checkpointer);
            Ok(())
        })
        .await;
        self.shared.readers.close();
        self.writer.close().await;
    }
}

impl State {
    fn migrate(&mut self, step: &MigrationStep) -> Result<()> {
        self.stamp_alone()?;
        let place = self.place;
        // Other programs' rows are stamped first inside the migration's transaction, as in every other one.
        let mut begun = |conn: &rusqlite::Connection| {
            stamp(conn, place, Origin::Outside, self.shared.clock.now()).map(|_| ()).map_err(error::from_sqlite)
        };
        let stamp = Stamp { tag: rand::random::<u64>() as i64, at: self.shared.clock.now(), begun: &mut begun };
        let done = tables::migrate(&mut self.conn, step, stamp);
        if let Err(e) = &done
            && let Some(cause) = std::error::Error::source(e).and_then(|e| e.downcast_ref::<rusqlite::Error>())
        {
            self.notice(cause);
            self.stop_if_fatal();
        }
        self.refuse_stopped()?;
        self.reload()?;
        done.map(|_| ())
    }

    fn use_model(&mut self, model: Arc<Model>) -> Result<()> {
        let problems = tables::check(&self.conn, &model)?;
        if !problems.is_empty() {
            self.shared.note("schema", Some(problems.join("; ")));
        }
        tables::use_model(&self.conn, &model)?;
        self.defaults = defaults(&self.conn, &model).map_err(|e| self.failed(e))?;
        *self.shared.model.write().expect("model") = model;
        self.reload()
    }
}

/// SQL of every column's default, by table.
fn defaults(conn: &rusqlite::Connection, model: &Model) -> rusqlite::Result<HashMap<String, Vec<Option<String>>>> {
    let mut read = conn.prepare("SELECT name, dflt_value FROM pragma_table_xinfo(?)")?;
    model
        .tables
        .values()
        .map(|table| {
            let known: HashMap<String, Option<String>> =
                read.query_map([&table.name], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
            let columns = table.columns.iter().map(|c| known.get(&c.name).cloned().flatten()).collect();
            Ok((table.name.clone(), columns))
        })
        .collect()
}
