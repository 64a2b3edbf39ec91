//! Limits counted on Redis: one script a check, on the server's clock, over one key, so that it is the same for all
//! processes and on every cluster. The scripts decide and count; what it means for the caller is said by
//! [`Shape::describe`], as for every other engine.
//!
//! Invariant: no key is without an expiry; each is set in the same step that makes the key.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use brigade_core::{
    data::{Error, Result},
    engine::Limiter,
    limit::{Algorithm, LimitKey, Quota, Shape, Verdict, halves, state},
};
use redis::Script;

use crate::Redis;

/// How often a check is asked again because the window turned meanwhile: once is enough, unless the server's clock jumps.
const TURNS_MAX: u32 = 3;

/// What stands for the window's start in a key that is the same in every window.
const ALL_WINDOWS: &str = "all";

/// The states of one limit, on Redis.
#[derive(Debug)]
pub struct RedisLimiter {
    redis: Redis,
    shape: Shape,
    script: Script,
    /// How far the server's clock is ahead of this machine's, as last seen, in milliseconds.
    ahead_ms: AtomicI64,
}

impl RedisLimiter {
    /// For one limit. Nothing is asked yet.
    pub fn new(redis: Redis, shape: Shape) -> Self {
        let script = Script::new(match shape.algorithm {
            Algorithm::FixedWindow => include_str!("fixed_window.lua"),
            Algorithm::SlidingWindow => include_str!("sliding_window.lua"),
            Algorithm::TokenBucket => include_str!("token_bucket.lua"),
        });
        Self { redis, shape, script, ahead_ms: AtomicI64::new(0) }
    }

    async fn run(&self, key: &str, arguments: [u64; 5]) -> Result<Vec<i64>> {
        let mut call = self.script.key(key);
        for argument in arguments {
            call.arg(argument);
        }
        self.redis.run_script(&call).await
    }

    /// A key is named before the server says what time it is, so a window is guessed, and guessed again where it was another.
    async fn check_fixed(&self, key: &LimitKey, quota: Quota, cost: u32) -> Result<Vec<i64>> {
        let mut number = self.now_ms() / self.shape.window_ms;
        for _ in 0..TURNS_MAX {
            let name = key.with_bucket(number * self.shape.window_ms / 1_000);
            let own = u64::from(key.has_bucket());
            let arguments = [quota.quota.into(), cost.into(), self.shape.window_ms, number, own];
            let answer = self.run(&name, arguments).await?;
            let [admitted, now_ms, is, ..] = answer[..] else { return Err(unread()) };
            if admitted >= 0 {
                return Ok(answer);
            }
            self.ahead_ms.store(now_ms - wall_ms(), Ordering::Relaxed);
            number = u64::try_from(is).map_err(|_| unread())?;
        }
        Err(Error::internal("the clock of redis turns faster than a window"))
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(wall_ms() + self.ahead_ms.load(Ordering::Relaxed)).unwrap_or(0)
    }
}

#[async_trait]
impl Limiter for RedisLimiter {
    fn engine(&self) -> &'static str {
        "redis"
    }

    async fn check(&self, key: &LimitKey, quota: Quota, cost: u32) -> Result<Verdict> {
        let shape = &self.shape;
        let name = || key.with_bucket(ALL_WINDOWS);
        let (most, ask) = (u64::from(quota.quota), u64::from(cost));
        let answer = match shape.algorithm {
            Algorithm::FixedWindow => self.check_fixed(key, quota, cost).await?,
            Algorithm::SlidingWindow => {
                let ring = u64::from(shape.buckets) + 1;
                self.run(&name(), [most, ask, shape.bucket_ms(), ring, 0]).await?
            }
            Algorithm::TokenBucket => self.run(&name(), [most, ask, shape.window_ms, quota.burst.into(), 0]).await?,
        };
        let numbers: Option<Vec<u64>> = answer.iter().map(|&number| u64::try_from(number).ok()).collect();
        let Some([admitted, now_ms, time, kept @ ..]) = numbers.as_deref() else { return Err(unread()) };
        let kept: Vec<u32> = match (shape.algorithm, kept) {
            (Algorithm::TokenBucket, [debt]) => halves(*debt).to_vec(),
            // What somebody else wrote under the key may be any number.
            (_, counts) => counts.iter().map(|&count| u32::try_from(count).unwrap_or(u32::MAX)).collect(),
        };
        let state = state(*time, &kept);
        if state.len() != shape.words() {
            return Err(unread());
        }
        Ok(shape.describe(&state, *now_ms, quota, cost, *admitted == 1))
    }
}

fn wall_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

fn unread() -> Error {
    Error::internal("a script of a limit answered what it never answers")
}
