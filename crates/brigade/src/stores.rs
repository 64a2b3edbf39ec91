//! The one `match` from URL to engine. Adding an engine is naming it here and in its role's suite.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use brigade_core::{
    data::{Error, Result, code},
    engine::{CopyStore, EntryStore, Limiter, Log, Sessions, SteadyClock, SystemClock, Tables, Truth},
    projection::{
        Cache, CopyProjection, Projection, ProjectionStatus, Projections, RunnerOptions, Sources, State, cache, look,
    },
    query::words,
    schema::{CacheConfig, CopyConfig, Dialect, LimitConfig, Model},
};
use engine_memory::{MemoryCache, MemoryCopy, MemoryLimiter, MemoryLimiterOptions};
use engine_postgres::{PostgresConfig, PostgresLog, PostgresSource, PostgresTruth};
use engine_redis::{Redis, RedisCache, RedisConfig, RedisLimiter, RedisSessions};
use engine_sqlite::{SqliteConfig, SqliteCopy, SqliteNotes, SqliteSessions, SqliteSpool, SqliteTruth};
use tokio::sync::watch;

use crate::{Project, caching::CacheSet, routines::Routines};

/// The opened stores of a project.
#[derive(Clone)]
pub(crate) struct Stores {
    pub(crate) truth: Arc<dyn Truth>,
    pub(crate) log: Arc<dyn Log>,
    /// What answers reads of tables: the truth itself.
    pub(crate) tables: Arc<dyn Tables>,
    /// In which words the truth takes SQL.
    pub(crate) dialect: Dialect,
    /// What only a PostgreSQL truth has.
    postgres: Option<(Arc<PostgresTruth>, Arc<PostgresLog>)>,
    /// Where caches, limits and sessions lie, unless that is the process itself. It need not be there.
    pub(crate) redis: Option<Redis>,
}

impl Stores {
    /// Opens the truth and its log, creating what is not there.
    pub(crate) async fn open(project: &Project, data_dir: &Path) -> Result<Self> {
        let store = &project.config.stores.truth;
        let redis = redis(project)?;
        match store.url.split_once(':') {
            Some(("sqlite", path)) => {
                knows_language(project)?;
                let mut config = SqliteConfig::new(embedded(data_dir, path));
                config.relaxed = store.relaxed;
                config.statement_timeout = store.statement_timeout;
                let truth = SqliteTruth::open(config, Arc::new(SystemClock))?;
                let log = Arc::clone(&truth) as Arc<dyn Log>;
                let tables = Arc::clone(&truth) as Arc<dyn Tables>;
                Ok(Self { truth, log, tables, dialect: Dialect::Sqlite, postgres: None, redis })
            }
            Some(("postgres" | "postgresql", _)) => {
                let config = PostgresConfig {
                    store: store.clone(),
                    project: project.config.name.clone(),
                    folder: project.dir.clone(),
                    schemas: project.config.schema.schemas.clone(),
                    existing: project.config.schema.existing,
                };
                let truth = PostgresTruth::connect(config).await?;
                let spool = SqliteSpool::open(spool_file(project, data_dir)?)?;
                let log = PostgresSource::start(Arc::clone(&truth), Arc::new(spool)).await?;
                Ok(Self {
                    truth: Arc::clone(&truth) as Arc<dyn Truth>,
                    log: Arc::clone(&log) as Arc<dyn Log>,
                    tables: Arc::clone(&truth) as Arc<dyn Tables>,
                    dialect: Dialect::Postgres,
                    postgres: Some((truth, log)),
                    redis,
                })
            }
            _ => Err(Error::new(code::CONFIG, format!("no engine can be the truth at {:?}", store.url))
                .hint("use sqlite:PATH or postgres://USER@HOST/DATABASE")),
        }
    }

    /// The model of tables that were there before brigade.
    pub(crate) async fn catalog(&self, schemas: &[String]) -> Result<Model> {
        match &self.postgres {
            Some((truth, _)) => truth.read_catalog(schemas).await,
            None => Err(Error::new(code::CONFIG, "[schema] existing = true is for a PostgreSQL truth")
                .hint("on SQLite the tables come from migrations/")),
        }
    }

    /// Makes the log of a PostgreSQL truth anew, after its slot is gone. Every projection then stands before a gap.
    pub(crate) async fn rebuild_log(&self) -> Result<()> {
        match &self.postgres {
            Some((_, log)) => log.rebuild().await,
            None => Err(Error::new(code::UNSUPPORTED, "the log of a SQLite truth lies in the truth's own file")
                .hint("it has no slot that could be lost; there is nothing to rebuild")),
        }
    }

    /// Starts the projections of brigade.toml, where `run` says so.
    pub(crate) async fn projections(
        &self,
        project: &Project,
        data_dir: &Path,
        models: &watch::Sender<Arc<Model>>,
        (run, caches): (bool, &CacheSet),
    ) -> Result<Projections> {
        let mut projections: Vec<Arc<dyn Projection>> = Vec::new();
        for (name, config) in project.config.copies.iter().filter(|_| run) {
            projections.push(copy(name, config, data_dir, &models.borrow())?);
        }
        projections.extend(caches.values().map(|cache| Arc::clone(cache) as Arc<dyn Projection>));
        Projections::start(projections, self.sources(data_dir, models)?, RunnerOptions::default()).await
    }

    /// Looks at the projections of brigade.toml while nobody runs them. One that cannot be opened says why.
    pub(crate) async fn look(
        &self,
        project: &Project,
        data_dir: &Path,
        models: &watch::Sender<Arc<Model>>,
        queries: &Arc<Routines>,
    ) -> Result<Vec<ProjectionStatus>> {
        let sources = self.sources(data_dir, models)?;
        let mut found = Vec::new();
        for (name, config) in &project.config.copies {
            let opened = copy(name, config, data_dir, &models.borrow());
            found.push(match opened {
                Ok(projection) => look(projection, sources.clone()).await,
                Err(error) => unopened(name, config, &error),
            });
        }
        for cache in self.caches(project, models, queries)?.into_values() {
            found.push(look(cache, sources.clone()).await);
        }
        Ok(found)
    }

    /// The caches of brigade.toml, empty.
    pub(crate) fn caches(
        &self,
        project: &Project,
        models: &watch::Sender<Arc<Model>>,
        queries: &Arc<Routines>,
    ) -> Result<CacheSet> {
        cache::describe();
        let file = Arc::new(project.config.clone());
        let open = |(name, config): (&String, &CacheConfig)| {
            let evictions = || metrics::counter!("brigade_cache_evictions_total", "cache" => name.clone());
            let store: Arc<dyn EntryStore> = match &self.redis {
                // Of a PostgreSQL every process has a log of its own, with the same positions; a SQLite has one process.
                Some(redis) if self.postgres.is_some() => RedisCache::shared(redis.clone(), name),
                Some(redis) => RedisCache::new(redis.clone(), name),
                None => Arc::new(MemoryCache::new(config.max_entries, config.max_bytes, evictions())),
            };
            let sources = (Arc::clone(&self.truth), Arc::clone(&self.log), Arc::clone(&self.tables));
            let cache = Cache::new(name, &file, store, sources, Arc::clone(queries) as _, models.subscribe())?;
            Ok((name.clone(), Arc::new(cache)))
        };
        project.config.caches.iter().map(open).collect()
    }

    /// What counts for a limit.
    pub(crate) fn limiter(&self, name: &str, config: &LimitConfig, data_dir: &Path) -> Result<Arc<dyn Limiter>> {
        if let Some(redis) = &self.redis {
            return Ok(Arc::new(RedisLimiter::new(redis.clone(), config.shape)));
        }
        let folder = data_dir.join("limits");
        std::fs::create_dir_all(&folder).map_err(|e| {
            Error::new(code::CONFIG, format!("the limits' folder {} cannot be made: {e}", folder.display())).source(e)
        })?;
        let options = MemoryLimiterOptions {
            shape: config.shape,
            slowest: config.slowest(),
            max_keys: config.max_keys,
            clock: Arc::new(SteadyClock::from(&SystemClock)),
        };
        Ok(MemoryLimiter::open(options, folder.join(name))?)
    }

    /// What keeps sessions.
    pub(crate) fn sessions(&self, data_dir: &Path) -> Result<Arc<dyn Sessions>> {
        if let Some(redis) = &self.redis {
            return Ok(Arc::new(RedisSessions::new(redis.clone())));
        }
        let clock = Arc::new(SteadyClock::from(&SystemClock));
        Ok(Arc::new(SqliteSessions::open(data_dir.join("sessions.db"), clock)?))
    }

    pub(crate) fn sources(&self, data_dir: &Path, models: &watch::Sender<Arc<Model>>) -> Result<Sources> {
        Ok(Sources {
            truth: Arc::clone(&self.truth),
            log: Arc::clone(&self.log),
            models: models.subscribe(),
            notes: Arc::new(SqliteNotes::open(data_dir.join("notes.db"))?),
            clock: Arc::new(SystemClock),
        })
    }

    /// Finishes what is queued, flushes and closes.
    pub(crate) async fn close(&self) {
        if let Some((_, log)) = &self.postgres {
            log.close().await;
        }
        self.truth.close().await;
    }
}

fn redis(project: &Project) -> Result<Option<Redis>> {
    let store = &project.config.stores.cache;
    if store.is_memory() {
        return Ok(None);
    }
    let config = RedisConfig { store: store.clone(), folder: project.dir.clone() };
    let place = project.config.place(&["stores", "cache"]);
    Redis::new(config).map(Some).map_err(|error| error.context(place))
}

fn copy(name: &str, config: &CopyConfig, data_dir: &Path, model: &Model) -> Result<Arc<dyn Projection>> {
    let store = copy_store(name, config, data_dir)?;
    let copy = CopyProjection::new(name, config.tables.as_deref(), model, store)
        .map_err(|error| error.context(&config.place))?;
    Ok(Arc::new(copy))
}

fn unopened(name: &str, config: &CopyConfig, error: &Error) -> ProjectionStatus {
    ProjectionStatus {
        name: format!("copy.{name}"),
        kind: "copy",
        engine: if config.store.starts_with("memory:") { "memory" } else { "sqlite" },
        state: State::Stopped.as_str(),
        checkpoint: None,
        lag_changes: 0,
        lag_seconds: 0.0,
        dead_letters: 0,
        last_error: Some(error.to_string()),
    }
}

fn copy_store(name: &str, config: &CopyConfig, data_dir: &Path) -> Result<Arc<dyn CopyStore>> {
    match config.store.split_once(':') {
        Some(("sqlite", path)) => Ok(Arc::new(SqliteCopy::open(embedded(data_dir, path))?)),
        Some(("memory", "")) => Ok(Arc::new(MemoryCopy::new())),
        _ => Err(Error::new(
            code::CONFIG,
            format!("{}: no engine can hold copy.{name} at {:?}", config.place, config.store),
        )
        .hint("use sqlite:PATH or memory:")),
    }
}

/// PostgreSQL says itself which languages it knows, and may be taught more.
fn knows_language(project: &Project) -> Result<()> {
    let config = &project.config;
    let known = words::language_name(&config.rest.text_search).and_then(|name| words::Language::named(&name));
    known.map(|_| ()).map_err(|error| {
        let place = config.place(&["rest", "text_search"]);
        let told = Error::new(code::CONFIG, format!("{place}: rest.text_search: {}", error.message()));
        told.hint(error.get_hint().unwrap_or("use english").to_owned())
    })
}

/// Paths of embedded stores are written `data/…`, which means the data folder wherever it is; others are as they are.
fn embedded(data_dir: &Path, path: &str) -> PathBuf {
    let path = Path::new(path);
    match path.strip_prefix("data") {
        Ok(rest) => data_dir.join(rest),
        Err(_) if path.is_absolute() => path.to_owned(),
        Err(_) => data_dir.join(path),
    }
}

fn spool_file(project: &Project, data_dir: &Path) -> Result<PathBuf> {
    let url = &project.config.stores.log;
    let Some(path) = url.strip_prefix("embedded:") else {
        return Err(
            Error::new(code::CONFIG, format!("no engine can be the log at {url:?}")).hint("use embedded:FOLDER")
        );
    };
    let folder = embedded(data_dir, path);
    std::fs::create_dir_all(&folder).map_err(|e| {
        Error::new(code::CONFIG, format!("the log's folder {} cannot be made: {e}", folder.display())).source(e)
    })?;
    Ok(folder.join("spool.db"))
}
