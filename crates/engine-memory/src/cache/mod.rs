//! A cache in the process: entries by key in a bounded table, with a fence that no value from before an invalidation passes.
//!
//! Invariant: between the moment an invalidation is noted for a key and the moment its entry is gone, nothing is stored under
//! it; both happen under the key's lock, which hits never take.

mod ordered;
mod weigh;

use std::{
    cell::Cell,
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use async_trait::async_trait;
use brigade_core::{
    cache::Fences,
    data::{Checkpoint, Position, Result},
    engine::{Entry, EntryStore, Gone},
};
use metrics::Counter;
use quick_cache::{OptionsBuilder, sync::Cache};

use ordered::Ordered;
use weigh::{Evicted, Weigh};

/// Entries that the table has room for at first; it grows as they come.
const ENTRIES_EXPECTED: usize = 1_024;

/// The entries of one cache.
pub struct MemoryCache {
    entries: Cache<Box<str>, Arc<Entry>, Weigh, quick_cache::DefaultHashBuilder, Evicted>,
    ordered: Ordered,
    /// The floor is held while an entry is put.
    fences: Fences,
    checkpoint: Mutex<Option<Checkpoint>>,
}

impl MemoryCache {
    /// Room for so many entries, and so many bytes of keys and values. `evictions` counts those that had to make room.
    pub fn new(entries_max: u64, bytes_max: u64, evictions: Counter) -> Self {
        let weigh = Weigh::new(entries_max, bytes_max);
        let options = OptionsBuilder::new()
            .estimated_items_capacity(ENTRIES_EXPECTED.min(entries_max as usize))
            .weight_capacity(weigh.capacity())
            .shards(if entries_max < 10_000 { 1 } else { 64 })
            .build()
            .expect("every size is given");
        let entries =
            Cache::with_options(options, weigh, quick_cache::DefaultHashBuilder::default(), Evicted(evictions));
        Self { entries, ordered: Ordered::default(), fences: Fences::default(), checkpoint: Mutex::default() }
    }

    /// Removes what is older than a position; until that is done nothing is put. Says how many went.
    fn remove_all_before(&self, position: Position) -> u64 {
        let _floor = self.fences.raise_floor(position);
        let before = self.entries.len();
        self.entries.retain(|_, entry| entry.position >= position);
        (before - self.entries.len()) as u64
    }

    /// The same of keys that begin so.
    fn remove_beginning_before(&self, prefix: &str, position: Position) -> u64 {
        let _floor = self.fences.raise_floor(position);
        let removed = Cell::new(0);
        let goes = |key: &str| {
            let gone = self.entries.remove_if(key, |entry| entry.position < position).is_some();
            removed.set(removed.get() + u64::from(gone));
            gone || self.entries.peek(key).is_none()
        };
        self.ordered.take(prefix, self.entries.iter().map(|(key, _)| key), goes);
        removed.get()
    }

    fn remove_before(&self, key: &str, position: Position) -> u64 {
        let _fence = self.fences.raise(key, position);
        let removed = self.entries.remove_if(key, |entry| entry.position < position);
        u64::from(removed.is_some())
    }
}

#[async_trait]
impl EntryStore for MemoryCache {
    fn engine(&self) -> &'static str {
        "memory"
    }

    async fn checkpoint(&self) -> Result<Option<Checkpoint>> {
        Ok(self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn is_near(&self) -> bool {
        true
    }

    fn near(&self, key: &str) -> Option<Arc<Entry>> {
        self.entries.get(key).filter(|entry| entry.expires > Instant::now())
    }

    async fn get(&self, key: &str) -> Result<Option<Arc<Entry>>> {
        Ok(self.near(key))
    }

    fn fence(&self, key: &str) -> Position {
        self.fences.newest(key)
    }

    async fn put(&self, key: &str, entry: Arc<Entry>) -> Result<bool> {
        let floor = self.fences.floor();
        let fence = self.fences.of(key);
        let is_late = entry.position < (*fence).max(*floor);
        let is_old = self.entries.peek(key).is_some_and(|there| there.position > entry.position);
        if is_late || is_old {
            return Ok(false);
        }
        self.ordered.note(key, || self.entries.len());
        self.entries.insert(key.into(), entry);
        Ok(true)
    }

    async fn invalidate(&self, gone: &[(Position, Gone)], checkpoint: Option<&Checkpoint>) -> Result<u64> {
        let mut removed = 0;
        // Of many that concern the same the newest is enough.
        let (mut beginnings, mut all) = (HashMap::<&str, Position>::new(), None);
        for (position, gone) in gone {
            match gone {
                Gone::Key(key) => removed += self.remove_before(key, *position),
                Gone::Prefix(prefix) => {
                    let newest = beginnings.entry(prefix).or_insert(*position);
                    *newest = (*newest).max(*position);
                }
                Gone::All => all = all.max(Some(*position)),
            }
        }
        removed += all.map_or(0, |position| self.remove_all_before(position));
        removed += beginnings.into_iter().map(|(prefix, at)| self.remove_beginning_before(prefix, at)).sum::<u64>();
        if let Some(checkpoint) = checkpoint {
            *self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner) = Some(checkpoint.clone());
        }
        Ok(removed)
    }

    async fn remove(&self, key: &str) -> Result<bool> {
        let _fence = self.fences.of(key);
        Ok(self.entries.remove(key).is_some())
    }

    async fn begin(&self, checkpoint: &Checkpoint) -> Result<()> {
        let _floor = self.fences.raise_floor(checkpoint.position);
        self.entries.clear();
        self.ordered.clear();
        *self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner) = Some(checkpoint.clone());
        Ok(())
    }

    async fn scan(&self, after: Option<&str>, limit: usize) -> Result<Vec<(String, Arc<Entry>)>> {
        let now = Instant::now();
        let all =
            self.entries.iter().filter(|(key, entry)| entry.expires > now && after.is_none_or(|after| &**key > after));
        let mut next: Vec<(String, Arc<Entry>)> = all.map(|(key, entry)| (key.into(), entry)).collect();
        next.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        next.truncate(limit);
        Ok(next)
    }
}
