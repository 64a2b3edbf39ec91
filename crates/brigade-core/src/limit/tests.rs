//! The three algorithms held against their definitions: every admission of invented runs is replayed.

use proptest::prelude::*;

use super::*;

/// Asks: how long after the one before, and for how much.
type Asks = Vec<(u64, u32)>;

fn asks(window_ms: u64, cost_max: u32) -> impl Strategy<Value = Asks> {
    let pause = prop_oneof![4 => 0..=window_ms / 20, 2 => 0..=window_ms, 1 => 0..=window_ms * 4];
    prop::collection::vec((pause, 0..=cost_max), 1..200)
}

fn shapes(algorithm: Algorithm) -> impl Strategy<Value = (Shape, Quota)> {
    (1u64..5_000, 1u32..13, 1u32..40, 1u32..80).prop_map(move |(window_ms, buckets, quota, burst)| {
        (Shape { algorithm, window_ms, buckets }, Quota { quota, burst })
    })
}

/// Runs the asks and gives what was admitted, when; checks what every verdict promises on the way.
fn run(shape: Shape, quota: Quota, asks: &Asks) -> Vec<(u64, u64)> {
    let (mut state, mut now_ms, mut admitted) = (vec![0; shape.words()], 1_700_000_000_123, Vec::new());
    for &(pause, cost) in asks {
        now_ms += pause;
        let cost = cost.min(shape.cost_max(quota));
        let before = shape.admit(&mut state.clone(), now_ms, quota, 0);
        assert!(before.allowed, "looking is free");
        let verdict = shape.admit(&mut state, now_ms, quota, cost);
        assert_eq!(verdict.allowed, cost <= before.remaining, "what remains can be had, and no more");
        let taken = if verdict.allowed { cost } else { 0 };
        assert_eq!(verdict.remaining, before.remaining - taken);
        assert!(verdict.remaining <= verdict.limit);
        if verdict.allowed {
            admitted.push((now_ms, u64::from(cost)));
            assert_eq!(verdict.retry_ms, None);
        } else {
            let retry_ms = verdict.retry_ms.expect("refused");
            let after = |ms| shape.admit(&mut state.clone(), now_ms + ms, quota, cost).allowed;
            assert!(after(retry_ms), "{verdict:?} is not true");
            assert!(retry_ms > 0 && !after(retry_ms - 1), "{verdict:?} is too late");
            assert!(verdict.reset_ms >= retry_ms);
        }
        let idle_ms = now_ms + shape.window_ms * 2 + u64::from(quota.burst) * shape.window_ms;
        assert!(shape.is_idle(&state, idle_ms, quota.quota), "it is forgotten one day");
        if shape.is_idle(&state, now_ms, quota.quota) {
            let fresh = shape.admit(&mut vec![0; shape.words()], now_ms, quota, 0);
            assert_eq!(shape.admit(&mut state.clone(), now_ms, quota, 0).remaining, fresh.remaining);
        }
        let mut moved = state.clone();
        shape.shift(&mut moved, now_ms, now_ms - 1_000_000_000);
        let there = shape.admit(&mut moved, now_ms - 1_000_000_000, quota, 0);
        assert_eq!(there.remaining, verdict.remaining, "another clock forgets nothing");
    }
    admitted
}

/// The most that was admitted in an interval that begins with an admission and is shorter than this.
fn most_within(admitted: &[(u64, u64)], length_ms: u64) -> u64 {
    let from = |i: usize| admitted[i..].iter().take_while(move |(at, _)| at - admitted[i].0 < length_ms);
    (0..admitted.len()).map(|i| from(i).map(|(_, cost)| cost).sum()).max().unwrap_or(0)
}

proptest! {
    #[test]
    fn a_fixed_window_admits_its_quota_in_each_window((shape, quota) in shapes(Algorithm::FixedWindow), asks in asks(2_000, 45)) {
        let admitted = run(shape, quota, &asks);
        for (at, _) in &admitted {
            let window = at / shape.window_ms;
            let sum: u64 = admitted.iter().filter(|(at, _)| at / shape.window_ms == window).map(|(_, cost)| cost).sum();
            prop_assert!(sum <= u64::from(quota.quota));
        }
    }

    #[test]
    fn a_sliding_window_admits_its_quota_in_every_interval((shape, quota) in shapes(Algorithm::SlidingWindow), asks in asks(2_000, 45)) {
        let admitted = run(shape, quota, &asks);
        // An interval of the window's length with both its ends.
        prop_assert!(most_within(&admitted, shape.window_ms + 1) <= u64::from(quota.quota));
    }

    #[test]
    fn a_token_bucket_admits_its_burst_and_what_it_gained((shape, quota) in shapes(Algorithm::TokenBucket), asks in asks(2_000, 85)) {
        let admitted = run(shape, quota, &asks);
        for (i, (from, _)) in admitted.iter().enumerate() {
            let mut sum = 0;
            for (at, cost) in &admitted[i..] {
                sum += cost;
                let most = u64::from(quota.burst) * shape.window_ms + (at - from) * u64::from(quota.quota);
                prop_assert!(sum * shape.window_ms <= most);
            }
        }
    }
}

/// Of the quota, what passes a window under load that never ends.
fn share_under_load(shape: Shape, quota: Quota, every_ms: u64) -> f64 {
    let (mut state, windows) = (vec![0; shape.words()], 50);
    let start = 1_700_000_000_000;
    // The first window is left out: nothing was counted before it.
    let asked = (0..(windows + 1) * shape.window_ms / every_ms).map(|n| start + n * every_ms);
    let admitted =
        asked.filter(|&now_ms| shape.admit(&mut state, now_ms, quota, 1).allowed && now_ms >= start + shape.window_ms);
    admitted.count() as f64 / windows as f64 / f64::from(quota.quota)
}

#[test]
fn constant_load_gets_nearly_its_quota() {
    let quota = Quota { quota: 600, burst: 600 };
    for (algorithm, buckets, least) in [
        (Algorithm::FixedWindow, 1, 1.0),
        (Algorithm::SlidingWindow, 10, 0.9),
        (Algorithm::SlidingWindow, 4, 0.79),
        (Algorithm::SlidingWindow, 60, 0.97),
        (Algorithm::TokenBucket, 1, 1.0),
    ] {
        for every_ms in [1, 7, 50] {
            let share = share_under_load(Shape { algorithm, window_ms: 60_000, buckets }, quota, every_ms);
            assert!((least..=1.0).contains(&share), "{algorithm:?} {buckets} {every_ms}: {share}");
        }
    }
}

#[test]
fn a_clock_that_is_set_back_admits_nobody_twice() {
    let quota = Quota { quota: 5, burst: 5 };
    for (_, algorithm) in Algorithm::ALL {
        let shape = Shape { algorithm, window_ms: 1_000, buckets: 10 };
        let mut state = vec![0; shape.words()];
        let now_ms = 1_700_000_000_500;
        assert!(shape.admit(&mut state, now_ms, quota, 5).allowed);
        for back in [1, 999, 1_000_000] {
            assert!(!shape.admit(&mut state, now_ms - back, quota, 1).allowed, "{algorithm:?} {back}");
        }
        assert!(shape.admit(&mut state, now_ms + 1_100, quota, 5).allowed, "{algorithm:?}");
    }
}

#[test]
fn a_smaller_tier_waits_for_what_the_larger_one_took() {
    for (_, algorithm) in Algorithm::ALL {
        let shape = Shape { algorithm, window_ms: 1_000, buckets: 10 };
        let (large, small) = (Quota { quota: 100, burst: 100 }, Quota { quota: 5, burst: 5 });
        let mut state = vec![0; shape.words()];
        let now_ms = 1_700_000_000_000;
        shape.admit(&mut state, now_ms, large, 100);
        let verdict = shape.admit(&mut state, now_ms, small, 1);
        assert_eq!((verdict.allowed, verdict.remaining), (false, 0), "{algorithm:?}");
        assert!(shape.admit(&mut state, now_ms + verdict.retry_ms.unwrap(), small, 1).allowed, "{algorithm:?}");
    }
}
