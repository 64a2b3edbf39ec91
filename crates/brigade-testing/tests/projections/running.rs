//! The runner: whatever fails, every committed change arrives exactly once in effect, and a failure stays where it is.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use brigade_core::{
    data::{SqlType, Value, code},
    engine::{CopyStore, Log},
    limits::CHUNK_MAX,
    log::{After, Readers, Retention, RetentionOptions, follow, wait_for},
    schema::{AtBudget, LogConfig},
};
use brigade_testing::{
    memory_truth::{Write, model, table},
    torn::TornCopy,
};
use engine_memory::MemoryCopy;
use engine_sqlite::SqliteCopy;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use crate::world::{Faulty, World, in_state, reached, row, rows};

#[tokio::test]
async fn a_copy_is_filled_and_then_follows() {
    let world = World::new();
    world.put(1, "before");
    let copy = MemoryCopy::new();
    let projections = world.start(&[("c", Arc::new(copy.clone()))]).await;
    let tip = world.put(2, "after");
    reached(&projections, "copy.c", tip).await;
    assert_eq!(rows(&copy).await, [row(1, "before"), row(2, "after")]);
    let status = projections.status("copy.c").await.unwrap();
    assert_eq!((status.state, status.lag_changes, status.checkpoint), ("running", 0, Some(tip)));
    assert_eq!(projections.verify("nothing", None).await.unwrap_err().code(), code::NOT_FOUND);
}

#[tokio::test]
async fn one_that_fails_does_not_delay_another() {
    let world = World::new();
    let (away, panics, good) = (Faulty::new(MemoryCopy::new()), Faulty::new(MemoryCopy::new()), MemoryCopy::new());
    let projections =
        world.start(&[("away", away.clone()), ("panics", panics.clone()), ("good", Arc::new(good.clone()))]).await;
    let tip = world.put(1, "one");
    for name in ["copy.away", "copy.panics", "copy.good"] {
        reached(&projections, name, tip).await;
    }
    away.away.store(true, Ordering::Relaxed);
    panics.panics.store(true, Ordering::Relaxed);
    let tip = world.put(2, "two");
    reached(&projections, "copy.good", tip).await;
    in_state(&projections, "copy.away", "waiting").await;
    in_state(&projections, "copy.panics", "stopped").await;
    let status = projections.status("copy.panics").await.unwrap();
    assert!(status.last_error.unwrap().contains("as the test said"));

    away.away.store(false, Ordering::Relaxed);
    panics.panics.store(false, Ordering::Relaxed);
    reached(&projections, "copy.away", tip).await;
    projections.resume("copy.panics").await.unwrap();
    reached(&projections, "copy.panics", tip).await;
    assert_eq!(rows(&panics.inner).await, rows(&good).await);
}

#[tokio::test]
async fn a_transaction_larger_than_a_chunk_becomes_visible_whole() {
    let folder = tempfile::tempdir().unwrap();
    let stores: [Arc<dyn CopyStore>; 2] =
        [Arc::new(MemoryCopy::new()), Arc::new(SqliteCopy::open(folder.path().join("copy.db")).unwrap())];
    for store in stores {
        let world = World::new();
        let projections = world.start(&[("c", store.clone())]).await;
        let tip = world.put(-1, "first");
        reached(&projections, "copy.c", tip).await;
        let n = CHUNK_MAX * 3 + 17;
        let writes: Vec<Write> = (0..n as i64).map(|i| Write::Put("a", row(i, "large"))).collect();
        let tip = world.truth.write(&writes);
        loop {
            let seen = rows(store.as_ref()).await.len();
            assert!(seen == 1 || seen == n + 1, "{}: {seen} rows of a part", store.engine());
            if seen > 1 {
                break;
            }
            tokio::task::yield_now().await;
        }
        reached(&projections, "copy.c", tip).await;
        assert!(projections.verify("copy.c", None).await.unwrap().equal());
    }
}

#[tokio::test]
async fn a_change_that_is_refused_becomes_a_dead_letter_and_the_rest_goes_on() {
    let world = World::new();
    let copy = Faulty::new(MemoryCopy::new());
    *copy.poison.lock().unwrap() = Some("poison");
    let projections = world.start(&[("c", copy.clone())]).await;
    let tip = world.put(0, "first");
    reached(&projections, "copy.c", tip).await;
    let writes: Vec<Write> =
        (1..50).map(|i| Write::Put("a", row(i, if i == 33 { "poison" } else { "good" }))).collect();
    let tip = world.truth.write(&writes);
    reached(&projections, "copy.c", tip).await;
    assert_eq!(rows(&copy.inner).await.len(), 49);
    assert_eq!(projections.status("copy.c").await.unwrap().dead_letters, 1);

    // After a restart it is still known, and does not hold anything up again.
    drop(projections);
    let projections = world.start(&[("c", copy.clone())]).await;
    let tip = world.put(99, "later");
    reached(&projections, "copy.c", tip).await;
    assert_eq!(projections.status("copy.c").await.unwrap().dead_letters, 1);
    let found = projections.verify("copy.c", None).await.unwrap();
    assert_eq!(found.differences.len(), 1);
    *copy.poison.lock().unwrap() = None;
    assert_eq!(projections.repair("copy.c", None).await.unwrap(), 1);
    assert_eq!(projections.status("copy.c").await.unwrap().dead_letters, 0);
    assert!(projections.verify("copy.c", None).await.unwrap().equal());
}

#[tokio::test]
async fn too_many_dead_letters_stop_it() {
    let world = World::new();
    let copy = Faulty::new(MemoryCopy::new());
    let projections = world.start(&[("c", copy.clone())]).await;
    let tip = world.put(0, "first");
    reached(&projections, "copy.c", tip).await;
    *copy.poison.lock().unwrap() = Some("poison");
    let writes: Vec<Write> = (1..50).map(|i| Write::Put("a", row(i, "poison"))).collect();
    let tip = world.truth.write(&writes);
    in_state(&projections, "copy.c", "stopped").await;
    *copy.poison.lock().unwrap() = None;
    projections.resume("copy.c").await.unwrap();
    reached(&projections, "copy.c", tip).await;
    assert!(projections.verify("copy.c", None).await.unwrap().equal());
}

#[tokio::test]
async fn a_pause_lasts_over_a_restart() {
    let world = World::new();
    let copy = MemoryCopy::new();
    let projections = world.start(&[("c", Arc::new(copy.clone()))]).await;
    let tip = world.put(1, "one");
    reached(&projections, "copy.c", tip).await;
    assert_eq!(projections.pause("copy.c").await.unwrap().state, "paused");
    let tip = world.put(2, "two");
    drop(projections);
    let projections = world.start(&[("c", Arc::new(copy.clone()))]).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(rows(&copy).await.len(), 1);
    let status = projections.status("copy.c").await.unwrap();
    assert_eq!(status.state, "paused");
    projections.resume("copy.c").await.unwrap();
    reached(&projections, "copy.c", tip).await;
    assert_eq!(rows(&copy).await.len(), 2);
}

#[tokio::test]
async fn what_the_log_no_longer_has_needs_a_rebuild_and_says_so() {
    let world = World::new();
    let copy = MemoryCopy::new();
    let projections = world.start(&[("c", Arc::new(copy.clone()))]).await;
    let tip = world.put(1, "one");
    reached(&projections, "copy.c", tip).await;
    drop(projections);
    world.put(2, "lost to it");
    let tip = world.put(3, "lost to it");
    world.truth.trim(tip).await.unwrap();
    let projections = world.start(&[("c", Arc::new(copy.clone()))]).await;
    in_state(&projections, "copy.c", "stopped").await;
    let error = projections.status("copy.c").await.unwrap().last_error.unwrap();
    assert!(error.starts_with("rebuild needed"), "{error}");
    assert_eq!(projections.rebuild("copy.c", None).await.unwrap(), 3);
    let mended = projections.status("copy.c").await.unwrap();
    assert_eq!((mended.state, mended.last_error), ("waiting", None), "before its runner had a turn");
    let tip = world.put(4, "follows again");
    reached(&projections, "copy.c", tip).await;
    assert!(projections.verify("copy.c", None).await.unwrap().equal());
}

/// The runner reads its checkpoint, and finds the gap, while the rebuild is under way.
#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_right_at_the_start_is_not_disturbed_by_the_runner() {
    let world = World::new();
    let copy = MemoryCopy::new();
    for round in 0..50 {
        world.put(3 * round, "lost to it");
        let tip = world.put(3 * round + 1, "lost to it");
        world.truth.trim(tip).await.unwrap();
        let projections = world.start(&[("c", Arc::new(copy.clone()))]).await;
        projections.rebuild("copy.c", None).await.unwrap();
        let tip = world.put(3 * round + 2, "follows again");
        reached(&projections, "copy.c", tip).await;
        projections.stop().await;
    }
}

#[tokio::test]
async fn a_migration_is_taken_up_in_its_place() {
    let world = World::new();
    let copy = MemoryCopy::new();
    let projections = world.start(&[("c", Arc::new(copy.clone()))]).await;
    let tip = world.put(1, "one");
    reached(&projections, "copy.c", tip).await;
    let columns = [("id", SqlType::BigInt), ("name", SqlType::Text), ("more", SqlType::Text)];
    world.truth.migrate(model(2, &[table("a", &columns), table("z", &[("id", SqlType::BigInt)])]));
    let wide = vec![Value::Int(2), "two".into(), "more".into()];
    let tip = world.truth.write(&[Write::Put("a", wide.clone()), Write::Put("z", vec![Value::Int(9)])]);
    reached(&projections, "copy.c", tip).await;
    assert_eq!(rows(&copy).await, [vec![Value::Int(1), "one".into(), Value::Null], wide]);
    assert!(projections.verify("copy.c", None).await.unwrap().equal());
    assert_eq!(copy.layouts().await.unwrap().len(), 2);
}

#[tokio::test]
async fn rebuild_serves_the_old_until_the_new_is_swapped_in() {
    let world = World::new();
    let copy = MemoryCopy::new();
    for i in 0..5_000 {
        world.put(i, "row");
    }
    let projections = world.start(&[("c", Arc::new(copy.clone()))]).await;
    let tip = world.put(5_000, "row");
    reached(&projections, "copy.c", tip).await;
    let (seen, count) = (copy.clone(), Arc::new(std::sync::Mutex::new(BTreeSet::new())));
    let counted = Arc::clone(&count);
    let progress = Arc::new(move |done: u64, total: u64| {
        assert!(done <= total);
        let layout = brigade_core::data::Layout { table: "a".into(), columns: Vec::new(), key: vec![0] };
        let rows = futures_lite(seen.scan(&layout, None, 100_000)).unwrap();
        counted.lock().unwrap().insert(rows.len());
    });
    assert_eq!(projections.rebuild("copy.c", Some(progress)).await.unwrap(), 5_001);
    assert_eq!(*count.lock().unwrap(), BTreeSet::from([5_001]), "the old one was whole all the time");
    assert!(projections.verify("copy.c", None).await.unwrap().equal());

    // Given up in the middle, the old one stays.
    let slow = Arc::new(|_: u64, _: u64| std::thread::sleep(Duration::from_millis(20)));
    let ended = tokio::time::timeout(Duration::from_millis(30), projections.rebuild("copy.c", Some(slow))).await;
    assert!(ended.is_err() || ended.unwrap().is_ok());
    assert_eq!(rows(&copy).await.len(), 5_001);
    in_state(&projections, "copy.c", "running").await;
}

/// A future that never waits.
fn futures_lite<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => unreachable!("it waits"),
    }
}

fn config(budget: u64, at_budget: AtBudget) -> LogConfig {
    LogConfig { keep: Duration::from_secs(3_600), keep_bytes: 1_000, budget, at_budget }
}

fn often() -> RetentionOptions {
    RetentionOptions { interval: Duration::from_millis(5), ..RetentionOptions::default() }
}

#[tokio::test]
async fn the_log_is_trimmed_of_what_all_have_passed_and_at_its_budget_the_slowest_is_stopped() {
    let world = World::new();
    let (slow, quick) = (Faulty::new(MemoryCopy::new()), MemoryCopy::new());
    let projections = Arc::new(world.start(&[("slow", slow.clone()), ("quick", Arc::new(quick.clone()))]).await);
    let first = world.put(0, "first");
    reached(&projections, "copy.slow", first).await;
    slow.away.store(true, Ordering::Relaxed);
    let mut tip = first;
    for i in 1..100 {
        tip = world.put(i, "row");
    }
    reached(&projections, "copy.quick", tip).await;
    assert_eq!(projections.passed().await, Some(first));
    let log: Arc<dyn Log> = Arc::new(world.truth.clone());
    let keeper =
        Retention::start(Arc::clone(&log), projections.clone(), config(1 << 30, AtBudget::DetachSlowest), often());
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(log.status().await.unwrap().oldest, first, "the slow one still needs it");
    drop(keeper);

    let keeper = Retention::start(log.clone(), projections.clone(), config(5_000, AtBudget::DetachSlowest), often());
    let mut state = keeper.state();
    state.wait_for(|state| !state.detached.is_empty()).await.unwrap();
    slow.away.store(false, Ordering::Relaxed);
    in_state(&projections, "copy.slow", "stopped").await;
    assert!(log.status().await.unwrap().bytes < 5_000);
    let tip = world.put(200, "the quick one goes on");
    reached(&projections, "copy.quick", tip).await;
    projections.rebuild("copy.slow", None).await.unwrap();
    reached(&projections, "copy.slow", tip).await;
}

#[tokio::test]
async fn at_the_budget_writes_are_refused_until_there_is_room() {
    let world = World::new();
    let slow = Faulty::new(MemoryCopy::new());
    let projections = Arc::new(world.start(&[("slow", slow.clone())]).await);
    let tip = world.put(0, "first");
    reached(&projections, "copy.slow", tip).await;
    slow.away.store(true, Ordering::Relaxed);
    for i in 1..100 {
        world.put(i, "row");
    }
    let log: Arc<dyn Log> = Arc::new(world.truth.clone());
    let keeper = Retention::start(log, projections.clone(), config(5_000, AtBudget::RefuseWrites), often());
    let mut state = keeper.state();
    state.wait_for(|state| state.refuse_writes).await.unwrap();
    slow.away.store(false, Ordering::Relaxed);
    state.wait_for(|state| !state.refuse_writes).await.unwrap();
    assert_eq!(state.borrow().detached, Vec::<String>::new());
}

#[tokio::test]
async fn followers_keep_tables_and_mark_the_last_change_among_them() {
    let world = World::new();
    let log: Arc<dyn Log> = Arc::new(world.truth.clone());
    let a = |id| Write::Put("a", row(id, "x"));
    let b = |id| Write::Put("b", vec![Value::Int(id), Value::Int(0)]);
    world.truth.write(&[a(1), a(2), b(1)]);
    world.truth.write(&[b(2)]);
    let tip = world.truth.write(&[b(3), a(3), b(4), b(5)]);
    let only_a = Some(Arc::new(BTreeSet::from(["a".to_owned()])));

    let mut bounded = follow(log.clone(), After::Oldest, only_a.clone(), false).await.unwrap();
    world.truth.write(&[a(9)]);
    let mut seen = Vec::new();
    while let Some(chunk) = bounded.next().await.unwrap() {
        seen.extend(chunk.iter().map(|c| (c.key().unwrap()[0].clone(), c.last)));
    }
    assert_eq!(seen, [(Value::Int(1), false), (Value::Int(2), true), (Value::Int(3), true)]);

    let mut endless = follow(log.clone(), After::Now, only_a, true).await.unwrap();
    let writer = world.truth.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        writer.write(&[Write::Put("a", row(10, "x")), Write::Put("b", vec![Value::Int(6), Value::Int(0)])]);
    });
    let chunk = endless.next().await.unwrap().unwrap();
    assert_eq!(chunk.iter().map(|c| c.last).collect::<Vec<_>>(), [true]);

    wait_for(&log, tip, Duration::from_secs(1)).await.unwrap();
    let other = brigade_core::data::Position { order: 1, tag: 99 };
    let error = wait_for(&log, other, Duration::from_secs(1)).await.unwrap_err();
    assert_eq!(error.code(), code::OTHER_HISTORY);
    world.truth.trim(tip).await.unwrap();
    let gone = follow(log, After::Position(brigade_core::data::Position { order: 1, tag: 7 }), None, true).await;
    assert_eq!(gone.err().unwrap().code(), code::POSITION_GONE);
}

/// Random transactions, torn writes, lost answers and restarts: in the end the copy is the truth, row by row.
#[tokio::test]
async fn whatever_is_torn_or_killed_the_copy_ends_equal() {
    for seed in 0..30 {
        let mut chance = StdRng::seed_from_u64(seed);
        let world = World::new();
        let copy = TornCopy::new(seed, 30);
        let mut projections = world.start(&[("c", Arc::new(copy.clone()))]).await;
        let mut tip = world.put(0, "first");
        for step in 0..60 {
            let size = if chance.random_range(0..20) == 0 { CHUNK_MAX * 2 } else { chance.random_range(1..8) };
            let writes: Vec<Write> = (0..size)
                .map(|_| match chance.random_range(0..100) {
                    0 => Write::Truncate("a"),
                    1..30 => Write::Remove("a", vec![Value::Int(chance.random_range(0..50))]),
                    _ => Write::Put("a", row(chance.random_range(0..50), &format!("{step}"))),
                })
                .collect();
            tip = tip.max(world.truth.write(&writes));
            match chance.random_range(0..12) {
                0 => {
                    drop(projections);
                    projections = world.start(&[("c", Arc::new(copy.clone()))]).await;
                }
                1 => drop(projections.rebuild("copy.c", None).await.expect("a rebuild")),
                2 => {
                    let found = projections.verify("copy.c", None).await.expect("a verify");
                    assert!(found.equal(), "seed {seed}: {found:?}");
                }
                _ => tokio::task::yield_now().await,
            }
        }
        reached(&projections, "copy.c", tip).await;
        let mut copied = rows(&copy).await;
        let mut truth = world.truth.rows("a");
        let id = |row: &brigade_core::data::Row| match row[0] {
            Value::Int(n) => n,
            _ => 0,
        };
        copied.sort_by_key(id);
        truth.sort_by_key(id);
        assert_eq!(copied, truth, "seed {seed}");
    }
}
