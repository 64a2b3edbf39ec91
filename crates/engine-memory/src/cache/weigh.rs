//! What an entry weighs: as large a share of the cache as it takes of the entries or of the bytes that there may be,
//! whichever is more. So both bounds hold with one sum.

use std::sync::Arc;

use brigade_core::engine::Entry;
use metrics::Counter;
use quick_cache::{Lifecycle, Weighter};

/// The weight of everything together: fine enough for any two bounds.
const WHOLE: u64 = 1 << 48;

/// Bytes that an entry costs beside its key and value, about.
const BESIDE: u64 = 160;

/// See the file's head.
#[derive(Clone, Copy)]
pub(super) struct Weigh {
    of_entry: u64,
    bytes_max: u64,
}

impl Weigh {
    pub(super) fn new(entries_max: u64, bytes_max: u64) -> Self {
        Self { of_entry: (WHOLE / entries_max.max(1)).max(1), bytes_max: bytes_max.max(1) }
    }

    pub(super) fn capacity(&self) -> u64 {
        WHOLE
    }
}

impl Weighter<Box<str>, Arc<Entry>> for Weigh {
    fn weight(&self, key: &Box<str>, entry: &Arc<Entry>) -> u64 {
        let bytes = key.len() + entry.value.as_ref().map_or(0, bytes::Bytes::len);
        let share = u128::from(WHOLE) * u128::from(bytes as u64 + BESIDE) / u128::from(self.bytes_max);
        u64::try_from(share).unwrap_or(u64::MAX).max(self.of_entry)
    }
}

/// Counts what has to make room.
#[derive(Clone)]
pub(super) struct Evicted(pub Counter);

impl Lifecycle<Box<str>, Arc<Entry>> for Evicted {
    type RequestState = ();

    fn on_evict(&self, (): &mut (), _key: Box<str>, _entry: Arc<Entry>) {
        self.0.increment(1);
    }
}
