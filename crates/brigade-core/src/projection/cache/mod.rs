//! `[cache.NAME]`: answers kept ready by key, filled as they are asked for and removed by the log.
//!
//! Unlike a copy it holds what somebody wanted, not every row; so it begins empty, is never filled from a snapshot, and is
//! compared with the truth entry by entry.
//!
//! In reading order: a `definition` is what brigade.toml says, held against the model; `changed` says which keys a change
//! concerns, with `hanging` for rows that others show; `read` answers from the store or lets `load` ask the truth, one at a
//! time for each key, and over processes with a `lease`; `verify` compares.

mod changed;
mod counters;
mod definition;
mod hanging;
mod lease;
mod load;
mod read;
mod shown;
mod verify;

use std::sync::{
    Arc, OnceLock, PoisonError, RwLock,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use tokio::sync::watch;
use xxhash_rust::xxh3::xxh3_64;

use super::{Projection, State, line::Known};
use crate::{
    data::{Change, Checkpoint, Error, Key, Layout, Position, Result, Row},
    engine::{EntryStore, Filling, Log, Tables, Truth},
    schema::{CacheConfig, Config, LatestRelations, Model, Relations},
};

pub use counters::describe;
pub use definition::{CachedQuery, Permission, Queries};
pub use read::{Answer, CachedRows, Outcome};

use counters::Counters;
use definition::Definition;
use load::Loads;
use shown::Shown;

/// One cache: the projection that removes what is no longer true, and what answers from it.
pub struct Cache {
    /// `cache.NAME`.
    name: String,
    config: CacheConfig,
    /// All of brigade.toml, for the places of mistakes.
    file: Arc<Config>,
    store: Arc<dyn EntryStore>,
    truth: Arc<dyn Truth>,
    log: Arc<dyn Log>,
    tables: Arc<dyn Tables>,
    queries: Arc<dyn Queries>,
    models: watch::Receiver<Arc<Model>>,
    defined: RwLock<Defined>,
    latest: LatestRelations,
    loads: Loads,
    shown: Shown,
    counters: Counters,
    /// What its runner knows of it.
    known: OnceLock<watch::Receiver<Known>>,
    /// Whether invalidations arrive: else nothing is answered from the store.
    serving: Arc<AtomicBool>,
}

/// What it is made of, and the tables as they were then.
#[derive(Clone)]
struct Defined {
    definition: Arc<Definition>,
    layouts: Vec<Layout>,
}

impl Cache {
    /// A cache of brigade.toml over a store of its own. `name` is the one in brigade.toml.
    ///
    /// # Errors
    /// BRGCFG with the place in brigade.toml, for what the model does not have or no cache can keep.
    pub fn new(
        name: &str,
        file: &Arc<Config>,
        store: Arc<dyn EntryStore>,
        (truth, log, tables): (Arc<dyn Truth>, Arc<dyn Log>, Arc<dyn Tables>),
        queries: Arc<dyn Queries>,
        models: watch::Receiver<Arc<Model>>,
    ) -> Result<Self> {
        let config = file.caches.get(name).cloned();
        let config = config.ok_or_else(|| Error::internal(format!("brigade.toml has no [cache.{name}]")))?;
        let relations = Relations::of(&models.borrow());
        let definition = Arc::new(Definition::resolve(name, &config, file, (&relations, &*queries))?);
        Ok(Self {
            name: format!("cache.{name}"),
            file: Arc::clone(file),
            store,
            shown: Shown::new(config.fill_on_write),
            config,
            truth,
            log,
            tables,
            queries,
            models,
            defined: RwLock::new(Defined { definition, layouts: Vec::new() }),
            latest: LatestRelations::default(),
            loads: Loads::default(),
            counters: Counters::new(name),
            known: OnceLock::new(),
            serving: Arc::default(),
        })
    }

    /// Its name in brigade.toml.
    pub fn short_name(&self) -> &str {
        self.name.strip_prefix("cache.").unwrap_or(&self.name)
    }

    fn definition(&self) -> Arc<Definition> {
        Arc::clone(&self.defined.read().unwrap_or_else(PoisonError::into_inner).definition)
    }

    /// How far it has applied; none while that is not known.
    fn applied(&self) -> Option<Position> {
        self.known.get()?.borrow().checkpoint.as_ref().map(|checkpoint| checkpoint.position)
    }

    /// What processes must have alike before they answer from each other's entries: the truth, and how values are made of it.
    fn made_of(&self, definition: &Definition) -> u64 {
        let (version, truth) = (env!("CARGO_PKG_VERSION"), self.truth.status().history);
        let (of, keys) = (&self.config.of, &self.config.keys);
        let made = definition.made_of(&*self.queries);
        xxh3_64(format!("{version} {truth} {:?} {of:?} {keys:?} {made}", self.file.schema.schemas).as_bytes())
    }

    fn relations(&self) -> Arc<Relations> {
        let model = Arc::clone(&self.models.borrow());
        self.latest.of(&model)
    }

    fn is_serving(&self) -> bool {
        self.serving.load(Ordering::Acquire)
    }

    /// Hears from its runner, for as long as that runs: a cache that nobody keeps in step answers nothing.
    pub(super) fn attach(&self, known: watch::Receiver<Known>) -> impl Future<Output = ()> + Send + 'static {
        let _ = self.known.set(known.clone());
        let (serving, mut known, tip) = (Arc::clone(&self.serving), known, self.log.tip());
        async move {
            // What it has to reach before it answers: what was committed when it came, or came back. Until then its store may
            // hold what it has not heard of while it was away.
            let mut missed = None;
            loop {
                let is_in_step = {
                    let known = known.borrow_and_update();
                    let moves = matches!(known.state, State::Running | State::Rebuilding);
                    let moves = moves && !known.paused && !known.detached;
                    let reached = known.checkpoint.as_ref().map(|checkpoint| checkpoint.position);
                    missed = if moves { missed.or_else(|| Some(*tip.borrow())) } else { None };
                    missed.is_some_and(|missed| reached.is_some_and(|reached| reached >= missed))
                };
                serving.store(is_in_step, Ordering::Release);
                if known.changed().await.is_err() {
                    serving.store(false, Ordering::Release);
                    return;
                }
            }
        }
    }
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache").field("name", &self.name).finish_non_exhaustive()
    }
}

#[async_trait]
impl Projection for Cache {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "cache"
    }

    fn engine(&self) -> &'static str {
        self.store.engine()
    }

    fn wants(&self, table: &str) -> bool {
        self.definition().wants(table)
    }

    async fn checkpoint(&self) -> Result<Option<Checkpoint>> {
        self.store.checkpoint().await
    }

    async fn layouts(&self) -> Result<Vec<Layout>> {
        Ok(self.defined.read().unwrap_or_else(PoisonError::into_inner).layouts.clone())
    }

    async fn apply(&self, changes: &[Change], checkpoint: Option<&Checkpoint>) -> Result<()> {
        self.take_in(changes, checkpoint).await
    }

    async fn fill(&self) -> Result<Box<dyn Filling>> {
        // The definition is made anew from the model in force: a migration may have changed what it names.
        let relations = self.relations();
        let definition =
            Definition::resolve(self.short_name(), &self.config, &self.file, (&relations, &*self.queries))?;
        // From here on it wants the tables of the new definition; what the old one answers stays right meanwhile, since all
        // of it goes at the swap.
        let made_of = self.made_of(&definition);
        let mut defined = self.defined.write().unwrap_or_else(PoisonError::into_inner);
        defined.layouts = definition.layouts(relations.model());
        defined.definition = Arc::new(definition);
        Ok(Box::new(Empty { store: Arc::clone(&self.store), made_of }))
    }

    fn as_cache(&self) -> Option<&Cache> {
        Some(self)
    }

    async fn scan(&self, _layout: &Layout, _after: Option<&Key>, _limit: usize) -> Result<Vec<Row>> {
        Ok(Vec::new())
    }

    async fn get(&self, _layout: &Layout, _keys: &[Key]) -> Result<Vec<Row>> {
        Ok(Vec::new())
    }

    async fn put(&self, _layout: &Layout, _rows: &[(Key, Option<Row>)]) -> Result<()> {
        Err(Error::internal("a cache is mended by key"))
    }
}

/// A new generation of a cache: nothing, from a checkpoint on.
struct Empty {
    store: Arc<dyn EntryStore>,
    made_of: u64,
}

#[async_trait]
impl Filling for Empty {
    async fn put(&mut self, _layout: &Layout, _rows: Vec<Row>) -> Result<()> {
        Ok(())
    }

    async fn apply(&mut self, _changes: &[Change], _checkpoint: &Checkpoint) -> Result<()> {
        Ok(())
    }

    async fn scan(&self, _layout: &Layout, _after: Option<&Key>, _limit: usize) -> Result<Vec<Row>> {
        Ok(Vec::new())
    }

    async fn get(&self, _layout: &Layout, _keys: &[Key]) -> Result<Vec<Row>> {
        Ok(Vec::new())
    }

    async fn swap(self: Box<Self>, checkpoint: &Checkpoint) -> Result<()> {
        self.store.made_of(self.made_of);
        self.store.begin(checkpoint).await
    }
}
