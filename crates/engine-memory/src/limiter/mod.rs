//! Limits counted in the process.
//!
//! An identifier is known by a hash of 128 bits under a seed that nobody outside knows, so a state costs some 90 bytes
//! whatever the identifier is called. Many locks stand side by side, each over its share of the identifiers.
//!
//! Invariant: an identifier that shares a counter takes what was counted there along when it gets a state of its own, so
//! that a full table can only admit less.

mod file;
mod table;

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use brigade_core::{
    data::Result,
    engine::{Clock, Limiter},
    limit::{LimitKey, Quota, Shape, Verdict},
    limits,
};
use xxhash_rust::xxh3::xxh3_128_with_seed;

use file::File;
use table::{Hash, Table};

/// Locks side by side: enough that two of them are rarely wanted at once, few enough to cost nothing.
const TABLES: usize = 64;

/// How often states are written down and idle ones dropped.
const TICK: Duration = Duration::from_secs(1);

/// Idle states that are looked for when the table is full and somebody new comes.
const LOOKS: usize = 16;

/// What a limiter is made with.
#[derive(Clone)]
pub struct MemoryLimiterOptions {
    /// How it counts.
    pub shape: Shape,
    /// The smallest quota of all tiers.
    pub slowest: u32,
    /// Identifiers with a state of their own; further ones share [`limits::SHARED_COUNTERS`].
    pub max_keys: usize,
    /// Never goes back.
    pub clock: Arc<dyn Clock>,
}

/// The states of one limit, in memory.
pub struct MemoryLimiter {
    options: MemoryLimiterOptions,
    seed: u64,
    tables: Vec<Mutex<Table>>,
    /// Identifiers with a state of their own.
    count: AtomicUsize,
    shared: Vec<Mutex<Shared>>,
    /// Whether anybody ever shared a counter.
    has_shared: AtomicBool,
    file: Mutex<Option<File>>,
    closed: AtomicBool,
}

/// A counter that several identifiers share.
struct Shared {
    state: Box<[u32]>,
    changed: bool,
}

impl std::fmt::Debug for MemoryLimiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryLimiter").field("shape", &self.options.shape).finish_non_exhaustive()
    }
}

#[async_trait]
impl Limiter for MemoryLimiter {
    fn engine(&self) -> &'static str {
        "memory"
    }

    async fn check(&self, key: &LimitKey, quota: Quota, cost: u32) -> Result<Verdict> {
        Ok(self.decide(key, quota, cost))
    }

    fn identifiers(&self) -> Option<usize> {
        Some(self.count.load(Ordering::Relaxed))
    }

    async fn close(&self) {
        if !self.closed.swap(true, Ordering::AcqRel) {
            self.write_down(true);
        }
    }
}

impl MemoryLimiter {
    /// One that forgets everything with the process.
    pub fn new(options: MemoryLimiterOptions) -> Self {
        Self::with_seed(options, rand::random())
    }

    /// One that writes down every second, and when it is closed, what a restart must not forget, and begins with what was
    /// written. A file that cannot be read, or that is of another shape, counts as none.
    ///
    /// # Errors
    /// BRGCFG where the file cannot be made.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn open(options: MemoryLimiterOptions, path: PathBuf) -> Result<Arc<Self>> {
        let (file, read) = File::open(path, options.shape)?;
        let limiter = Self::with_seed(options, file.seed());
        limiter.restore(read);
        *limiter.file() = Some(file);
        let limiter = Arc::new(limiter);
        tokio::spawn(keep(Arc::downgrade(&limiter)));
        Ok(limiter)
    }

    fn with_seed(options: MemoryLimiterOptions, seed: u64) -> Self {
        let words = options.shape.words();
        let shared = || Mutex::new(Shared { state: vec![0; words].into(), changed: false });
        Self {
            seed,
            tables: (0..TABLES).map(|_| Mutex::new(Table::new(words))).collect(),
            count: AtomicUsize::new(0),
            shared: (0..limits::SHARED_COUNTERS).map(|_| shared()).collect(),
            has_shared: AtomicBool::new(false),
            file: Mutex::new(None),
            closed: AtomicBool::new(false),
            options,
        }
    }

    /// Decides one check, without waiting for anything but another one.
    pub fn decide(&self, key: &LimitKey, quota: Quota, cost: u32) -> Verdict {
        let hash = Hash(xxh3_128_with_seed(key.text().as_bytes(), self.seed));
        let shape = &self.options.shape;
        let mut table = lock(&self.tables[hash.share(TABLES)]);
        // Read under the lock: checks of one identifier are decided in the order of their times.
        let now_ms = self.now_ms();
        if let Some(slot) = table.find(hash) {
            return shape.admit(table.change(slot), now_ms, quota, cost);
        }
        if self.has_place(&mut table, now_ms) {
            let slot = table.insert(hash);
            let state = table.change(slot);
            if self.has_shared.load(Ordering::Relaxed) {
                state.copy_from_slice(&lock(&self.shared[hash.share(self.shared.len())]).state);
            }
            return shape.admit(state, now_ms, quota, cost);
        }
        self.has_shared.store(true, Ordering::Relaxed);
        let mut shared = lock(&self.shared[hash.share(self.shared.len())]);
        shared.changed = true;
        shape.admit(&mut shared.state, now_ms, quota, cost)
    }

    /// Drops idle states and writes the others down: what happens every second.
    pub fn tick(&self) {
        let now_ms = self.now_ms();
        for table in &self.tables {
            let mut table = lock(table);
            let looks = table.slots() / 32 + LOOKS;
            self.drop_idle(&mut table, now_ms, looks);
        }
        if !self.closed.load(Ordering::Acquire) {
            self.write_down(false);
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.options.clock.now() / 1_000).unwrap_or(0)
    }

    /// Takes a place for one more identifier, that of an idle one where there is no other.
    fn has_place(&self, table: &mut Table, now_ms: u64) -> bool {
        for _ in 0..2 {
            if self.count.fetch_add(1, Ordering::Relaxed) < self.options.max_keys {
                return true;
            }
            self.count.fetch_sub(1, Ordering::Relaxed);
            if self.drop_idle(table, now_ms, LOOKS) == 0 {
                return false;
            }
        }
        false
    }

    fn drop_idle(&self, table: &mut Table, now_ms: u64, looks: usize) -> usize {
        let dropped = table.retain(looks, |state| !self.options.shape.is_idle(state, now_ms, self.options.slowest));
        self.count.fetch_sub(dropped, Ordering::Relaxed);
        dropped
    }

    fn restore(&self, read: file::Read) {
        let (shape, now_ms) = (&self.options.shape, self.now_ms());
        // A clock that shows less than when this was written was set back meanwhile: the states follow it.
        let behind = read.written_ms > now_ms;
        let moved = |mut state: Box<[u32]>| {
            if behind {
                shape.shift(&mut state, read.written_ms, now_ms);
            }
            (!shape.is_idle(&state, now_ms, self.options.slowest)).then_some(state)
        };
        for (hash, state) in read.own {
            let Some(state) = moved(state) else { continue };
            let mut table = lock(&self.tables[hash.share(TABLES)]);
            let slot = table.insert(hash);
            // What the file holds need not be written again.
            let kept = if behind { table.change(slot) } else { table.state(slot) };
            kept.copy_from_slice(&state);
            self.count.fetch_add(1, Ordering::Relaxed);
        }
        for (at, state) in read.shared {
            let (Some(state), Some(shared)) = (moved(state), self.shared.get(at as usize)) else { continue };
            *lock(shared) = Shared { state, changed: behind };
            self.has_shared.store(true, Ordering::Relaxed);
        }
    }

    /// Writes down what has changed, or everything where the file has grown too long. A file that cannot be written is told
    /// and tried again: counting goes on.
    fn write_down(&self, ends: bool) {
        let mut file = self.file();
        let Some(file) = &mut *file else { return };
        let whole = file.wants_all(self.count.load(Ordering::Relaxed) + 1);
        let written = file.write(self.now_ms(), whole, ends, |writer| {
            for table in &self.tables {
                let changed = lock(table).take_changed(whole);
                writer.own(&changed)?;
            }
            for (at, shared) in self.shared.iter().enumerate() {
                let mut shared = lock(shared);
                if std::mem::take(&mut shared.changed) || (whole && self.has_shared.load(Ordering::Relaxed)) {
                    writer.shared(at as u32, &shared.state)?;
                }
            }
            Ok(())
        });
        let failed_before = std::mem::replace(&mut file.fails, written.is_err());
        // Told once, not every second.
        if let Err(error) = written
            && !failed_before
        {
            tracing::warn!(file = %file.path().display(), %error, "a limit cannot be written down");
        }
    }

    fn file(&self) -> MutexGuard<'_, Option<File>> {
        lock(&self.file)
    }
}

/// Ticks until the limiter is gone or closed.
async fn keep(limiter: Weak<MemoryLimiter>) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(limiter) = limiter.upgrade() else { return };
        if limiter.closed.load(Ordering::Acquire) || tokio::task::spawn_blocking(move || limiter.tick()).await.is_err()
        {
            return;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
