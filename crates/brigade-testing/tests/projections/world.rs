//! A truth in memory with two tables, and stores that fail when a test says so.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use brigade_core::{
    data::{Change, Checkpoint, Error, Key, Layout, Position, Result, Row, SqlType, Value},
    engine::{CopyStore, Filling, SystemClock},
    projection::{CopyProjection, Projection, Projections, RunnerOptions, Sources},
};
use brigade_testing::memory_truth::{MemoryTruth, Write, model, table};
use engine_memory::MemoryNotes;

pub struct World {
    pub truth: MemoryTruth,
    pub notes: Arc<MemoryNotes>,
}

impl World {
    /// Tables `a` (id, name) and `b` (id, n).
    pub fn new() -> Self {
        let a = table("a", &[("id", SqlType::BigInt), ("name", SqlType::Text)]);
        let b = table("b", &[("id", SqlType::BigInt), ("n", SqlType::BigInt)]);
        Self { truth: MemoryTruth::new(model(1, &[a, b])), notes: Arc::new(MemoryNotes::new()) }
    }

    /// Starts copies of all tables, by name.
    pub async fn start(&self, stores: &[(&str, Arc<dyn CopyStore>)]) -> Projections {
        let sources = Sources {
            truth: Arc::new(self.truth.clone()),
            log: Arc::new(self.truth.clone()),
            models: self.truth.models(),
            notes: Arc::clone(&self.notes) as _,
            clock: Arc::new(SystemClock),
        };
        let now = Arc::clone(&self.truth.models().borrow());
        let copy = |(name, store): &(&str, Arc<dyn CopyStore>)| {
            Arc::new(CopyProjection::new(name, None, &now, Arc::clone(store)).unwrap()) as Arc<dyn Projection>
        };
        let options = RunnerOptions {
            tries_max: 3,
            backoff_min: Duration::from_millis(1),
            backoff_max: Duration::from_millis(10),
            dead_letters_max: 20,
            stall_max: Duration::from_secs(5),
        };
        Projections::start(stores.iter().map(copy).collect(), sources, options).await.unwrap()
    }

    pub fn put(&self, id: i64, name: &str) -> Position {
        self.truth.write(&[Write::Put("a", row(id, name))])
    }
}

pub fn row(id: i64, name: &str) -> Row {
    vec![Value::Int(id), name.into()]
}

/// Waits until a projection has applied a position.
pub async fn reached(projections: &Projections, name: &str, position: Position) {
    if let Err(e) = projections.wait_for(name, position, Duration::from_secs(20)).await {
        panic!("{e}: {:?}", projections.status(name).await);
    }
}

/// Waits until a projection is in a state.
pub async fn in_state(projections: &Projections, name: &str, state: &str) {
    for _ in 0..2_000 {
        if projections.status(name).await.unwrap().state == state {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never {state}: {:?}", projections.status(name).await);
}

/// The rows of table `a` that a store shows.
pub async fn rows(store: &dyn CopyStore) -> Vec<Row> {
    let layout = Layout { table: "a".into(), columns: Vec::new(), key: vec![0] };
    store.scan(&layout, None, 1_000_000).await.unwrap()
}

/// A store that fails when a test says so.
pub struct Faulty<S> {
    pub inner: S,
    /// Every call of the runner fails: the store is away.
    pub away: AtomicBool,
    /// Applying panics.
    pub panics: AtomicBool,
    /// A change to this name is refused.
    pub poison: Mutex<Option<&'static str>>,
    /// Rows given to `put`.
    pub puts: AtomicU64,
}

impl<S> Faulty<S> {
    pub fn new(inner: S) -> Arc<Self> {
        Arc::new(Self {
            inner,
            away: AtomicBool::new(false),
            panics: AtomicBool::new(false),
            poison: Mutex::new(None),
            puts: AtomicU64::new(0),
        })
    }

    fn refuses(&self, change: &Change) -> bool {
        let poison = *self.poison.lock().unwrap();
        let holds = |row: &Row| matches!((row.get(1), poison), (Some(Value::Text(t)), Some(p)) if t == p);
        change.after.as_ref().is_some_and(holds)
    }
}

#[async_trait]
impl<S: CopyStore> CopyStore for Faulty<S> {
    fn engine(&self) -> &'static str {
        self.inner.engine()
    }

    async fn checkpoint(&self) -> Result<Option<Checkpoint>> {
        self.inner.checkpoint().await
    }

    async fn layouts(&self) -> Result<Vec<Layout>> {
        self.inner.layouts().await
    }

    async fn apply(&self, changes: &[Change], checkpoint: Option<&Checkpoint>) -> Result<()> {
        assert!(!self.panics.load(Ordering::Relaxed), "as the test said");
        if self.away.load(Ordering::Relaxed) {
            return Err(Error::unavailable("the store is away", Duration::from_millis(1)));
        }
        if changes.iter().any(|change| self.refuses(change)) {
            return Err(Error::internal("poison"));
        }
        self.inner.apply(changes, checkpoint).await
    }

    async fn get(&self, layout: &Layout, keys: &[Key]) -> Result<Vec<Row>> {
        self.inner.get(layout, keys).await
    }

    async fn scan(&self, layout: &Layout, after: Option<&Key>, limit: usize) -> Result<Vec<Row>> {
        self.inner.scan(layout, after, limit).await
    }

    async fn put(&self, layout: &Layout, rows: &[(Key, Option<Row>)]) -> Result<()> {
        self.puts.fetch_add(rows.len() as u64, Ordering::Relaxed);
        self.inner.put(layout, rows).await
    }

    async fn fill(&self) -> Result<Box<dyn Filling>> {
        self.inner.fill().await
    }
}
