//! How these tests reach a server.

use std::time::{Duration, Instant};

use brigade_core::{
    data::{Error, Result, code},
    schema::CacheStore,
};
use engine_redis::{Redis, RedisConfig};

/// The time limit of a call in these tests: the default.
pub const TIMEOUT: Duration = Duration::from_millis(50);

/// How much longer than its limit a call may take here: the machine is busy with other tests.
pub const GRACE: Duration = Duration::from_millis(100);

/// A handle with one thing set otherwise.
pub fn redis_with(url: &str, set: impl FnOnce(&mut CacheStore)) -> Redis {
    let mut store = CacheStore::at(url);
    set(&mut store);
    Redis::new(RedisConfig { store, folder: std::env::temp_dir() }).expect("a good configuration")
}

/// A handle with a time limit that a busy machine keeps.
pub fn patient(url: &str) -> Redis {
    redis_with(url, |store| store.timeout = Duration::from_secs(5))
}

/// So many calls at once, all answered.
pub async fn ping_at_once(redis: &Redis, calls: usize) {
    let ping = |_| {
        let redis = redis.clone();
        tokio::spawn(async move { redis.ping().await })
    };
    for call in (0..calls).map(ping).collect::<Vec<_>>() {
        call.await.unwrap().unwrap();
    }
}

/// Reads one key.
pub async fn get(redis: &Redis, key: &str) -> Result<Option<String>> {
    redis.run(redis::cmd("GET").arg(key)).await
}

/// How long a call takes that fails because the store is away.
pub async fn failing(redis: &Redis) -> (Duration, Error) {
    let began = Instant::now();
    let error = get(redis, "k").await.expect_err("nobody answers");
    assert_eq!(error.code(), code::UNAVAILABLE);
    assert!(error.get_retry_after().is_some());
    (began.elapsed(), error)
}

/// Calls until one is answered.
pub async fn until_answered(redis: &Redis) -> Duration {
    let began = Instant::now();
    while redis.ping().await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(10), "it never came back: {:?}", redis.away());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    began.elapsed()
}
