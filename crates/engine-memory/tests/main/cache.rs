//! The suite of caches, in process.

use std::sync::Arc;

use brigade_testing::suites::cache::run;
use engine_memory::MemoryCache;

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_of_caches() {
    run(&|| Arc::new(MemoryCache::new(10_000, 64 << 20, metrics::Counter::noop()))).await;
}
