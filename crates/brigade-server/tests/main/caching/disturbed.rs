//! Caches on a Redis that is away, slow, emptied, cut off, or read by others.

use std::time::{Duration, Instant};

use brigade_testing::{
    proxy::{Fault, Proxy},
    servers::Redis,
};
use serde_json::json;

use super::{CACHES, Caches, SCHEMA, UID};
use crate::harness::Running;

/// One cache on a Redis that a test disturbs, with the time limit that brigade has by itself.
async fn disturbed(url: &str) -> Caches {
    let server = Running::start_on(SCHEMA, &format!("[stores]\ncache = \"{url}\"\n{CACHES}")).await;
    Caches { server, engine: "sqlite" }
}

const ONE: &str = "/cache/link/link:one";

/// Reads until an answer comes from Redis, which shows this.
async fn until_hit(caches: &Caches, url: &str) {
    let began = Instant::now();
    loop {
        let (found, outcome) = caches.found(ONE, None).await;
        assert_eq!(found, format!("{{\"id\":1,\"url\":\"{url}\"}}"), "{outcome} after {:?}", began.elapsed());
        if outcome == "hit" {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "no hit within ten seconds");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_programs_read_on_redis_what_is_answered() {
    let Some(redis) = Redis::start() else { return };
    let caches = disturbed(&redis.url()).await;
    let row = json!({"id": 1, "uid": UID, "slug": "one", "url": "https://one"});
    caches.commit(json!({"insert": {"table": "links", "rows": [row]}})).await;
    until_hit(&caches, "https://one").await;
    let (found, _) = caches.found(ONE, None).await;
    assert_eq!(redis.command(&["GET", "link:one"]).unwrap(), found);
    let left: u64 = redis.command(&["PTTL", "link:one"]).unwrap().parse().unwrap();
    assert!((1..=300_000).contains(&left), "{left}");
    let at = caches.set_url(1, "https://uno").await;
    caches.found(ONE, Some(&at)).await;
    assert_ne!(redis.command(&["GET", "link:one"]).unwrap(), found, "what was is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_may_be_away_slow_emptied_or_cut_off() {
    let Some(mut redis) = Redis::start() else { return };
    let proxy = Proxy::start(redis.port);
    redis.kill();
    // It starts without it.
    let caches = disturbed(&format!("redis://127.0.0.1:{}", proxy.port)).await;
    let row = json!({"id": 1, "uid": UID, "slug": "one", "url": "https://0"});
    caches.commit(json!({"insert": {"table": "links", "rows": [row]}})).await;
    assert_eq!(caches.found(ONE, None).await.1, "bypass");
    redis.restart().unwrap();
    until_hit(&caches, "https://0").await;
    let mut n = 0;
    for round in 0..2 {
        for fault in ["kill", "freeze", "cut", "hold", "flush"] {
            match fault {
                "kill" => redis.kill(),
                "freeze" => redis.freeze(),
                "hold" => proxy.set(Fault::Hold),
                "cut" => {
                    proxy.set(Fault::Refuse);
                    proxy.cut();
                }
                _ => drop(redis.command(&["FLUSHALL"]).unwrap()),
            }
            // While it is away commits do not wait, and whoever names one sees it.
            for _ in 0..20 {
                n += 1;
                let began = Instant::now();
                let at = caches.set_url(1, &format!("https://{n}")).await;
                let wrote = began.elapsed();
                let (found, outcome) = caches.found(ONE, Some(&at)).await;
                assert!(found.contains(&format!("https://{n}\"")), "{fault} {round}: {outcome} {found}");
                assert!(wrote < Duration::from_secs(1), "{fault}: a commit took {wrote:?}");
            }
            if fault != "flush" {
                let ready = caches.server.get("/readyz").await;
                assert_eq!(ready.status, 200, "{fault}: {}", ready.text);
                assert!(ready.json()["degraded"].to_string().contains("redis"), "{fault}: {}", ready.text);
            }
            match fault {
                "kill" => redis.restart().unwrap(),
                "freeze" => redis.thaw(),
                _ => proxy.set(Fault::None),
            }
            // Nothing that was stored before is answered, from the first read on.
            until_hit(&caches, &format!("https://{n}")).await;
        }
    }
    let verified = caches.server.post("/projections/cache.link/verify").await.json();
    assert_eq!(verified["equal"], true, "{verified}");
}
