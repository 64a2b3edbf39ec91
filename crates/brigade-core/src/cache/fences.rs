//! What a process remembers of the invalidations that it has applied to a cache, in bounded room.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use xxhash_rust::xxh3::xxh3_64;

use crate::data::Position;

/// Locks that keys share by their hash. A key's fence is the newest invalidation of all that share its lock: a load may be
/// thrown away for a neighbour's sake, never kept against its own.
const FENCES: usize = 1_024;

/// The newest invalidation of each key, or a later one.
#[derive(Debug)]
pub struct Fences {
    keys: Box<[Mutex<Position>]>,
    /// Everything from before is gone.
    floor: RwLock<Position>,
}

impl Default for Fences {
    fn default() -> Self {
        let keys = (0..FENCES).map(|_| Mutex::new(Position::START)).collect();
        Self { keys, floor: RwLock::new(Position::START) }
    }
}

impl Fences {
    /// The fence of a key and of those that share it, for as long as it is held.
    pub fn of(&self, key: &str) -> MutexGuard<'_, Position> {
        let at = xxh3_64(key.as_bytes()) as usize % FENCES;
        self.keys[at].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an invalidation of a key; what is done under the guard is done before anything is put under it.
    pub fn raise(&self, key: &str, position: Position) -> MutexGuard<'_, Position> {
        let mut fence = self.of(key);
        *fence = position.max(*fence);
        fence
    }

    /// The fence of all keys, which nobody raises while it is held.
    pub fn floor(&self) -> RwLockReadGuard<'_, Position> {
        self.floor.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an invalidation of all keys; what is done under the guard is done before anything is put.
    pub fn raise_floor(&self, position: Position) -> RwLockWriteGuard<'_, Position> {
        let mut floor = self.floor.write().unwrap_or_else(PoisonError::into_inner);
        *floor = position.max(*floor);
        floor
    }

    /// The newest invalidation that concerns a key, or a later one.
    pub fn newest(&self, key: &str) -> Position {
        let fence = *self.of(key);
        fence.max(*self.floor())
    }
}
