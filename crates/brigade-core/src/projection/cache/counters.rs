//! What a cache counts, under its name; all at 0 from the start.

use metrics::{Counter, counter, describe_counter};

/// Every counter with what it counts.
const COUNTERS: [(&str, &str); 9] = [
    ("brigade_cache_hits_total", "Reads answered from the cache"),
    ("brigade_cache_misses_total", "Reads that waited for the truth"),
    ("brigade_cache_negative_hits_total", "Reads answered from what is remembered to be missing"),
    ("brigade_cache_loads_total", "Reads of the truth for a cache"),
    (
        "brigade_cache_waits_total",
        "Reads that shared the load of another one, and loads that waited for another process",
    ),
    ("brigade_cache_early_refreshes_total", "Loads begun before an entry expired"),
    ("brigade_cache_invalidations_total", "Entries removed because a change concerned them"),
    ("brigade_cache_evictions_total", "Entries removed to make room"),
    ("brigade_cache_bypasses_total", "Reads that the truth answered because the cache was behind or away"),
];

/// Says what each counter counts.
pub fn describe() {
    for (name, what) in COUNTERS {
        describe_counter!(name, what);
    }
}

/// The counters of one cache.
pub(super) struct Counters {
    pub hits: Counter,
    pub misses: Counter,
    pub negative_hits: Counter,
    pub loads: Counter,
    pub waits: Counter,
    pub early_refreshes: Counter,
    pub invalidations: Counter,
    pub bypasses: Counter,
}

impl Counters {
    pub(super) fn new(cache: &str) -> Self {
        let of = |what: &str| {
            let counter = counter!(format!("brigade_cache_{what}_total"), "cache" => cache.to_owned());
            counter.increment(0);
            counter
        };
        drop(of("evictions"));
        Self {
            hits: of("hits"),
            misses: of("misses"),
            negative_hits: of("negative_hits"),
            loads: of("loads"),
            waits: of("waits"),
            early_refreshes: of("early_refreshes"),
            invalidations: of("invalidations"),
            bypasses: of("bypasses"),
        }
    }
}
