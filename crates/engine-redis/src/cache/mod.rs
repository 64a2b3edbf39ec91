//! A cache on Redis: values under public keys that any program may read, and beside each a companion that says which value
//! it is. A value without its companion is never answered.
//!
//! ```text
//! link:abc                         {"id":1,"url":"…"}            PX: what is left of the ttl
//! brigade:cache:link:{link:abc}    its companion, or a fence
//! brigade:cache:link:lease:{link:abc}  which process loads it
//! brigade:cache:link:mark          invalidations so far, by process; floors       (on a cluster one for each slot)
//! brigade:cache:link:keys          every public key that may be there             (on a cluster one for each slot)
//! brigade:cache:link:checkpoint    how far the log was applied, for people
//! ```
//!
//! Invariant: a read takes value, companion and mark in one command, and answers only where the mark is at or past what the
//! server has confirmed to this process. So after FLUSHALL, a restart without data or an old dump nothing is answered that
//! was there before: the process begins a new generation, and `sweep` removes what is left of the old one.
//!
//! A process alone begins with a generation of its own: what the one before it has left is given up, since nobody can tell which
//! values a changed brigade.toml would have made. Where several processes may be at one truth the generation is a digest of what
//! the values are made of, and an entry is as good whoever put it there: it says what it is as fresh as. Each process applies
//! the whole log, counts its own invalidations in the mark, and answers nothing from before its beginning. What holds between
//! processes is the server's: a fence on the key, for as long as a load may be under way, and then the mark's floor, which
//! refuses whoever is that far behind.
//!
//! On a cluster no command sees more than one slot, so each slot has its mark; a loss in one gives up the entries of all.

mod invalidate;
mod ledger;
mod marks;
mod names;
mod sweep;
mod text;

use std::{
    sync::{
        Arc, Mutex as SyncMutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use brigade_core::{
    cache::Fences,
    data::{Checkpoint, Position, Result},
    engine::{Entry, EntryStore, Gone},
};
use tokio::sync::{Mutex, Notify};

use crate::{Connection, Redis};

use ledger::Ledger;
use marks::{Scripts, mark_of};
use names::Names;

/// How late the server may run a `put`, counted from when it was sent. The process itself refuses what its own fences tell of
/// when it sends; what the fence on the server must cover is the way there. That is a time limit of `[stores.cache]` as a rule,
/// and as long as the server stood still at worst: then this ends it.
const PUT_LATEST: Duration = Duration::from_secs(2);

/// How long a fence lies on the server: past every `put` that was sent before it, by the server's own clock; and past the three
/// windows in which another process's `put` is not refused by the mark yet (see `put.lua`).
const FENCE: Duration = Duration::from_secs(15);

/// Values stored between two looks at what has expired.
const PUTS_PER_LOOK: u64 = 128;

/// The entries of one cache.
pub struct RedisCache {
    redis: Redis,
    name: String,
    names: OnceLock<Names>,
    ledger: Ledger,
    fences: Fences,
    /// Who marks a place does so alone: a mark that comes late would look like a loss.
    marking: Mutex<()>,
    puts: AtomicU64,
    /// All that does not count is to be removed.
    is_due: AtomicBool,
    wake: Arc<Notify>,
    me: Weak<Self>,
    scripts: Scripts,
    kept: SyncMutex<Option<Checkpoint>>,
    made_of: AtomicU64,
}

impl std::fmt::Debug for RedisCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisCache").field("name", &self.name).field("redis", &self.redis).finish_non_exhaustive()
    }
}

/// What is at a key: value, companion, mark.
type Found = (Option<Vec<u8>>, Option<Vec<u8>>, Option<Vec<u8>>);

impl RedisCache {
    /// The cache of a name, for the only process at its truth. Nothing is asked yet.
    pub fn new(redis: Redis, name: &str) -> Arc<Self> {
        Self::open(redis, name, false)
    }

    /// The cache of a name, for one of several processes at one truth, where positions mean the same for all of them. Nothing is
    /// asked yet.
    pub fn shared(redis: Redis, name: &str) -> Arc<Self> {
        Self::open(redis, name, true)
    }

    fn open(redis: Redis, name: &str, is_shared: bool) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            redis,
            name: name.to_owned(),
            names: OnceLock::new(),
            ledger: Ledger::new(is_shared),
            fences: Fences::default(),
            marking: Mutex::default(),
            puts: AtomicU64::new(0),
            is_due: AtomicBool::new(false),
            wake: Arc::default(),
            me: Weak::clone(me),
            scripts: Scripts::new(),
            kept: SyncMutex::default(),
            made_of: AtomicU64::new(0),
        })
    }

    /// The names, once it is known whether this is a cluster.
    async fn names(&self) -> Result<&Names> {
        if let Some(names) = self.names.get() {
            return Ok(names);
        }
        let call = async |connection: &mut Connection| {
            let time: (u64, u64) = redis::cmd("TIME").query_async(connection).await?;
            Ok((matches!(connection, Connection::Cluster(_)), time.0 * 1_000 + time.1 / 1_000))
        };
        let (is_cluster, now_ms) = self.redis.call(call).await?;
        let _one = self.marking.lock().await;
        if self.names.get().is_none() {
            self.ledger.set_clock(now_ms);
            tokio::spawn(sweep::run(Weak::clone(&self.me), Arc::clone(&self.wake)));
        }
        Ok(self.names.get_or_init(|| Names::new(&self.name, is_cluster)))
    }

    fn kept(&self) -> MutexGuard<'_, Option<Checkpoint>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sweep_all(&self) {
        self.is_due.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    fn read(&self, value: Option<Vec<u8>>, companion: Option<Vec<u8>>) -> Option<Entry> {
        let companion = String::from_utf8(companion?).ok()?;
        if self.counts(&companion) { text::entry(&companion, value) } else { None }
    }

    /// Whether a companion is that of an entry which may be answered.
    fn counts(&self, companion: &str) -> bool {
        text::entry_of(companion).is_some_and(|(generation, position)| self.ledger.counts(generation, position))
    }

    async fn drop_one(&self, names: &Names, key: &str, companion: &str) -> Result<bool> {
        let mut call = self.scripts.drop.prepare_invoke();
        call.key(key).key(names.companion(key)).key(names.index(names.place(key)));
        call.arg(companion).arg(text::millis(FENCE));
        self.redis.run_script(&call).await
    }
}

#[async_trait]
impl EntryStore for RedisCache {
    fn engine(&self) -> &'static str {
        "redis"
    }

    async fn checkpoint(&self) -> Result<Option<Checkpoint>> {
        Ok(self.kept().clone())
    }

    fn is_near(&self) -> bool {
        false
    }

    fn near(&self, _key: &str) -> Option<Arc<Entry>> {
        None
    }

    async fn get(&self, key: &str) -> Result<Option<Arc<Entry>>> {
        let names = self.names().await?;
        let place = names.place(key);
        let Some(left) = self.known(names, place).await? else { return Ok(None) };
        let mut get = redis::cmd("MGET");
        get.arg(key).arg(names.companion(key)).arg(names.mark(place));
        let (value, companion, mark): Found = self.redis.run(&get).await?;
        if !left.is_in(mark_of(mark).as_ref()) {
            self.lose(left);
            return Ok(None);
        }
        Ok(self.read(value, companion).map(Arc::new))
    }

    fn fence(&self, key: &str) -> Position {
        self.fences.newest(key)
    }

    async fn put(&self, key: &str, entry: Arc<Entry>) -> Result<bool> {
        let names = self.names().await?;
        let place = names.place(key);
        let left = self.marked(names, place).await?;
        let lives = text::millis(entry.expires.saturating_duration_since(Instant::now()));
        // Before it is sent, and after what was left there is known: what comes later meets the fence on the server.
        if entry.position < self.fence(key) || lives == 0 {
            return Ok(false);
        }
        let mut call = self.scripts.put.prepare_invoke();
        call.key(key).key(names.companion(key)).key(names.mark(place)).key(names.index(place));
        call.arg(entry.value.as_deref().unwrap_or_default()).arg(u8::from(entry.value.is_some())).arg(lives);
        call.arg(text::companion(left.own.generation, &entry)).arg(self.ledger.server_ms(PUT_LATEST)).arg(left.count);
        call.arg(lives.saturating_add(text::millis(FENCE)));
        call.arg(text::word(left.own.sequence)).arg(text::word(left.own.process)).arg(u8::from(self.is_shared()));
        let (code, now_ms): (i64, u64) = self.redis.run_script(&call).await?;
        self.ledger.set_clock(now_ms);
        if code == -1 {
            self.lose(left);
        }
        if self.puts.fetch_add(1, Ordering::Relaxed) % PUTS_PER_LOOK == PUTS_PER_LOOK - 1 {
            self.wake.notify_one();
        }
        Ok(code == 1)
    }

    async fn invalidate(&self, gone: &[(Position, Gone)], checkpoint: Option<&Checkpoint>) -> Result<u64> {
        self.apply(gone, checkpoint).await
    }

    async fn remove(&self, key: &str) -> Result<bool> {
        let names = self.names().await?;
        self.drop_one(names, key, "*").await
    }

    async fn begin(&self, checkpoint: &Checkpoint) -> Result<()> {
        drop(self.fences.raise_floor(checkpoint.position));
        self.ledger.begin(checkpoint.position, self.made_of.load(Ordering::Acquire));
        let names = self.names().await?;
        if !names.is_cluster {
            self.marked(names, 0).await?;
        }
        self.sweep_all();
        self.keep(names, checkpoint).await
    }

    fn made_of(&self, digest: u64) {
        self.made_of.store(digest, Ordering::Release);
    }

    fn is_shared(&self) -> bool {
        self.ledger.is_shared()
    }

    async fn lease(&self, key: &str, token: u64, time: Duration) -> Result<bool> {
        let names = self.names().await?;
        let mut set = redis::cmd("SET");
        set.arg(names.lease(key)).arg(text::word(token)).arg("NX").arg("PX").arg(text::millis(time).max(1));
        Ok(self.redis.run::<Option<String>>(&set).await?.is_some())
    }

    async fn release(&self, key: &str, token: u64) -> Result<()> {
        let names = self.names().await?;
        let mut call = self.scripts.release.prepare_invoke();
        call.key(names.lease(key)).arg(text::word(token));
        self.redis.run_script::<i64>(&call).await.map(drop)
    }

    async fn scan(&self, after: Option<&str>, limit: usize) -> Result<Vec<(String, Arc<Entry>)>> {
        self.entries_after(after, limit).await
    }
}
