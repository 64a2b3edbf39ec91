//! Writers and readers on the same keys, and a checker: no read shows less than what the cache had applied before the read
//! began, than what an earlier read of the key had shown, or than the position that it names.
//!
//! Every truth, with every store, and for each kind of cache: a store is raced for 30 seconds in all. What is on Redis before a
//! PostgreSQL is raced by two processes. `BRIGADE_RACE_SECONDS` lets each race run longer than it does by itself.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use brigade_core::{data::Position, projection::cache::Outcome};
use futures_util::future::join_all;
use rand::Rng;

use super::{EMBEDDED, Servers, World, number, runtime};

const KEYS: usize = 8;
const WRITERS: usize = 2;
const READERS: usize = 6;

/// How long a race lasts: times four kinds of caches and two truths this is the half minute of a store.
const SECONDS: u64 = 4;

const KINDS: [&str; 4] =
    ["ttl = \"50ms\"\nearly_refresh = 3.0", "ttl = \"60s\"\nfill = \"write\"", "ttl = \"60s\"", EMBEDDED];

/// Most processes at one truth.
const PROCESSES: usize = 2;

/// What is known of one row: each number that it had, with its position, in order; and the newest that a read of a process has
/// shown.
#[derive(Default)]
struct Known {
    written: Mutex<Vec<(Position, i64)>>,
    shown: [AtomicI64; PROCESSES],
}

impl Known {
    /// The newest number at or before a position.
    fn at(&self, position: Position) -> i64 {
        let written = self.written.lock().unwrap();
        written.iter().rev().find(|(at, _)| *at <= position).map_or(0, |(_, n)| *n)
    }
}

#[derive(Default)]
struct Race {
    rows: [Known; KEYS],
    over: AtomicBool,
    reads: AtomicU64,
    named: AtomicU64,
    hits: AtomicU64,
}

#[test]
fn no_read_is_older_than_what_was_known_when_it_began() {
    let seconds = std::env::var("BRIGADE_RACE_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SECONDS);
    let servers = Servers::start();
    let (runtime, mut totals) = (runtime(), BTreeMap::<_, (u64, u64)>::new());
    for settings in KINDS {
        // All truths and stores at the same time: the machine's load is a part of the race.
        let races = servers.all().map(|(engine, stores, redis)| {
            // Written on every change, a value may be older than what another process has loaded: see docs/promises.md.
            let is_shared = redis.is_some() && !stores.is_empty() && !settings.contains("write");
            let count = if is_shared { PROCESSES } else { 1 };
            async move {
                let processes = (0..count).map(|_| World::open(engine, (&stores, redis), settings));
                let worlds = join_all(processes).await;
                race(worlds, settings, seconds).await
            }
        });
        for (store, reads) in runtime.block_on(join_all(races)) {
            let total = totals.entry(store).or_default();
            *total = (total.0 + reads, total.1 + seconds);
        }
    }
    for (store, (reads, seconds)) in totals {
        println!("{store}: {reads} reads in {seconds} s of races, 0 violations");
    }
}

/// Races writers and readers on all processes at one truth; which store it was, and how many reads.
async fn race(worlds: Vec<World>, settings: &str, seconds: u64) -> (&'static str, u64) {
    let engine = worlds[0].engine;
    let (worlds, race) = (Arc::new(worlds), Arc::new(Race::default()));
    let mut tasks = Vec::new();
    for writer in 0..WRITERS {
        let (worlds, race) = (Arc::clone(&worlds), Arc::clone(&race));
        // Each row has one writer, so that its numbers rise with their positions.
        tasks.push(tokio::spawn(async move { write(&worlds[writer % worlds.len()], &race, writer).await }));
    }
    for reader in 0..READERS {
        let (worlds, race) = (Arc::clone(&worlds), Arc::clone(&race));
        tasks.push(tokio::spawn(async move { read(&worlds, &race, reader % worlds.len()).await }));
    }
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    race.over.store(true, Ordering::SeqCst);
    for task in tasks {
        task.await.expect("no violation");
    }
    let [reads, named, hits] = [&race.reads, &race.named, &race.hits].map(|count| count.load(Ordering::SeqCst));
    let processes = worlds.len();
    println!(
        "{engine} ({processes}) {settings:?}: {reads} reads, {named} of them with a position, {hits} hits, 0 violations"
    );
    assert!(reads > 100 && named > 10 && hits > 0, "{engine}: {reads} {named} {hits}");
    for world in Arc::into_inner(worlds).unwrap() {
        world.close().await;
    }
    (if engine.contains("redis") { "redis" } else { "memory" }, reads)
}

async fn write(world: &World, race: &Race, writer: usize) {
    let mut n = [0; KEYS];
    while !race.over.load(Ordering::SeqCst) {
        let row = rand::rng().random_range(0..KEYS / WRITERS) * WRITERS + writer;
        let position = world.set(row as i64 + 100, n[row]).await;
        race.rows[row].written.lock().unwrap().push((position, n[row]));
        n[row] += 1;
        let pause = rand::rng().random_range(0..3);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}

async fn read(worlds: &[World], race: &Race, process: usize) {
    let world = &worlds[process];
    while !race.over.load(Ordering::SeqCst) {
        let row = rand::rng().random_range(0..KEYS);
        let known = &race.rows[row];
        let key = format!("t:{}", row + 100);
        let names = rand::rng().random_bool(0.3);
        let after = match known.written.lock().unwrap().last() {
            Some((position, _)) if names => *position,
            _ => Position::START,
        };
        let applied = world.projections.status("cache.t").await.unwrap().checkpoint.unwrap_or(Position::START);
        let least = known.at(applied).max(known.at(after)).max(known.shown[process].load(Ordering::SeqCst));
        if after > Position::START {
            super::crate_wait(&world.brigade, after).await;
            race.named.fetch_add(1, Ordering::SeqCst);
        }
        let answer = world.get(&key, after).await;
        let shown = number(&answer).unwrap_or(0);
        assert!(
            shown >= least,
            "{} {key}: {shown} after {least} ({:?}, position {}, applied {applied}, after {after})",
            world.engine,
            answer.outcome,
            answer.position
        );
        // What an answer says of itself holds, too.
        assert!(shown >= known.at(answer.position), "{} {key}: {shown} at {}", world.engine, answer.position);
        if answer.outcome != Outcome::Bypass {
            known.shown[process].fetch_max(shown, Ordering::SeqCst);
        }
        race.hits.fetch_add(u64::from(answer.outcome == Outcome::Hit), Ordering::SeqCst);
        race.reads.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
    }
}
