//! Writers and readers on the same keys, and a checker: no read shows less than what the cache had applied before the read
//! began, than what an earlier read of the key had shown, or than the position that it names.
//!
//! `BRIGADE_RACE_SECONDS` lets it run longer than it does by itself.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use brigade_core::{data::Position, projection::cache::Outcome};
use rand::Rng;

use super::{World, number, on_every_engine};

const KEYS: usize = 8;
const WRITERS: usize = 2;
const READERS: usize = 6;

/// What is known of one row: each number that it had, with its position, in order; and the newest that a read has shown.
#[derive(Default)]
struct Known {
    written: Mutex<Vec<(Position, i64)>>,
    shown: AtomicI64,
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
    let seconds = std::env::var("BRIGADE_RACE_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(4);
    for settings in ["ttl = \"50ms\"\nearly_refresh = 3.0", "ttl = \"60s\"\nfill = \"write\"", "ttl = \"60s\""] {
        on_every_engine(settings, |world| async move {
            let (world, race) = (Arc::new(world), Arc::new(Race::default()));
            let mut tasks = Vec::new();
            for writer in 0..WRITERS {
                let (world, race) = (Arc::clone(&world), Arc::clone(&race));
                // Each row has one writer, so that its numbers rise with their positions.
                tasks.push(tokio::spawn(async move { write(&world, &race, writer).await }));
            }
            for _ in 0..READERS {
                let (world, race) = (Arc::clone(&world), Arc::clone(&race));
                tasks.push(tokio::spawn(async move { read(&world, &race).await }));
            }
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            race.over.store(true, Ordering::SeqCst);
            for task in tasks {
                task.await.expect("no violation");
            }
            let (reads, named, hits) = (&race.reads, &race.named, &race.hits);
            println!(
                "{} {settings:?}: {} reads, {} of them with a position, {} hits, 0 violations",
                world.engine,
                reads.load(Ordering::SeqCst),
                named.load(Ordering::SeqCst),
                hits.load(Ordering::SeqCst)
            );
            assert!(reads.load(Ordering::SeqCst) > 100 && named.load(Ordering::SeqCst) > 10, "{}", world.engine);
            assert!(hits.load(Ordering::SeqCst) > 0, "{}", world.engine);
            Arc::into_inner(world).unwrap().close().await;
        });
    }
}

async fn write(world: &World, race: &Race, writer: usize) {
    let mut n = 0;
    while !race.over.load(Ordering::SeqCst) {
        n += 1;
        let row = rand::rng().random_range(0..KEYS / WRITERS) * WRITERS + writer;
        let position = world.set(row as i64 + 100, n).await;
        race.rows[row].written.lock().unwrap().push((position, n));
        let pause = rand::rng().random_range(0..3);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}

async fn read(world: &World, race: &Race) {
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
        let least = known.at(applied).max(known.at(after)).max(known.shown.load(Ordering::SeqCst));
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
            known.shown.fetch_max(shown, Ordering::SeqCst);
        }
        race.hits.fetch_add(u64::from(answer.outcome == Outcome::Hit), Ordering::SeqCst);
        race.reads.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
    }
}
