//! Limits in the process, with a clock that the test turns: the suite, restarts, a full table.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use brigade_core::{
    engine::{Clock, Limiter},
    limit::{Algorithm, Quota, Shape},
    limits,
};
use brigade_testing::suites::limiter::{Engine, key, run};
use engine_memory::{MemoryLimiter, MemoryLimiterOptions};

/// Turned by hand.
struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Hand {
    fn at(ms: i64) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(ms * 1_000)))
    }

    fn turn(&self, ms: i64) {
        self.0.fetch_add(ms * 1_000, Ordering::Relaxed);
    }
}

const NOW: i64 = 1_795_000_000_000;
const QUOTA: Quota = Quota { quota: 10, burst: 10 };

fn shape(algorithm: Algorithm) -> Shape {
    Shape { algorithm, window_ms: 60_000, buckets: 10 }
}

fn options(shape: Shape, clock: &Arc<Hand>) -> MemoryLimiterOptions {
    MemoryLimiterOptions { shape, slowest: 1, max_keys: 1_000, clock: Arc::clone(clock) as Arc<dyn Clock> }
}

fn open(shape: Shape, clock: &Arc<Hand>, path: &Path) -> Arc<MemoryLimiter> {
    MemoryLimiter::open(options(shape, clock), path.to_owned()).unwrap()
}

fn remaining(limiter: &MemoryLimiter, who: &str) -> u32 {
    limiter.decide(&key(who), QUOTA, 0).remaining
}

struct InMemory(Arc<Hand>);

#[async_trait]
impl Engine for InMemory {
    fn make(&self, shape: Shape) -> Arc<dyn Limiter> {
        Arc::new(MemoryLimiter::new(options(shape, &self.0)))
    }

    async fn pass(&self, time: Duration) {
        self.0.turn(i64::try_from(time.as_millis()).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite() {
    run(&InMemory(Hand::at(NOW))).await;
}

#[tokio::test]
async fn a_restart_forgets_nothing_and_a_kill_what_came_after_the_last_tick() {
    for (_, algorithm) in Algorithm::ALL {
        let (folder, clock) = (tempfile::tempdir().unwrap(), Hand::at(NOW));
        let path = folder.path().join("api");
        let limiter = open(shape(algorithm), &clock, &path);
        for n in 0..100 {
            limiter.decide(&key(&format!("user:{n}")), QUOTA, n % 10);
        }
        limiter.close().await;
        let limiter = open(shape(algorithm), &clock, &path);
        for n in 0..100 {
            assert_eq!(remaining(&limiter, &format!("user:{n}")), 10 - n % 10, "{algorithm:?} {n}");
        }
        limiter.decide(&key("user:1"), QUOTA, 4);
        limiter.tick();
        limiter.decide(&key("user:1"), QUOTA, 2);
        drop(limiter);
        let limiter = open(shape(algorithm), &clock, &path);
        assert_eq!(remaining(&limiter, "user:1"), 5, "{algorithm:?}");
        // A batch that was torn is as if it had not been begun, and what comes after it is kept again.
        limiter.decide(&key("user:1"), QUOTA, 1);
        limiter.tick();
        drop(limiter);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 3]).unwrap();
        let limiter = open(shape(algorithm), &clock, &path);
        assert_eq!(remaining(&limiter, "user:1"), 5, "{algorithm:?}");
        limiter.decide(&key("user:1"), QUOTA, 3);
        limiter.close().await;
        assert_eq!(remaining(&open(shape(algorithm), &clock, &path), "user:1"), 2, "{algorithm:?}");
    }
}

#[tokio::test]
async fn a_clock_that_was_set_back_over_a_restart_forgets_nothing_and_locks_nobody_out() {
    for (_, algorithm) in Algorithm::ALL {
        let (folder, clock) = (tempfile::tempdir().unwrap(), Hand::at(NOW));
        let path = folder.path().join("api");
        let limiter = open(shape(algorithm), &clock, &path);
        limiter.decide(&key("user:1"), QUOTA, 10);
        limiter.close().await;
        clock.turn(-365 * 86_400_000);
        let limiter = open(shape(algorithm), &clock, &path);
        let verdict = limiter.decide(&key("user:1"), QUOTA, 10);
        assert!(!verdict.allowed, "{algorithm:?}");
        clock.turn(i64::try_from(verdict.retry_ms.unwrap()).unwrap());
        assert!(verdict.retry_ms.unwrap() <= 66_000, "{verdict:?}");
        assert!(limiter.decide(&key("user:1"), QUOTA, 10).allowed, "{algorithm:?}");
    }
}

#[tokio::test]
async fn another_shape_begins_anew_and_a_file_of_something_else_is_no_harm() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Hand::at(NOW));
    let path = folder.path().join("api");
    std::fs::write(&path, "something else that is longer than a header of ours would be").unwrap();
    for algorithm in [Algorithm::FixedWindow, Algorithm::SlidingWindow] {
        let limiter = open(shape(algorithm), &clock, &path);
        assert_eq!(remaining(&limiter, "user:1"), 10);
        limiter.decide(&key("user:1"), QUOTA, 10);
        limiter.close().await;
        assert_eq!(remaining(&open(shape(algorithm), &clock, &path), "user:1"), 0);
    }
}

#[test]
fn who_is_idle_is_forgotten_and_the_file_does_not_grow_for_ever() {
    let clock = Hand::at(NOW);
    let limiter = MemoryLimiter::new(options(shape(Algorithm::SlidingWindow), &clock));
    for n in 0..1_000 {
        limiter.decide(&key(&format!("user:{n}")), QUOTA, 1);
    }
    assert_eq!(limiter.identifiers(), Some(1_000));
    clock.turn(60_000);
    limiter.tick();
    assert_eq!(limiter.identifiers(), Some(1_000), "they still count");
    clock.turn(6_001);
    for _ in 0..100 {
        limiter.tick();
    }
    assert_eq!(limiter.identifiers(), Some(0));
}

#[tokio::test]
async fn the_file_stays_in_proportion_to_what_it_holds() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Hand::at(NOW));
    let path = folder.path().join("api");
    let limiter = open(shape(Algorithm::SlidingWindow), &clock, &path);
    for round in 0..200 {
        for n in 0..1_000 {
            limiter.decide(&key(&format!("user:{n}")), Quota { quota: 1_000, burst: 1 }, 1);
        }
        clock.turn(100);
        limiter.tick();
        let bytes = std::fs::metadata(&path).unwrap().len();
        assert!(bytes < 3 << 20, "{bytes} bytes after {round} rounds");
    }
    limiter.close().await;
    let again = open(shape(Algorithm::SlidingWindow), &clock, &path);
    assert_eq!(again.decide(&key("user:7"), Quota { quota: 1_000, burst: 1 }, 0).remaining, 800);
}

#[tokio::test]
async fn a_full_table_admits_less_and_never_more() {
    for (_, algorithm) in Algorithm::ALL {
        let (folder, clock) = (tempfile::tempdir().unwrap(), Hand::at(NOW));
        let path = folder.path().join("api");
        let mut few = options(shape(algorithm), &clock);
        few.max_keys = 50;
        let mut limiter = MemoryLimiter::open(few.clone(), path.clone()).unwrap();
        let people: Vec<String> = (0..5_000).map(|n| format!("user:{n}")).collect();
        let mut admitted = vec![Vec::new(); people.len()];
        // Eight waves over some 70 seconds: states come and go, and a restart lies between them.
        for wave in 0..8 {
            for (who, admitted) in people.iter().zip(&mut admitted) {
                while limiter.decide(&key(who), QUOTA, 1).allowed {
                    admitted.push(clock.now() / 1_000);
                }
            }
            assert!(limiter.identifiers() <= Some(50));
            clock.turn(10_007);
            limiter.tick();
            if wave == 4 {
                limiter.close().await;
                limiter = MemoryLimiter::open(few.clone(), path.clone()).unwrap();
            }
        }
        for times in &admitted {
            for from in times {
                let within = times.iter().filter(|at| (*from..from + 60_000).contains(at)).count();
                let most = match algorithm {
                    Algorithm::FixedWindow => 20,
                    Algorithm::SlidingWindow => 10,
                    Algorithm::TokenBucket => 20,
                };
                assert!(within <= most, "{algorithm:?}: {within} within a window");
            }
        }
        let all: usize = admitted.iter().map(Vec::len).sum();
        assert!(all >= limits::SHARED_COUNTERS, "who shares still gets something: {all}");
    }
}

#[test]
fn who_shared_a_counter_takes_along_what_was_counted_there() {
    for (_, algorithm) in Algorithm::ALL {
        let clock = Hand::at(NOW);
        let mut few = options(shape(algorithm), &clock);
        (few.max_keys, few.slowest) = (1, 10);
        let limiter = MemoryLimiter::new(few);
        limiter.decide(&key("user:a"), QUOTA, 1);
        clock.turn(50_000);
        assert!(limiter.decide(&key("user:b"), QUOTA, 10).allowed, "{algorithm:?}");
        clock.turn(17_000);
        limiter.tick();
        // The place is free now, and not all of what b took has passed.
        assert_eq!(limiter.identifiers(), Some(0), "{algorithm:?}");
        assert!(!limiter.decide(&key("user:b"), QUOTA, 5).allowed, "{algorithm:?}");
        assert_eq!(limiter.identifiers(), Some(1), "{algorithm:?}");
    }
}
