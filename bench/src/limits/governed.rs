//! The peer: `governor` with a key for each identifier, used as its documentation shows.

use std::{
    num::NonZeroU32,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use governor::{Quota, RateLimiter};

use super::QUOTA;

/// Checks a second of so many threads.
pub fn rate(who: Arc<Vec<String>>, threads: usize, time: Duration) -> f64 {
    let quota = Quota::per_hour(NonZeroU32::new(QUOTA).expect("above 0"));
    let limiter = Arc::new(RateLimiter::<String, _, _>::keyed(quota));
    let began = Instant::now();
    let running: Vec<_> = (0..threads)
        .map(|thread| {
            let (limiter, who) = (Arc::clone(&limiter), Arc::clone(&who));
            thread::spawn(move || {
                let mut checks = 0_u64;
                while began.elapsed() < time {
                    for n in 0..1_000 {
                        let identifier = &who[(checks as usize * 7 + n + thread * who.len() / 2) % who.len()];
                        assert!(limiter.check_key(identifier).is_ok(), "everything is admitted");
                    }
                    checks += 1_000;
                }
                checks
            })
        })
        .collect();
    let checks: u64 = running.into_iter().map(|thread| thread.join().expect("it ends")).sum();
    checks as f64 / began.elapsed().as_secs_f64()
}
