//! Hits on Redis beside the server's own measure of itself, and what readers and writers feel while it is silent.

use std::time::Duration;

use anyhow::{Result, ensure};
use brigade::{Brigade, CacheHandle, Fresh, Outcome, Row, filter};
use brigade_testing::servers::Redis;
use serde_json::json;

use super::{open, project};
use crate::{Options, commit::clients, redis_benchmark, report::Report, sample::Sample};

/// Keys that are asked for: few enough to be loaded quickly, through Redis.
const KEYS: usize = 10_000;

/// Readers at once; as many connections has `redis-benchmark`. The pool of brigade has 16 at most.
const READERS: [usize; 2] = [1, 64];

/// `timeout` of `[stores.cache]`, which is the default.
const TIMEOUT_MS: f64 = 50.0;

pub(super) async fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let Some(server) = Redis::start() else {
        println!("\nRedis: none found, not measured");
        return Ok(());
    };
    let folder = project(&format!("[stores]\ncache = \"{}\"\n", server.url()))?;
    let brigade = open(&folder, KEYS).await?;
    let cache = brigade.cache("link")?;
    let tip = *brigade.tip().borrow();
    cache.get_fresh("link:0", &Fresh { after: vec![tip], ..Fresh::default() }).await?;
    let keys: Vec<String> = (0..KEYS).map(|id| format!("link:{id}")).collect();
    for part in keys.chunks(1_000) {
        cache.warm(part).await?;
    }
    let answer = cache.get_fresh("link:1", &Fresh::default()).await?;
    ensure!(answer.outcome == Outcome::Hit, "{:?}", answer.outcome);
    for readers in READERS {
        report.heading(&format!("redis, {readers} readers"));
        let gets = redis_benchmark::gets(&server, readers)?;
        report.fact(&format!("redis-benchmark GET, {readers} connections"), json!(gets.round()));
        let hits = read(&cache, readers, options.time).await?;
        report.sample(&format!("cache hit on redis, {readers}"), &hits);
        report.at_least(&format!("cache hits of redis-benchmark GET, {readers}"), hits.rate / gets, 0.60, "of it");
    }
    report.heading("redis, 64 readers and a writer");
    let (calm, writes) = both(&brigade, &cache, options).await?;
    report.sample("reads, calm", &calm);
    report.sample("commits, calm", &writes);
    server.freeze();
    let silent = both(&brigade, &cache, options).await;
    server.thaw();
    let (reads, late) = silent?;
    report.sample("reads, silent server", &reads);
    report.sample("commits, silent server", &late);
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    report.at_most("p50 of reads, silent server", ms(reads.p50), TIMEOUT_MS / 2.0, "ms");
    report.at_most("p99 of reads, silent server", ms(reads.p99), TIMEOUT_MS + 50.0, "ms");
    report.at_most("p99 of commits, silent server, of calm", ms(late.p99) / ms(writes.p99), 1.5, "times");
    brigade.close().await;
    Ok(())
}

async fn read(cache: &CacheHandle, readers: usize, time: Duration) -> Result<Sample> {
    let open = (0..readers).map(|reader| (cache.clone(), reader * 7_919)).collect();
    clients::run(open, time, |(cache, n): (CacheHandle, usize)| async move {
        let answer = cache.get_fresh(&format!("link:{}", n % KEYS), &Fresh::default()).await?;
        ensure!(answer.value.is_some(), "a key has no value");
        Ok((cache, n + 104_729))
    })
    .await
}

/// Readers beside a writer of rows that are cached.
async fn both(brigade: &Brigade, cache: &CacheHandle, options: &Options) -> Result<(Sample, Sample)> {
    let writer = clients::run(vec![(brigade.clone(), 0)], options.time, |(brigade, n): (Brigade, i64)| async move {
        let row = Row::new().set("clicks", n as i32);
        brigade.transaction().update("links", filter("id", n % 100), row).commit().await?;
        Ok((brigade, n + 1))
    });
    tokio::try_join!(read(cache, READERS[1], options.time), writer)
}
