//! What a cache promises under races, on every truth: with a truth that answers when a test lets it, and with writers and
//! readers that do as they like.

mod leases;
mod loads;
mod races;

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use brigade_core::{
    data::{Position, Result, Row as Values},
    engine::{CheckedRead, EntryStore, ReadAnswer, Routine, Tables},
    projection::{Cache, Projections, RunnerOptions, cache::Answer},
    schema::{CacheStore, Model, NamedQuery},
};
use brigade_testing::servers::{Postgres, Redis as Server};
use engine_memory::MemoryCache;
use engine_redis::{Redis, RedisCache, RedisConfig};
use tempfile::TempDir;
use tokio::{runtime::Runtime, sync::watch};

use crate::{Brigade, OpenOptions, Row};

const SCHEMA: &str = "CREATE TABLE t (id bigint PRIMARY KEY, n bigint NOT NULL);
CREATE TABLE h (id bigint PRIMARY KEY, t bigint NOT NULL REFERENCES t (id));";

/// A cache whose entries show a number of another table's row.
const EMBEDDED: &str = "table = \"h\"\nkeys = [\"t:{id}\"]\nvalue = \"...t(n)\"\nttl = \"60s\"";

/// What a row has that is shown by none: a read that shows it has put an old row and a new one together.
const HIDDEN: i64 = -1;

const KEY: &str = "t:1";

/// A truth that counts what it is asked, and answers once it may.
struct Gated {
    tables: Arc<dyn Tables>,
    asked: AtomicUsize,
    open: watch::Sender<bool>,
}

#[async_trait]
impl Tables for Gated {
    async fn read(&self, read: CheckedRead) -> Result<ReadAnswer> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.tables.read(read).await;
        let _ = self.open.subscribe().wait_for(|open| *open).await;
        answer
    }

    async fn show(&self, read: Arc<CheckedRead>, rows: Vec<Values>) -> Result<Vec<Option<String>>> {
        self.tables.show(read, rows).await
    }

    async fn prepare(&self, query: &NamedQuery, model: &Arc<Model>) -> Result<Routine> {
        self.tables.prepare(query, model).await
    }
}

/// A project, and beside it a cache of its table over a truth that a test holds.
struct World {
    engine: &'static str,
    brigade: Brigade,
    gate: Arc<Gated>,
    cache: Arc<Cache>,
    projections: Projections,
    is_embedded: bool,
    _folder: TempDir,
}

impl World {
    async fn open(engine: &'static str, (stores, redis): (&str, Option<&str>), settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("migrations")).unwrap();
        std::fs::write(folder.path().join("migrations/0001_init.sql"), SCHEMA).unwrap();
        let plain = "table = \"t\"\nkeys = [\"t:{id}\"]\nvalue = [\"n\"]\n";
        let is_embedded = settings == EMBEDDED;
        let settings = format!("{stores}[cache.t]\n{}{settings}\n", if is_embedded { "" } else { plain });
        std::fs::write(folder.path().join("brigade.toml"), settings).unwrap();
        let brigade = Brigade::open(OpenOptions::project(folder.path())).await.unwrap();
        let inner = &brigade.inner;
        let tables = Arc::clone(&inner.stores.tables);
        let gate = Arc::new(Gated { tables, asked: AtomicUsize::new(0), open: watch::Sender::new(true) });
        let config = &inner.project.config.caches["t"];
        let store: Arc<dyn EntryStore> = match redis {
            Some(redis) if stores.is_empty() => RedisCache::new(patient(redis), "t"),
            Some(redis) => RedisCache::shared(patient(redis), "t"),
            None => Arc::new(MemoryCache::new(config.max_entries, config.max_bytes, metrics::Counter::noop())),
        };
        let (truth, log) = (Arc::clone(&inner.stores.truth), Arc::clone(&inner.stores.log));
        let sources = (truth, log, Arc::clone(&gate) as Arc<dyn Tables>);
        let file = Arc::new(inner.project.config.clone());
        let cache = Arc::new(
            Cache::new("t", &file, store, sources, Arc::clone(&inner.routines) as _, inner.models.subscribe()).unwrap(),
        );
        let sources = inner.stores.sources(folder.path(), &inner.models).unwrap();
        let projections = Projections::start(vec![Arc::clone(&cache) as _], sources, RunnerOptions::default()).await;
        let projections = projections.unwrap();
        let world = Self { engine, brigade, gate, cache, projections, is_embedded, _folder: folder };
        let first = world.set(1, 0).await;
        world.applied(first).await;
        // Known to be applied is not yet known to be in step: that comes a moment later.
        while world.get(KEY, Position::START).await.outcome.as_str() == "bypass" {}
        world.cache.delete(KEY).await.unwrap();
        world.gate.asked.store(0, Ordering::SeqCst);
        world
    }

    /// Writes a row; where it stands in the log.
    async fn set(&self, id: i64, n: i64) -> Position {
        if self.is_embedded {
            return self.set_embedded(id, n).await;
        }
        let row = Row::new().set("id", id).set("n", n);
        self.brigade.transaction().upsert("t", &["id"], [row]).commit().await.unwrap().position
    }

    /// Gives the number to the row that another one shows; now and then to another row, which is shown from then on.
    async fn set_embedded(&self, id: i64, n: i64) -> Position {
        let other = |side: i64| Row::new().set("id", id * 2 + side);
        let side = (n / 4) % 2;
        let mut write = self.brigade.transaction().upsert("t", &["id"], [other(side).set("n", n)]);
        if n % 4 < 2 {
            write = write.upsert("t", &["id"], [other(1 - side).set("n", HIDDEN)]);
            write = write.upsert("h", &["id"], [Row::new().set("id", id).set("t", id * 2 + side)]);
        }
        write.commit().await.unwrap().position
    }

    async fn applied(&self, position: Position) {
        crate_wait(&self.brigade, position).await;
        self.projections.wait_for("cache.t", position, Duration::from_secs(20)).await.unwrap();
    }

    async fn get(&self, key: &str, after: Position) -> Answer {
        self.cache.get(key, after, Duration::from_secs(10)).await.unwrap()
    }

    fn asked(&self) -> usize {
        self.gate.asked.load(Ordering::SeqCst)
    }

    async fn close(self) {
        self.projections.stop().await;
        self.brigade.close().await;
    }
}

async fn crate_wait(brigade: &Brigade, position: Position) {
    brigade.wait_for(position, Duration::from_secs(20)).await.unwrap();
}

/// The number in an answer.
fn number(answer: &Answer) -> Option<i64> {
    let value = answer.value.as_ref()?;
    let text = std::str::from_utf8(value).unwrap();
    Some(text.strip_prefix("{\"n\":").and_then(|rest| rest.strip_suffix('}')).unwrap().parse().unwrap())
}

/// What the truths and caches of these tests are at.
struct Servers {
    postgres: Option<Postgres>,
    /// With its URL.
    redis: Option<(Server, String)>,
}

impl Servers {
    fn start() -> Self {
        let redis = Server::start().map(|redis| {
            let url = redis.url();
            (redis, url)
        });
        Self { postgres: Postgres::start(), redis }
    }

    /// Every truth with every store: their name, `[stores]`, and the Redis. Each truth is a new one.
    fn all(&self) -> impl Iterator<Item = (&'static str, String, Option<&str>)> {
        let redis = self.redis.as_ref().map(|(_, url)| ("sqlite, redis", "postgres, redis", Some(url.as_str())));
        [Some(("sqlite", "postgres", None)), redis].into_iter().flatten().flat_map(|(sqlite, on_postgres, redis)| {
            let database = self.postgres.as_ref().map(Postgres::create_database);
            let postgres =
                database.map(|database| (on_postgres, format!("[stores]\ntruth = {:?}\n", database.url), redis));
            [Some((sqlite, String::new(), redis)), postgres].into_iter().flatten()
        })
    }
}

/// Runs a test on every truth there is.
fn on_every_engine<F: Future<Output = ()>>(settings: &str, test: impl Fn(World) -> F) {
    let (runtime, servers) = (runtime(), Servers::start());
    for (engine, stores, redis) in servers.all() {
        runtime.block_on(async { test(World::open(engine, (&stores, redis), settings).await).await });
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// A Redis with a time limit that a busy machine keeps.
fn patient(redis: &str) -> Redis {
    let mut store = CacheStore::at(redis);
    store.timeout = Duration::from_secs(5);
    Redis::new(RedisConfig { store, folder: std::env::temp_dir() }).unwrap()
}
