//! A server that is not there, freezes, restarts, or lies behind a network that fails: nobody waits for it longer than the
//! time limit, and it is found again.

use std::time::{Duration, Instant};

use brigade_testing::{
    proxy::{Fault, Proxy},
    servers::Redis as Server,
};

use crate::world::{GRACE, TIMEOUT, failing, get, patient, ping_at_once, redis_with, until_answered};

/// How soon a server is in use again once it answers: the rest, and one try.
const FOUND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_server_that_comes_later_is_found() {
    let Some(mut server) = Server::start() else { return };
    server.kill();
    let redis = redis_with(&server.url(), |_| {});
    let (took, error) = failing(&redis).await;
    assert!(took < TIMEOUT + GRACE, "{took:?}");
    assert!(error.message().starts_with("redis is not reachable"), "{error}");
    assert!(redis.away().is_some());
    server.restart().unwrap();
    let took = until_answered(&redis).await;
    assert!(took < FOUND, "{took:?}");
    assert!(redis.away().is_none());
}

#[tokio::test]
async fn a_restarted_server_is_found_however_many_connections_there_were() {
    let Some(mut server) = Server::start() else { return };
    let redis = patient(&server.url());
    ping_at_once(&redis, 500).await;
    server.kill();
    server.restart().unwrap();
    let took = until_answered(&redis).await;
    assert!(took < FOUND, "{took:?}");
    for _ in 0..100 {
        redis.ping().await.expect("no old connection is used again");
    }
}

#[tokio::test]
async fn a_frozen_server_costs_each_caller_the_limit_once_and_then_nothing() {
    let Some(server) = Server::start() else { return };
    let redis = redis_with(&server.url(), |_| {});
    until_answered(&redis).await;
    server.freeze();
    let calls: Vec<_> = (0..200)
        .map(|_| {
            tokio::spawn({
                let redis = redis.clone();
                async move { failing(&redis).await.0 }
            })
        })
        .collect();
    for call in calls {
        let took = call.await.unwrap();
        assert!(took < TIMEOUT + GRACE, "{took:?}");
    }
    let mut waited = 0;
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(1) {
        let (took, _) = failing(&redis).await;
        assert!(took < TIMEOUT + GRACE, "{took:?}");
        waited += u32::from(took > TIMEOUT / 2);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!((1..=5).contains(&waited), "one in 200 ms tries, {waited} waited within a second");
    server.thaw();
    let took = until_answered(&redis).await;
    assert!(took < FOUND, "{took:?}");
}

#[tokio::test]
async fn every_fault_of_the_network_passes() {
    let Some(server) = Server::start() else { return };
    server.command(&["SET", "k", "v"]).unwrap();
    for fault in [Fault::Hold, Fault::Swallow, Fault::Refuse, Fault::Delay(TIMEOUT * 3)] {
        let proxy = Proxy::start(server.port);
        let redis = redis_with(&format!("redis://127.0.0.1:{}", proxy.port), |_| {});
        until_answered(&redis).await;
        proxy.set(fault);
        for _ in 0..20 {
            let (took, _) = failing(&redis).await;
            assert!(took < TIMEOUT + GRACE, "{fault:?} {took:?}");
        }
        proxy.set(Fault::None);
        let took = until_answered(&redis).await;
        assert!(took < FOUND, "{fault:?} {took:?}");
        assert_eq!(get(&redis, "k").await.unwrap().as_deref(), Some("v"), "{fault:?}: an answer to an older call");
        proxy.cut();
        failing(&redis).await;
        until_answered(&redis).await;
    }
}

#[tokio::test]
async fn a_caller_who_goes_away_leaves_the_try_to_the_next() {
    let Some(server) = Server::start() else { return };
    let redis = redis_with(&server.url(), |store| store.timeout = Duration::from_millis(300));
    until_answered(&redis).await;
    server.freeze();
    failing(&redis).await;
    tokio::time::sleep(Duration::from_millis(250)).await;
    let gone = tokio::time::timeout(Duration::from_millis(50), redis.ping()).await;
    assert!(gone.is_err(), "this was the one who tries");
    server.thaw();
    let took = until_answered(&redis).await;
    assert!(took < FOUND, "{took:?}");
}
