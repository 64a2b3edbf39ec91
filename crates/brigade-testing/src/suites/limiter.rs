//! What every [`Limiter`] promises, and that it decides as [`Shape::admit`] defines. Each check bears the sentence of the
//! contract that it holds the engine to.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use brigade_core::{
    engine::Limiter,
    limit::{Algorithm, LimitKey, Quota, Shape, Template, Verdict},
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

/// An engine to hold to the promises.
#[async_trait]
pub trait Engine: Sync {
    /// A limiter without states, on a store of its own or under keys of its own.
    fn make(&self, shape: Shape) -> Arc<dyn Limiter>;

    /// Lets time pass, as much at least.
    async fn pass(&self, time: Duration);
}

/// Runs every check.
pub async fn run(engine: &dyn Engine) {
    for (_, algorithm) in Algorithm::ALL {
        every_check_is_decided_as_defined(engine, algorithm).await;
        no_interval_admits_more_than_is_defined(engine, algorithm).await;
        checks_at_the_same_moment_admit_no_more(engine, algorithm).await;
        identifiers_are_counted_apart_and_tiers_together(engine, algorithm).await;
        what_is_refused_counts_nothing_and_a_cost_of_nothing_looks(engine, algorithm).await;
        that_long_later_it_is_admitted(engine, algorithm).await;
    }
}

/// The name of one who is counted.
pub fn key(identifier: &str) -> LimitKey {
    let template = Template::parse("rate:{identifier}:{window_bucket}").expect("a good template");
    template.fill(identifier, &BTreeMap::new()).expect("nothing is missing")
}

fn shape(algorithm: Algorithm, window_ms: u64) -> Shape {
    Shape { algorithm, window_ms, buckets: 10 }
}

fn of(quota: u32) -> Quota {
    Quota { quota, burst: quota }
}

/// A window that does not turn while a test runs: none of its times lies near a multiple of it.
const LONG_MS: u64 = 10_000_000_000;

async fn ask(limiter: &Arc<dyn Limiter>, who: &str, quota: Quota, cost: u32) -> Verdict {
    limiter.check(&key(who), quota, cost).await.expect("the store is there")
}

/// The engine's own time is in its answer, so its decision can be made again.
async fn every_check_is_decided_as_defined(engine: &dyn Engine, algorithm: Algorithm) {
    let (shape, quota, seed) = (shape(algorithm, 400), Quota { quota: 12, burst: 20 }, rand::random());
    let (limiter, mut random) = (engine.make(shape), StdRng::seed_from_u64(seed));
    let mut state = vec![0; shape.words()];
    for step in 0..300 {
        let cost = random.random_range(0..=5);
        let verdict = ask(&limiter, "user:defined", quota, cost).await;
        let expected = shape.admit(&mut state, verdict.now_ms, quota, cost);
        assert_eq!(verdict, expected, "{algorithm:?}, seed {seed}, step {step}, cost {cost}");
        let pause = [0, 0, 1, 5, 30][random.random_range(0..5)];
        engine.pass(Duration::from_millis(pause)).await;
    }
}

/// Replays every admission of constant overload.
async fn no_interval_admits_more_than_is_defined(engine: &dyn Engine, algorithm: Algorithm) {
    let (window_ms, quota) = (500, of(50));
    let limiter = engine.make(shape(algorithm, window_ms));
    let mut admitted = Vec::new();
    let (mut first, mut last) = (None, 0);
    while last < first.unwrap_or(last) + 6 * window_ms {
        let verdict = ask(&limiter, "user:overload", quota, 1).await;
        last = verdict.now_ms;
        first.get_or_insert(last);
        if verdict.allowed {
            admitted.push(last);
        } else {
            engine.pass(Duration::from_millis(2)).await;
        }
    }
    let within =
        |from: u64, length: u64| admitted.iter().filter(|&&at| from <= at && at < from + length).count() as u64;
    for &from in &admitted {
        match algorithm {
            Algorithm::FixedWindow => assert!(within(from / window_ms * window_ms, window_ms) <= 50),
            Algorithm::SlidingWindow => assert!(within(from, window_ms + 1) <= 50, "at {from}"),
            Algorithm::TokenBucket => {
                assert!((1..6).all(|n| within(from, n * window_ms) <= 50 + n * 50), "at {from}");
            }
        }
    }
    // What passes after the first window, of what may.
    let share = within(first.unwrap_or(0) + window_ms, 5 * window_ms) as f64 / 250.0;
    assert!(share >= 0.8, "{algorithm:?}: only {share} of the quota passes under load");
}

async fn checks_at_the_same_moment_admit_no_more(engine: &dyn Engine, algorithm: Algorithm) {
    let limiter = engine.make(shape(algorithm, LONG_MS));
    let tasks: Vec<_> = (0..40)
        .map(|_| {
            let limiter = Arc::clone(&limiter);
            tokio::spawn(async move {
                let mut admitted = 0;
                for _ in 0..25 {
                    admitted += u32::from(ask(&limiter, "user:crowd", of(333), 1).await.allowed);
                }
                admitted
            })
        })
        .collect();
    let mut admitted = 0;
    for task in tasks {
        admitted += task.await.expect("it ends");
    }
    assert_eq!(admitted, 333, "{algorithm:?}");
}

async fn identifiers_are_counted_apart_and_tiers_together(engine: &dyn Engine, algorithm: Algorithm) {
    let limiter = engine.make(shape(algorithm, LONG_MS));
    for who in ["user:a", "user:b", "ip:::1"] {
        let verdict = ask(&limiter, who, of(5), 2).await;
        assert_eq!((verdict.allowed, verdict.remaining, verdict.limit), (true, 3, 5), "{algorithm:?} {who}");
    }
    assert!(!ask(&limiter, "user:a", of(5), 4).await.allowed);
    let verdict = ask(&limiter, "user:a", of(50), 4).await;
    assert_eq!((verdict.allowed, verdict.remaining, verdict.limit), (true, 44, 50), "{algorithm:?}");
    assert_eq!(ask(&limiter, "user:a", of(5), 1).await.remaining, 0, "{algorithm:?}");
}

async fn what_is_refused_counts_nothing_and_a_cost_of_nothing_looks(engine: &dyn Engine, algorithm: Algorithm) {
    let limiter = engine.make(shape(algorithm, LONG_MS));
    let verdict = ask(&limiter, "user:a", of(5), 0).await;
    assert_eq!((verdict.allowed, verdict.remaining, verdict.retry_ms), (true, 5, None), "{algorithm:?}");
    ask(&limiter, "user:a", of(5), 3).await;
    for _ in 0..3 {
        let verdict = ask(&limiter, "user:a", of(5), 3).await;
        assert_eq!((verdict.allowed, verdict.remaining), (false, 2), "{algorithm:?}");
        assert!(verdict.retry_ms.is_some_and(|ms| ms > 0) && verdict.reset_ms > 0, "{verdict:?}");
        let verdict = ask(&limiter, "user:a", of(5), 0).await;
        assert_eq!((verdict.allowed, verdict.remaining), (true, 2), "{algorithm:?}");
    }
    assert!(ask(&limiter, "user:a", of(5), 2).await.allowed);
}

async fn that_long_later_it_is_admitted(engine: &dyn Engine, algorithm: Algorithm) {
    let limiter = engine.make(shape(algorithm, 300));
    let mut refused = 0;
    for cost in [3, 5, 1, 5, 2, 5] {
        let verdict = ask(&limiter, "user:patient", of(5), cost).await;
        let Some(retry_ms) = verdict.retry_ms else { continue };
        refused += 1;
        engine.pass(Duration::from_millis(retry_ms)).await;
        let later = ask(&limiter, "user:patient", of(5), cost).await;
        assert!(later.allowed, "{algorithm:?}: {verdict:?}, then {later:?}");
    }
    assert!(refused > 0, "{algorithm:?}");
}
