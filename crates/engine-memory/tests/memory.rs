//! What a million identifiers cost. Alone in its process, so that nothing else is counted.

use std::sync::Arc;

use brigade_core::{
    engine::{Clock, SystemClock},
    limit::{Algorithm, Quota, Shape},
};
use brigade_testing::suites::limiter::key;
use engine_memory::{MemoryLimiter, MemoryLimiterOptions};

const IDENTIFIERS: u64 = 1_000_000;

fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4_096
}

#[test]
fn a_million_identifiers_cost_at_most_160_bytes_each() {
    let mut kept = Vec::new();
    for (word, algorithm) in Algorithm::ALL {
        let shape = Shape { algorithm, window_ms: 3_600_000, buckets: 10 };
        let clock = Arc::new(SystemClock) as Arc<dyn Clock>;
        let options = MemoryLimiterOptions { shape, slowest: 1, max_keys: usize::MAX, clock };
        let before = resident();
        let limiter = MemoryLimiter::new(options);
        for n in 0..IDENTIFIERS {
            limiter.decide(&key(&format!("user:{n:032x}")), Quota { quota: 60, burst: 60 }, 1);
        }
        let each = (resident() - before) / IDENTIFIERS;
        println!("{word}: {each} bytes an identifier");
        assert!(each <= 160, "{word}: {each} bytes");
        kept.push(limiter);
    }
}
