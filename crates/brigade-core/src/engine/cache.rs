//! Where a cache's entries are kept: values by key, each with the position that it was loaded at.
//!
//! What makes a cache right under races is the fence: an invalidation that was applied is remembered for its key, and a value
//! that was loaded before it is never stored after it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;

use crate::data::{Checkpoint, Position, Result};

/// What is kept under a key. What a hit looks at comes first, in one line of the processor's cache with the count of an `Arc`.
#[derive(Clone, Debug, PartialEq)]
#[repr(C)]
pub struct Entry {
    /// From when on it is not answered any more.
    pub expires: Instant,
    /// The value as it is answered; none: the truth has nothing under the key.
    pub value: Option<Bytes>,
    /// What the value is at least as fresh as.
    pub position: Position,
    /// When it was loaded.
    pub loaded: Instant,
    /// How long its load took.
    pub cost: Duration,
}

/// What is not true any more since a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gone {
    /// What is under a key.
    Key(String),
    /// What is under all keys that begin so.
    Prefix(String),
    /// Everything.
    All,
}

/// The entries of one cache.
#[async_trait]
pub trait EntryStore: Send + Sync {
    /// `memory`, `redis`.
    fn engine(&self) -> &'static str;

    /// How far invalidations were applied; none before the first [`EntryStore::begin`], and where the store has lost it.
    async fn checkpoint(&self) -> Result<Option<Checkpoint>>;

    /// Whether the store lies in this process: then [`EntryStore::near`] says all that [`EntryStore::get`] does.
    fn is_near(&self) -> bool;

    /// The entry of a key, where the store is near. It never waits. An expired entry is none.
    fn near(&self, key: &str) -> Option<Arc<Entry>>;

    /// The entry of a key. An expired entry is none.
    async fn get(&self, key: &str) -> Result<Option<Arc<Entry>>>;

    /// The newest invalidation that concerns a key, or a later one: a load that began before it does not count.
    fn fence(&self, key: &str) -> Position;

    /// Stores an entry, unless its key was invalidated past the entry's position or a newer entry is there; says whether it
    /// did. From then on no reader sees an older one.
    async fn put(&self, key: &str, entry: Arc<Entry>) -> Result<bool>;

    /// Applies invalidations, each with its position, then moves the checkpoint where one is given. No entry from before an
    /// invalidation is answered once this returns. Entries at or past it stay. Says how many went.
    async fn invalidate(&self, gone: &[(Position, Gone)], checkpoint: Option<&Checkpoint>) -> Result<u64>;

    /// Removes an entry whatever its position; says whether there was one.
    async fn remove(&self, key: &str) -> Result<bool>;

    /// Forgets everything and begins from a checkpoint: loads from before it do not count either. What other processes have put
    /// there stays where it is made of the same and not older.
    async fn begin(&self, checkpoint: &Checkpoint) -> Result<()>;

    /// Says what values are made of from the next [`EntryStore::begin`] on, as a digest: of that which another process has made
    /// otherwise nothing is answered.
    fn made_of(&self, _digest: u64) {}

    /// Whether other processes at the same truth answer from it too, and may be loading what this one needs.
    fn is_shared(&self) -> bool {
        false
    }

    /// Asks to be the one of all processes that loads a key, until [`EntryStore::release`] or for a time at most; says whether
    /// this one is. `token` is whose lease it is, and nobody else's.
    async fn lease(&self, _key: &str, _token: u64, _time: Duration) -> Result<bool> {
        Ok(true)
    }

    /// Gives a lease back; one that has ended already, and is another one's by now, stays.
    async fn release(&self, _key: &str, _token: u64) -> Result<()> {
        Ok(())
    }

    /// The next entries in an order of the store's own, after the key of the last one of the previous call.
    async fn scan(&self, after: Option<&str>, limit: usize) -> Result<Vec<(String, Arc<Entry>)>>;
}
