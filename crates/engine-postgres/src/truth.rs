//! The truth on PostgreSQL: a pool of sessions, the identity of the server they reach, and what `/status` shows of both.
//! It owns two invariants: a session goes back to the pool only when it is clean, and every session reaches the same
//! server and database as the first one did.

use std::{
    sync::{
        Arc, Mutex, OnceLock, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use brigade_core::{
    data::{Durability, Error, IdempotencyKey, Position, Receipt, Result},
    engine::{Applied, CheckedTransaction, MigrationStep, QueryResult, Snapshot, Truth, TruthStatus},
    schema::Model,
};
use deadpool_postgres::Pool;
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    config::{PostgresConfig, Reach},
    encode::lsn,
    error::{away, from_pg, from_pool, outcome_unknown},
    identity::Identity,
    pool::{Session, make_pool, pool_status},
    replicas::Replicas,
};

/// How often sessions are replaced, kept keys removed, and the server looked at.
const UPKEEP: Duration = Duration::from_secs(5);

/// How long an answer is waited for before the server is asked whether it is there, how long it may take to say so, and how
/// long that holds. The first two together stay below five seconds, within which every request is answered.
const PROBE_AFTER: Duration = Duration::from_millis(2_500);
const PROBE_MAX: Duration = Duration::from_millis(1_500);
const PROBE_KEPT: Duration = Duration::from_secs(1);

/// A PostgreSQL database as the truth. Cheap to share as `Arc`.
pub struct PostgresTruth {
    pub(crate) reach: Reach,
    pub(crate) pool: Pool,
    pub(crate) identity: RwLock<Identity>,
    pub(crate) model: RwLock<Arc<Model>>,
    pub(crate) tip: OnceLock<watch::Receiver<Position>>,
    pub(crate) notes: Mutex<Vec<String>>,
    stopped: Mutex<Option<String>>,
    closed: AtomicBool,
    /// When the server was last asked whether it is there, and whether it was.
    probed: tokio::sync::Mutex<Option<(Instant, bool)>>,
    upkeep: Mutex<Vec<JoinHandle<()>>>,
    /// Standbys that answer reads; none are configured.
    pub(crate) replicas: Option<Replicas>,
}

impl PostgresTruth {
    /// Connects, checks the server's version and makes brigade's own tables.
    ///
    /// # Errors
    /// BRGCFG for a malformed configuration or a server older than 14, BRG503 where the server cannot be reached,
    /// PostgreSQL's own SQLSTATE where the role may not do what is needed.
    pub async fn connect(config: PostgresConfig) -> Result<Arc<Self>> {
        let reach = config.reach()?;
        let first = reach.connect().await?;
        Identity::read_server(&first).await?;
        crate::migrate::make_internal_tables(&first).await?;
        let identity = Identity::read(&first).await?;
        drop(first);
        let replicas = Replicas::open(&reach.config, &identity).await?;
        let pool = make_pool(&reach)?;
        let truth = Arc::new(Self {
            reach,
            pool,
            identity: RwLock::new(identity),
            model: RwLock::default(),
            tip: OnceLock::new(),
            notes: Mutex::default(),
            stopped: Mutex::default(),
            closed: AtomicBool::new(false),
            probed: tokio::sync::Mutex::default(),
            upkeep: Mutex::default(),
            replicas,
        });
        truth.keep_minimum().await;
        let mut tasks = Replicas::follow(&truth);
        tasks.push(tokio::spawn(upkeep(Arc::downgrade(&truth))));
        *truth.upkeep.lock().expect("no panic under this lock") = tasks;
        Ok(truth)
    }

    /// The configuration it was opened with.
    pub fn config(&self) -> &PostgresConfig {
        &self.reach.config
    }

    /// A clean session of the pool, within a bounded time.
    pub(crate) async fn session(&self) -> Result<Session> {
        if self.closed.load(Ordering::Acquire) {
            return Err(away("closed").hint("brigade is shutting down"));
        }
        let limit = self.reach.config.store.pool_timeout.min(Duration::from_millis(4_500));
        let object = match tokio::time::timeout(limit, self.pool.get()).await {
            Ok(Ok(object)) => object,
            Ok(Err(error)) => return Err(self.note_away(from_pool(error))),
            Err(_) => {
                return Err(self.note_away(away(format!("no connection within {} ms", limit.as_millis()))));
            }
        };
        Ok(Session::new(object))
    }

    /// Ends, with the reason, once the server has been asked whether it is there and has not said so; never as long as it
    /// does. A slow statement and a frozen server look alike from where the answer is waited for.
    pub(crate) async fn falls_silent(&self) -> String {
        loop {
            tokio::time::sleep(PROBE_AFTER).await;
            // One question at a time, and its answer for all who wait.
            let mut last = self.probed.lock().await;
            let is_there = match *last {
                Some((at, is_there)) if at.elapsed() < PROBE_KEPT => is_there,
                _ => {
                    let probe = tokio::time::timeout(PROBE_MAX, self.reach.connect()).await;
                    let is_there = matches!(probe, Ok(Ok(_)));
                    *last = Some((Instant::now(), is_there));
                    is_there
                }
            };
            if !is_there {
                let why = "the server does not answer";
                self.note_away(away(why));
                return why.to_owned();
            }
        }
    }

    fn note_away(&self, error: Error) -> Error {
        *self.stopped.lock().expect("no panic under this lock") = Some(error.message().to_owned());
        error
    }

    pub(crate) fn identity(&self) -> Identity {
        self.identity.read().expect("no panic under this lock").clone()
    }

    /// Takes over what became of the server, so that positions are of its era at once; whether it is the same one.
    pub(crate) fn is_now(&self, found: &Identity) -> bool {
        let mut known = self.identity.write().expect("no panic under this lock");
        let is_same = known.is_of(found);
        if is_same {
            known.clone_from(found);
        }
        is_same
    }

    pub(crate) fn durability(&self) -> Durability {
        if self.reach.config.store.relaxed { Durability::Relaxed } else { Durability::Full }
    }

    pub(crate) fn note(&self, note: String) {
        let mut notes = self.notes.lock().expect("no panic under this lock");
        if !notes.contains(&note) && notes.len() < 100 {
            notes.push(note);
        }
    }

    /// The end of the durable WAL, as a position (rule 17). Relaxed commits are not flushed when they are answered, so
    /// there it is the end of the WAL.
    pub(crate) fn receipt_sql(&self) -> &'static str {
        match self.durability() {
            Durability::Full => "SELECT pg_current_wal_flush_lsn()::text, current_setting('brigade.commit', true)",
            Durability::Relaxed => "SELECT pg_current_wal_insert_lsn()::text, current_setting('brigade.commit', true)",
        }
    }

    /// The newest position that the server has.
    pub(crate) async fn newest(&self) -> Result<Position> {
        self.newest_seen_by(self.session().await?.client()).await
    }

    /// The same, asked in a session that is held already: who holds one never waits for a second one, or as many callers
    /// as the pool has sessions would wait for each other.
    pub(crate) async fn newest_seen_by(&self, client: &deadpool_postgres::ClientWrapper) -> Result<Position> {
        let row = client.query_one(self.receipt_sql(), &[]).await.map_err(from_pg)?;
        let text: &str = row.try_get(0).map_err(from_pg)?;
        Ok(self.identity().position_before(lsn(text)?))
    }

    /// The end of the WAL, durable or not: whatever anybody was shown before this lies below it.
    pub(crate) async fn insert_place(&self) -> Result<u64> {
        let session = self.session().await?;
        let row = session.client().query_one("SELECT pg_current_wal_insert_lsn()::text", &[]).await.map_err(from_pg)?;
        lsn(row.try_get(0).map_err(from_pg)?)
    }

    async fn keep_minimum(&self) {
        let mut held = Vec::new();
        while self.pool.status().size < self.reach.config.store.pool_min.min(self.reach.config.store.pool_max) {
            match self.session().await {
                Ok(session) => held.push(session),
                Err(_) => break,
            }
        }
    }

    /// Looks whether the server is there and still the same one.
    async fn look(&self) {
        let found = match self.session().await {
            Ok(mut session) => {
                // One that does not answer is not given to the next caller.
                session.begin();
                let found = tokio::time::timeout(Duration::from_secs(4), Identity::read(session.client())).await;
                found.inspect(|_| session.end()).unwrap_or_else(|_| Err(away("no answer within 4 s")))
            }
            Err(error) => Err(error),
        };
        let stopped = match found {
            Ok(found) if self.is_now(&found) => None,
            Ok(_) => Some("this is another server or database than the one brigade was started with".to_owned()),
            Err(error) => Some(error.message().to_owned()),
        };
        *self.stopped.lock().expect("no panic under this lock") = stopped;
    }
}

async fn upkeep(truth: std::sync::Weak<PostgresTruth>) {
    let mut turn = 0_u32;
    loop {
        tokio::time::sleep(UPKEEP).await;
        let Some(truth) = truth.upgrade() else { return };
        let lifetime = truth.reach.config.store.pool_lifetime;
        truth.pool.retain(|_, metrics| metrics.age() < lifetime);
        if let Some(replicas) = &truth.replicas {
            replicas.renew(lifetime);
        }
        truth.look().await;
        truth.keep_minimum().await;
        turn += 1;
        if turn.is_multiple_of(12) {
            truth.remove_expired_keys().await;
        }
    }
}

#[async_trait]
impl Truth for PostgresTruth {
    async fn applied(&self) -> Result<Vec<Applied>> {
        crate::migrate::applied(self).await
    }

    async fn migrate(&self, step: &MigrationStep) -> Result<()> {
        crate::migrate::migrate(self, step).await
    }

    async fn use_model(&self, model: Arc<Model>) -> Result<()> {
        crate::capture::fit(self, &model).await?;
        *self.model.write().expect("no panic under this lock") = model;
        if let Some(replicas) = &self.replicas {
            replicas.begin_at(self.insert_place().await?);
        }
        Ok(())
    }

    async fn commit(&self, transaction: CheckedTransaction, key: Option<IdempotencyKey>) -> Result<Receipt> {
        tokio::select! {
            receipt = crate::commit::commit(self, &transaction, key.as_ref()) => receipt,
            why = self.falls_silent() => Err(outcome_unknown(why)),
        }
    }

    async fn query(&self, sql: &str, write: bool, rows_max: usize) -> Result<QueryResult> {
        tokio::select! {
            result = crate::query::query(self, sql, write, rows_max) => result,
            why = self.falls_silent() => Err(if write { outcome_unknown(why) } else { away(why) }),
        }
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>> {
        Ok(Box::new(crate::snapshot::PostgresSnapshot::take(self).await?))
    }

    async fn visible_upto(&self) -> Result<Option<Position>> {
        self.newest().await.map(Some)
    }

    fn status(&self) -> TruthStatus {
        let identity = self.identity();
        let closed = self.closed.load(Ordering::Acquire).then(|| "closed".to_owned());
        let mut notes = self.notes.lock().expect("no panic under this lock").clone();
        if self.durability() == Durability::Relaxed {
            notes.push("durability is relaxed: a crash of the server may take the newest transactions".to_owned());
        }
        TruthStatus {
            engine: "postgres",
            version: identity.version.clone(),
            url: self.reach.config.shown(),
            durability: self.durability(),
            history: format!("{}/{} timeline {}", identity.system, identity.database, identity.timeline),
            stopped: closed.or_else(|| self.stopped.lock().expect("no panic under this lock").clone()),
            notes,
            pools: vec![pool_status(&self.pool)],
            replicas: self.replicas.as_ref().map(Replicas::status).unwrap_or_default(),
        }
    }

    async fn close(&self) {
        self.closed.store(true, Ordering::Release);
        for task in std::mem::take(&mut *self.upkeep.lock().expect("no panic under this lock")) {
            task.abort();
        }
        if let Some(replicas) = &self.replicas {
            replicas.close();
        }
        // Those in use finish first: closing only hands out no more.
        for _ in 0..100 {
            let status = self.pool.status();
            if status.size <= status.available {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.pool.close();
    }
}
