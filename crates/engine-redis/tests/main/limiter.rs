//! Limits on Redis: the suite, what other programs see, and what happens when the server forgets or is away.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use brigade_core::{
    data::code,
    engine::Limiter,
    limit::{Algorithm, LimitKey, Quota, Shape, Template},
};
use brigade_testing::{
    servers::{Redis as Server, RedisCluster},
    suites::limiter::{Engine, key, run},
};
use engine_redis::{Redis, RedisLimiter};

use crate::world::{GRACE, TIMEOUT, patient, redis_with};

/// Limiters whose keys are told apart by a number, since all lie on one server.
struct OnRedis {
    redis: Redis,
    made: AtomicUsize,
}

struct Apart {
    limiter: RedisLimiter,
    number: usize,
}

#[async_trait]
impl Limiter for Apart {
    fn engine(&self) -> &'static str {
        self.limiter.engine()
    }

    async fn check(
        &self,
        key: &LimitKey,
        quota: Quota,
        cost: u32,
    ) -> brigade_core::data::Result<brigade_core::limit::Verdict> {
        let template = Template::parse("rate:{number}:{identifier}").unwrap();
        let given = [("number".to_owned(), self.number.to_string())].into();
        self.limiter.check(&template.fill(key.text(), &given).unwrap(), quota, cost).await
    }
}

#[async_trait]
impl Engine for OnRedis {
    fn make(&self, shape: Shape) -> Arc<dyn Limiter> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        Arc::new(Apart { limiter: RedisLimiter::new(self.redis.clone(), shape), number })
    }

    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

const QUOTA: Quota = Quota { quota: 60, burst: 60 };

fn shape(algorithm: Algorithm, window_ms: u64) -> Shape {
    Shape { algorithm, window_ms, buckets: 10 }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_on_a_server() {
    let Some(server) = Server::start() else { return };
    run(&OnRedis { redis: patient(&server.url()), made: AtomicUsize::new(0) }).await;
    no_key_stays(|words| server.command(words).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_on_a_cluster() {
    let Some(cluster) = RedisCluster::start() else { return };
    run(&OnRedis { redis: patient(&cluster.url()), made: AtomicUsize::new(0) }).await;
    for node in &cluster.nodes {
        no_key_stays(|words| node.command(words).unwrap());
    }
}

fn no_key_stays(command: impl Fn(&[&str]) -> String) {
    for key in command(&["KEYS", "*"]).lines() {
        let left: i64 = command(&["PTTL", key]).parse().unwrap();
        assert!(left >= 0 || left == -2, "{key} stays for ever");
    }
}

#[tokio::test]
async fn a_fixed_window_is_a_number_that_any_program_reads() {
    let Some(server) = Server::start() else { return };
    let limiter = RedisLimiter::new(patient(&server.url()), shape(Algorithm::FixedWindow, 3_600_000));
    let mut now_ms = 0;
    for _ in 0..3 {
        now_ms = limiter.check(&key("user:42"), QUOTA, 2).await.unwrap().now_ms;
    }
    let name = format!("rate:user:42:{}", now_ms / 3_600_000 * 3_600);
    assert_eq!(server.command(&["KEYS", "*"]).unwrap(), name);
    assert_eq!(server.command(&["GET", &name]).unwrap(), "6");
    let left: u64 = server.command(&["TTL", &name]).unwrap().parse().unwrap();
    assert!((3_590..=3_600).contains(&left), "{left}");
    // One that somebody made without an expiry gets one.
    server.command(&["SET", &name, "58"]).unwrap();
    assert!(limiter.check(&key("user:42"), QUOTA, 2).await.unwrap().allowed);
    assert!(!limiter.check(&key("user:42"), QUOTA, 1).await.unwrap().allowed);
    assert!(server.command(&["TTL", &name]).unwrap().parse::<i64>().unwrap() > 0);
    server.command(&["SET", &name, "many"]).unwrap();
    assert_eq!(limiter.check(&key("user:42"), QUOTA, 1).await.unwrap_err().code(), code::UNAVAILABLE);
}

#[tokio::test]
async fn a_window_turns_with_the_servers_clock() {
    let Some(server) = Server::start() else { return };
    let shape = shape(Algorithm::FixedWindow, 1_000);
    let limiter = RedisLimiter::new(patient(&server.url()), shape);
    let (mut state, mut windows) = (vec![0; shape.words()], std::collections::BTreeSet::new());
    while windows.len() < 4 {
        let verdict = limiter.check(&key("user:42"), QUOTA, 1).await.unwrap();
        assert_eq!(verdict, shape.admit(&mut state, verdict.now_ms, QUOTA, 1));
        windows.insert(verdict.now_ms / 1_000);
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    assert!(server.command(&["DBSIZE"]).unwrap().parse::<u32>().unwrap() <= 2, "windows that are over are gone");
}

#[tokio::test]
async fn a_key_without_a_window_ends_with_it() {
    let Some(server) = Server::start() else { return };
    let limiter = RedisLimiter::new(patient(&server.url()), shape(Algorithm::FixedWindow, 3_600_000));
    let key = Template::parse("rate_limit:{user_id}:{endpoint}").unwrap();
    let key = key.fill("user:7", &[("endpoint".to_owned(), "feed".to_owned())].into()).unwrap();
    let verdict = limiter.check(&key, QUOTA, 1).await.unwrap();
    assert_eq!(server.command(&["GET", "rate_limit:7:feed"]).unwrap(), "1");
    let left: u64 = server.command(&["PTTL", "rate_limit:7:feed"]).unwrap().parse().unwrap();
    assert!(left <= verdict.reset_ms && left + 10_000 > verdict.reset_ms, "{left} {verdict:?}");
}

#[tokio::test]
async fn two_processes_count_together_and_a_wiped_server_begins_again() {
    let Some(server) = Server::start() else { return };
    for (_, algorithm) in Algorithm::ALL {
        let one = RedisLimiter::new(patient(&server.url()), shape(algorithm, 3_600_000));
        let two = RedisLimiter::new(patient(&server.url()), shape(algorithm, 3_600_000));
        assert_eq!(one.check(&key("user:1"), QUOTA, 20).await.unwrap().remaining, 40);
        server.command(&["SCRIPT", "FLUSH"]).unwrap();
        assert_eq!(two.check(&key("user:1"), QUOTA, 20).await.unwrap().remaining, 20);
        server.command(&["FLUSHALL"]).unwrap();
        assert_eq!(one.check(&key("user:1"), QUOTA, 20).await.unwrap().remaining, 40);
        server.command(&["FLUSHALL"]).unwrap();
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_an_error_within_the_limit() {
    let Some(mut server) = Server::start() else { return };
    let limiter = RedisLimiter::new(redis_with(&server.url(), |_| {}), shape(Algorithm::SlidingWindow, 3_600_000));
    while limiter.check(&key("user:1"), QUOTA, 1).await.is_err() {}
    server.freeze();
    let began = std::time::Instant::now();
    let error = limiter.check(&key("user:1"), QUOTA, 1).await.unwrap_err();
    assert_eq!(error.code(), code::UNAVAILABLE);
    assert!(began.elapsed() < TIMEOUT + GRACE, "{:?}", began.elapsed());
    server.kill();
    assert!(limiter.check(&key("user:1"), QUOTA, 1).await.is_err());
    server.restart().unwrap();
    let began = std::time::Instant::now();
    while limiter.check(&key("user:1"), QUOTA, 1).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(2), "it is not found again");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_server_that_keeps_its_data_forgets_nothing_over_a_crash() {
    let Some(mut server) = Server::start_with(&[("appendonly", "yes"), ("appendfsync", "always")]) else { return };
    for (_, algorithm) in Algorithm::ALL {
        let limiter = RedisLimiter::new(patient(&server.url()), shape(algorithm, 3_600_000));
        let key = Template::parse("kept:{algorithm}:{identifier}").unwrap();
        let key = key.fill("user:1", &[("algorithm".to_owned(), algorithm.as_str().to_owned())].into()).unwrap();
        limiter.check(&key, QUOTA, 20).await.unwrap();
        server.kill();
        server.restart().unwrap();
        let after = RedisLimiter::new(patient(&server.url()), shape(algorithm, 3_600_000));
        assert_eq!(after.check(&key, QUOTA, 0).await.unwrap().remaining, 40, "{algorithm:?}");
    }
}
