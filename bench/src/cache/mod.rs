//! Caches: hits a second in process beside a bare `quick_cache` and a bare `moka`, which know no clock of entries, no log and no
//! fence; `GET /cache/…` beside the route that does nothing; how long after a commit its invalidation is applied; and hits on
//! Redis beside what the server itself can do.

mod bare;
mod http;
mod lag;
mod redis;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use brigade::{Brigade, CacheHandle, OpenOptions, Row};
use serde_json::json;
use tempfile::TempDir;

use crate::{Options, report::Report};

/// Rows of the table, each under one key.
const ROWS: usize = 100_000;

/// Rows of a transaction that makes them.
const PART: usize = 10_000;

/// Runs all parts, or the one that was asked for: `in-process`, `http`, `lag` or `redis`.
pub async fn run(options: &Options) -> Result<()> {
    let mut report = Report::default();
    let wanted = |part: &str| options.only.as_deref().is_none_or(|only| only == part);
    if wanted("in-process") {
        in_process(options, &mut report).await?;
    }
    if wanted("http") {
        http::measure(options, &mut report).await?;
    }
    if wanted("lag") {
        lag::measure(&mut report).await?;
    }
    if wanted("redis") {
        redis::measure(options, &mut report).await?;
    }
    report.finish("cache")?;
    Ok(())
}

/// A project with a cached table.
fn project(stores: &str) -> Result<TempDir> {
    let folder = TempDir::new()?;
    std::fs::create_dir(folder.path().join("migrations"))?;
    let migration = "CREATE TABLE links (id bigint PRIMARY KEY, url text NOT NULL, clicks integer NOT NULL DEFAULT 0);";
    std::fs::write(folder.path().join("migrations/0001_init.sql"), migration)?;
    let cache = format!(
        "[cache.link]\ntable = \"links\"\nkeys = [\"link:{{id}}\"]\nvalue = [\"id\", \"url\", \"clicks\"]\n\
         ttl = \"1h\"\nmax_entries = {}\nmax_bytes = \"256MiB\"\n",
        ROWS * 2
    );
    std::fs::write(folder.path().join("brigade.toml"), format!("{stores}{cache}"))?;
    Ok(folder)
}

/// Opens it with rows.
async fn open(folder: &TempDir, rows: usize) -> Result<Brigade> {
    let brigade = Brigade::open(OpenOptions::project(folder.path())).await?;
    for begin in (0..rows).step_by(PART) {
        let row = |id: usize| Row::new().set("id", id as i64).set("url", format!("https://example.org/{id}"));
        brigade.transaction().insert_all("links", (begin..rows.min(begin + PART)).map(row)).commit().await?;
    }
    Ok(brigade)
}

fn keys() -> Arc<Vec<String>> {
    Arc::new((0..ROWS).map(|id| format!("link:{id}")).collect())
}

async fn in_process(options: &Options, report: &mut Report) -> Result<()> {
    let folder = project("")?;
    let brigade = open(&folder, ROWS).await?;
    let cache = brigade.cache("link")?;
    let tip = *brigade.tip().borrow();
    let fresh = brigade::Fresh { after: vec![tip], ..Default::default() };
    cache.get_fresh("link:0", &fresh).await?;
    let loaded = cache.warm_all().await?;
    println!("\nin process, {loaded} entries (hits a second)");
    let keys = keys();
    for threads in [1, 2] {
        let quick = bare::quick(&keys, threads, options.time);
        let moka = bare::moka(&keys, threads, options.time);
        let rate = hits(&cache, &keys, threads, options.time);
        report.fact(&format!("bare quick_cache, {threads} threads"), json!(quick.round()));
        report.fact(&format!("bare moka, {threads} threads"), json!(moka.round()));
        report.fact(&format!("cache, {threads} threads"), json!(rate.round()));
        report.at_least(
            &format!("hits of the faster bare one, {threads} threads"),
            rate / quick.max(moka),
            0.50,
            "of it",
        );
    }
    brigade.close().await;
    Ok(())
}

fn hits(cache: &CacheHandle, keys: &Arc<Vec<String>>, threads: usize, time: Duration) -> f64 {
    rate(keys, threads, time, |key| cache.peek(key).is_some_and(|entry| entry.value.is_some()))
}

/// Hits a second of so many threads, which ask for all keys in no order.
fn rate(keys: &Arc<Vec<String>>, threads: usize, time: Duration, hit: impl Fn(&str) -> bool + Sync) -> f64 {
    let began = Instant::now();
    let one = |thread: usize| {
        let (mut hits, mut state) = (0_u64, thread as u64 + 1);
        // The clock is asked once in a thousand.
        while began.elapsed() < time {
            for _ in 0..1_000 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                assert!(hit(&keys[(state >> 33) as usize % keys.len()]), "every key is there");
            }
            hits += 1_000;
        }
        hits
    };
    let hits: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|thread| scope.spawn(move || one(thread))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a measuring thread")).sum()
    });
    hits as f64 / began.elapsed().as_secs_f64()
}
