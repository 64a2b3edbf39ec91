//! Loads: the truth is asked once for all who wait for one key.
//!
//! A reader shares a load only if that began after everything it must see; so sharing never makes an answer older. A load
//! belongs to nobody: it goes on when the reader that began it goes away.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::{sync::watch, time::timeout};

use super::{Cache, lease::Turn};
use crate::{
    data::{Error, Position, Result},
    engine::{CheckedRead, Entry, ReadAnswer},
    limits::{CACHE_LOAD_WAIT, CACHE_LOADS_BESIDE_MAX, CACHE_VALUE_BYTES_MAX},
};

/// Looks into a store that is not near before the truth is asked after all.
const LOOKS_MAX: u32 = 3;

type Loaded = Option<Result<Arc<Entry>>>;

/// The loads that are under way, one for each key.
#[derive(Default)]
pub(super) struct Loads {
    under_way: Mutex<HashMap<String, Arc<Load>>>,
    /// Counts those that have ended.
    ended: AtomicU64,
}

/// One load.
pub(super) struct Load {
    /// What its value will be at least as fresh as, for those who join it before it is closed.
    position: Position,
    loaded: watch::Receiver<Loaded>,
    /// Somebody deleted the key meanwhile: what it finds is not kept.
    is_void: AtomicBool,
    /// It takes what another process has put, which may be older.
    is_closed: AtomicBool,
    /// When that was loaded which it takes the place of before its end.
    pub replaces: Option<Instant>,
}

impl Load {
    pub(super) fn is_void(&self) -> bool {
        self.is_void.load(Ordering::SeqCst)
    }

    /// From here on nobody joins it.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
    }
}

impl Loads {
    fn all(&self) -> MutexGuard<'_, HashMap<String, Arc<Load>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is loaded now for a key is not kept.
    pub(super) fn make_void(&self, key: &str) {
        if let Some(load) = self.all().get(key) {
            load.is_void.store(true, Ordering::SeqCst);
        }
    }

    /// Whether somebody loads a key already.
    pub(super) fn contains(&self, key: &str) -> bool {
        self.all().contains_key(key)
    }

    /// Counts those that have ended: who looked in the store before the last one did, looks again.
    pub(super) fn ended(&self) -> u64 {
        self.ended.load(Ordering::SeqCst)
    }
}

/// How a load is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// What the answer must show.
    pub after: Position,
    /// Whether the store may have it meanwhile, and is given it.
    pub through_store: bool,
    /// Loads that had ended when the store was looked at.
    pub ended: u64,
}

impl Cache {
    /// What the truth has under a key, asked for once for all who wait.
    pub(super) async fn load(self: &Arc<Self>, key: &str, mut wanted: Wanted) -> Result<Arc<Entry>> {
        let (mut is_waiting, mut looks) = (false, 0);
        loop {
            let (loaded, shares) = match self.join(key, wanted) {
                Joined::There(entry) => return Ok(entry),
                Joined::Again => {
                    wanted.ended = self.loads.ended();
                    if let Ok(Some(entry)) = self.store.get(key).await {
                        return Ok(entry);
                    }
                    // While others end all the time it is not looked for for ever.
                    looks += 1;
                    if looks == LOOKS_MAX {
                        wanted.ended = u64::MAX;
                    }
                    continue;
                }
                Joined::Own(loaded) => (loaded, Some(Position::START)),
                Joined::Other(loaded, least) => {
                    if !is_waiting {
                        self.counters.waits.increment(1);
                        is_waiting = true;
                    }
                    (loaded, least)
                }
            };
            match (outcome(loaded).await, shares) {
                (Ok(entry), Some(least)) if entry.position < least => {}
                (entry, Some(_)) => return entry,
                (_, None) => {}
            }
        }
    }

    /// Begins a load that nobody waits for, unless one is under way.
    pub(super) fn load_beside(self: &Arc<Self>, key: &str, replaces: Instant) -> bool {
        let mut loads = self.loads.all();
        if loads.contains_key(key) || loads.len() >= CACHE_LOADS_BESIDE_MAX {
            return false;
        }
        drop(self.begin(&mut loads, key, true, Some(replaces)));
        true
    }

    fn join(self: &Arc<Self>, key: &str, wanted: Wanted) -> Joined {
        let mut loads = self.loads.all();
        if let Some(load) = loads.get(key) {
            let needed = wanted.after.max(self.store.fence(key));
            let shares = load.position >= needed && !load.is_void() && !load.is_closed.load(Ordering::SeqCst);
            // Who must not be answered from the store takes no part of it from another process either.
            let least = if wanted.through_store { Position::START } else { needed };
            return Joined::Other(load.loaded.clone(), shares.then_some(least));
        }
        // The load before may have ended since the store was asked.
        let there = if wanted.through_store { self.store.near(key) } else { None };
        let may_be_there = wanted.through_store && wanted.ended < self.loads.ended();
        match there {
            Some(entry) => Joined::There(entry),
            None if may_be_there && !self.store.is_near() => Joined::Again,
            None => Joined::Own(self.begin(&mut loads, key, wanted.through_store, None)),
        }
    }

    fn begin(
        self: &Arc<Self>,
        loads: &mut HashMap<String, Arc<Load>>,
        key: &str,
        is_kept: bool,
        replaces: Option<Instant>,
    ) -> watch::Receiver<Loaded> {
        let (sender, receiver) = watch::channel(None);
        let position = *self.log.tip().borrow();
        let load = Arc::new(Load {
            position,
            loaded: receiver.clone(),
            is_void: AtomicBool::new(!is_kept),
            is_closed: AtomicBool::new(false),
            replaces,
        });
        loads.insert(key.to_owned(), Arc::clone(&load));
        let (cache, key) = (Arc::clone(self), key.to_owned());
        tokio::spawn(async move {
            let under_way = UnderWay { cache: &cache, key: &key, load: &load };
            let (loaded, lease) = match cache.turn(&key, &load).await {
                Turn::Found(entry) => (Ok(entry), None),
                Turn::Ask(lease) => (cache.ask_and_keep(&key, &load).await, lease),
            };
            drop(under_way);
            sender.send_replace(Some(loaded));
            cache.release(&key, lease).await;
        });
        receiver
    }

    async fn ask_and_keep(&self, key: &str, load: &Load) -> Result<Arc<Entry>> {
        self.counters.loads.increment(1);
        // It may have waited for its turn.
        let position = load.position.max(*self.log.tip().borrow());
        let entry = self.ask(key, position).await?;
        self.keep(key, &entry, load).await;
        Ok(entry)
    }

    /// Keeps what a load found, where that is still so and worth it. A store that is away keeps nothing; that is no error.
    async fn keep(&self, key: &str, entry: &Arc<Entry>, load: &Load) {
        let is_large = entry.value.as_ref().is_some_and(|value| value.len() > CACHE_VALUE_BYTES_MAX);
        let is_over = entry.expires <= entry.loaded;
        if is_large || is_over || load.is_void() {
            return;
        }
        if let Err(error) = self.store.put(key, Arc::clone(entry)).await {
            tracing::debug!(cache = self.name, %error, "a value was not kept");
        }
        // Who deleted the key while it was put does not find it there.
        if load.is_void()
            && let Err(error) = self.store.remove(key).await
        {
            tracing::debug!(cache = self.name, %error, "a deleted value stays until it expires");
        }
    }

    /// Asks the truth, now.
    pub(super) async fn ask(&self, key: &str, position: Position) -> Result<Arc<Entry>> {
        let begin = Instant::now();
        let value = if self.config.fill_on_write {
            let (value, told_by) = self.look(key).await?;
            self.shown.note(key, told_by);
            value
        } else {
            self.value(key).await?
        };
        self.tables.answered(position).await?;
        let loaded = Instant::now();
        let kept = if value.is_some() { self.config.ttl } else { self.config.negative_ttl };
        Ok(Arc::new(Entry { value, position, loaded, expires: loaded + kept, cost: loaded - begin }))
    }
}

impl Cache {
    /// The value of a key, as the truth has it.
    async fn value(&self, key: &str) -> Result<Option<Bytes>> {
        for read in self.reads(key)? {
            if let Some(value) = self.one(self.tables.read(read).await?) {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// The same, and the position by which the log will have told all that was shown.
    pub(super) async fn look(&self, key: &str) -> Result<(Option<Bytes>, Position)> {
        let mut snapshot = self.truth.snapshot().await?;
        let mut value = None;
        for read in self.reads(key)? {
            value = self.one(snapshot.read(Arc::new(read)).await?);
            if value.is_some() {
                break;
            }
        }
        Ok((value, snapshot.told_by().await?))
    }

    fn reads(&self, key: &str) -> Result<Vec<CheckedRead>> {
        self.definition().reads(key, &self.relations(), &*self.queries)
    }

    /// The value of an answer: a list as it is, or its one object.
    fn one(&self, answer: ReadAnswer) -> Option<Bytes> {
        // Copied: an answer's buffer has room for more than a value needs, and an entry would hold all of it.
        let body = answer.body.as_slice();
        if self.definition().is_list(&*self.queries) {
            return Some(Bytes::copy_from_slice(body));
        }
        (answer.rows > 0).then(|| Bytes::copy_from_slice(&body[1..body.len() - 1]))
    }
}

enum Joined {
    /// It is in the store by now.
    There(Arc<Entry>),
    /// It may be in the store by now.
    Again,
    /// The caller's own load.
    Own(watch::Receiver<Loaded>),
    /// Another one's, and how fresh its value has to be to do; none: it will not do.
    Other(watch::Receiver<Loaded>, Option<Position>),
}

/// Takes a load off the list at its end, whatever the end.
struct UnderWay<'l> {
    cache: &'l Cache,
    key: &'l str,
    load: &'l Arc<Load>,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut loads = self.cache.loads.all();
        self.cache.loads.ended.fetch_add(1, Ordering::SeqCst);
        if loads.get(self.key).is_some_and(|load| Arc::ptr_eq(load, self.load)) {
            loads.remove(self.key);
        }
    }
}

async fn outcome(mut loaded: watch::Receiver<Loaded>) -> Result<Arc<Entry>> {
    let late = |why: &str| Error::unavailable(why, Duration::from_secs(1)).hint("repeat the read");
    match timeout(CACHE_LOAD_WAIT, loaded.wait_for(Option::is_some)).await {
        Ok(Ok(loaded)) => loaded.clone().unwrap_or_else(|| Err(Error::internal("a load without its outcome"))),
        Ok(Err(_)) => Err(late("a load ended before it was done")),
        Err(_) => Err(late("the truth does not answer")),
    }
}
