//! Loads: shared by all who may share them, and never kept once they are too old.

use std::{sync::Arc, time::Duration};

use brigade_core::{data::Position, projection::cache::Outcome};

use super::{KEY, number, on_every_engine};

/// Readers that come at once.
const CROWD: usize = 500;

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("not so in time: {what}");
}

#[test]
fn a_value_loaded_before_a_change_is_never_kept_after_it() {
    on_every_engine("ttl = \"60s\"", |world| async move {
        let world = Arc::new(world);
        for n in 1..=20 {
            // A load has read the row and is held up.
            world.gate.open.send_replace(false);
            let before = world.asked();
            let early = tokio::spawn({
                let world = Arc::clone(&world);
                async move { world.get(KEY, Position::START).await }
            });
            until("the truth is asked", || world.asked() > before).await;
            // Meanwhile the row changes, and the cache has applied that.
            let changed = world.set(1, n).await;
            world.applied(changed).await;
            let late = tokio::spawn({
                let world = Arc::clone(&world);
                async move { world.get(KEY, Position::START).await }
            });
            tokio::time::sleep(Duration::from_millis(20)).await;
            world.gate.open.send_replace(true);
            let (early, late) = (early.await.unwrap(), late.await.unwrap());
            assert!(number(&early) >= Some(n - 1), "{}: {early:?}", world.engine);
            assert_eq!(number(&late), Some(n), "{}: who came after the change sees it: {late:?}", world.engine);
            let kept = world.get(KEY, Position::START).await;
            assert_eq!((number(&kept), kept.outcome), (Some(n), Outcome::Hit), "{}", world.engine);
            world.cache.delete(KEY).await.unwrap();
        }
        Arc::into_inner(world).unwrap().close().await;
    });
}

#[test]
fn a_deleted_key_is_not_kept_by_a_load_from_before() {
    on_every_engine("ttl = \"60s\"", |world| async move {
        let world = Arc::new(world);
        world.gate.open.send_replace(false);
        let load = tokio::spawn({
            let world = Arc::clone(&world);
            async move { world.get(KEY, Position::START).await }
        });
        until("the truth is asked", || world.asked() == 1).await;
        world.cache.delete(KEY).await.unwrap();
        world.gate.open.send_replace(true);
        load.await.unwrap();
        assert_eq!(world.get(KEY, Position::START).await.outcome, Outcome::Miss, "{}", world.engine);
        Arc::into_inner(world).unwrap().close().await;
    });
}

#[test]
fn a_crowd_asks_once_for_a_cold_key_and_once_for_an_expired_one() {
    on_every_engine("ttl = \"400ms\"\nnegative_ttl = \"400ms\"", |world| async move {
        let world = Arc::new(world);
        for (key, there) in [(KEY, Some(0)), ("t:404", None)] {
            for round in 1..=2 {
                let before = world.asked();
                world.gate.open.send_replace(false);
                let readers: Vec<_> = (0..CROWD)
                    .map(|_| {
                        let world = Arc::clone(&world);
                        tokio::spawn(async move { number(&world.get(key, Position::START).await) })
                    })
                    .collect();
                until("the truth is asked", || world.asked() > before).await;
                tokio::time::sleep(Duration::from_millis(50)).await;
                world.gate.open.send_replace(true);
                for reader in readers {
                    assert_eq!(reader.await.unwrap(), there, "{} {key}", world.engine);
                }
                assert_eq!(world.asked() - before, 1, "{} {key}, round {round}: one load for {CROWD}", world.engine);
                tokio::time::sleep(Duration::from_millis(450)).await;
            }
        }
        Arc::into_inner(world).unwrap().close().await;
    });
}

#[test]
fn an_early_refresh_is_one_load_that_nobody_waits_for() {
    // So early that every hit is due.
    on_every_engine("ttl = \"600ms\"\nearly_refresh = 100.0", |world| async move {
        let world = Arc::new(world);
        world.gate.open.send_replace(false);
        let first = tokio::spawn({
            let world = Arc::clone(&world);
            async move { world.get(KEY, Position::START).await }
        });
        until("the truth is asked", || world.asked() == 1).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        world.gate.open.send_replace(true);
        assert_eq!(first.await.unwrap().outcome, Outcome::Miss);
        world.gate.open.send_replace(false);
        let mut outcomes = Vec::new();
        for _ in 0..CROWD {
            outcomes.push(world.get(KEY, Position::START).await.outcome);
        }
        assert_eq!(outcomes.iter().filter(|o| **o == Outcome::StaleRefresh).count(), 1, "{}", world.engine);
        assert_eq!(outcomes.iter().filter(|o| **o == Outcome::Hit).count(), CROWD - 1, "{}", world.engine);
        until("it is loaded anew", || world.asked() == 2).await;
        world.gate.open.send_replace(true);
        Arc::into_inner(world).unwrap().close().await;
    });
}

#[test]
fn a_load_goes_on_when_the_reader_that_began_it_goes_away() {
    on_every_engine("ttl = \"60s\"", |world| async move {
        let world = Arc::new(world);
        world.gate.open.send_replace(false);
        let reader = || {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.get(KEY, Position::START).await })
        };
        let first = reader();
        until("the truth is asked", || world.asked() == 1).await;
        let second = reader();
        tokio::time::sleep(Duration::from_millis(20)).await;
        first.abort();
        let _ = first.await;
        world.gate.open.send_replace(true);
        assert_eq!(number(&second.await.unwrap()), Some(0), "{}", world.engine);
        assert_eq!(world.asked(), 1, "{}", world.engine);
        drop(world);
    });
}

#[test]
fn a_log_that_does_not_reach_back_lets_it_begin_anew() {
    on_every_engine("ttl = \"60s\"", |world| async move {
        assert_eq!(number(&world.get(KEY, Position::START).await), Some(0));
        world.projections.pause("cache.t").await.unwrap();
        world.set(1, 5).await;
        let last = world.set(1, 6).await;
        let log = Arc::clone(&world.brigade.inner.stores.log);
        super::crate_wait(&world.brigade, last).await;
        assert!(log.trim(last).await.unwrap() > 0, "{}", world.engine);
        world.projections.resume("cache.t").await.unwrap();
        let next = world.set(1, 7).await;
        world.applied(next).await;
        for _ in 0..1_000 {
            let answer = world.get(KEY, next).await;
            assert_eq!(number(&answer), Some(7), "{}", world.engine);
            if answer.outcome == Outcome::Hit {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(world.get(KEY, next).await.outcome, Outcome::Hit, "{}", world.engine);
        assert_eq!(world.projections.status("cache.t").await.unwrap().state, "running", "{}", world.engine);
        world.close().await;
    });
}
