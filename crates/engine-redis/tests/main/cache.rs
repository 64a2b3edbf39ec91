//! Caches on a server and on a cluster: the suite, what other programs read, and what happens when the server has lost what
//! it had.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use brigade_core::{
    data::{Checkpoint, code},
    engine::{EntryStore, Gone},
};
use brigade_testing::{
    servers::{Redis as Server, RedisCluster},
    suites::cache::{at, entry, run, value},
};
use engine_redis::{Redis, RedisCache};

use crate::world::{GRACE, TIMEOUT, patient, redis_with};

const PUBLIC: &str = "link:abc";
const COMPANION: &str = "brigade:cache:link:{link:abc}";

/// All caches of the suite have the same keys, so each begins on an empty server.
async fn suite(redis: Redis, wipe: impl Fn() + Sync) {
    let made = AtomicUsize::new(0);
    run(&|| {
        wipe();
        RedisCache::new(redis.clone(), &format!("c{}", made.fetch_add(1, Ordering::Relaxed)))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_of_caches_on_a_server() {
    let Some(server) = Server::start() else { return };
    suite(patient(&server.url()), || drop(server.command(&["FLUSHALL"]).unwrap())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_of_caches_on_a_cluster() {
    let Some(cluster) = RedisCluster::start() else { return };
    let wipe = || cluster.nodes.iter().for_each(|node| drop(node.command(&["FLUSHALL"]).unwrap()));
    suite(patient(&cluster.url()), wipe).await;
}

async fn begun(redis: Redis) -> Arc<RedisCache> {
    let cache = RedisCache::new(redis, "link");
    cache.begin(&Checkpoint::at(at(1))).await.unwrap();
    cache
}

async fn change(cache: &RedisCache, order: u128) {
    let gone = [(at(order), Gone::Key(PUBLIC.to_owned()))];
    cache.invalidate(&gone, Some(&Checkpoint::at(at(order)))).await.unwrap();
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(5), "not within five seconds: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_programs_read_the_value_alone_and_it_expires() {
    let Some(server) = Server::start() else { return };
    let cache = begun(patient(&server.url())).await;
    let ask = |words: &[&str]| server.command(words).unwrap();
    assert!(cache.put(PUBLIC, entry(Some("{\"id\":1}"), 5)).await.unwrap());
    assert_eq!(ask(&["GET", PUBLIC]), "{\"id\":1}");
    let left: u64 = ask(&["PTTL", PUBLIC]).parse().unwrap();
    assert!((50_000..=60_000).contains(&left), "{left}");
    // What somebody else wrote is not answered, and goes with the next change of the row.
    ask(&["SET", PUBLIC, "{\"id\":2}"]);
    assert_eq!(value(cache.as_ref(), PUBLIC).await, None);
    change(&cache, 6).await;
    assert_eq!(ask(&["EXISTS", PUBLIC]), "0");
    ask(&["SET", PUBLIC, "{\"id\":3}"]);
    assert_eq!(value(cache.as_ref(), PUBLIC).await, None);
    // That there is nothing is never written there.
    assert!(cache.put(PUBLIC, entry(None, 7)).await.unwrap());
    assert_eq!(ask(&["EXISTS", PUBLIC]), "0");
    let left: i64 = ask(&["PTTL", COMPANION]).parse().unwrap();
    assert!(left > 0, "it has an end");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_everything_went_none_of_it_lies_there_for_long() {
    let Some(server) = Server::start() else { return };
    let cache = begun(patient(&server.url())).await;
    for n in 0..1_000 {
        assert!(cache.put(&format!("link:{n}"), entry(Some("{}"), 5)).await.unwrap());
    }
    cache.invalidate(&[(at(9), Gone::All)], None).await.unwrap();
    let public = || server.command(&["KEYS", "link:*"]).unwrap();
    until("the public keys are gone", || public().is_empty()).await;
    assert!(cache.put(PUBLIC, entry(Some("{}"), 9)).await.unwrap());
    // The next process begins anew.
    let next = RedisCache::new(patient(&server.url()), "link");
    assert_eq!(next.checkpoint().await.unwrap(), None);
    next.begin(&Checkpoint::at(at(20))).await.unwrap();
    assert_eq!(value(next.as_ref(), PUBLIC).await, None);
    until("the public keys are gone", || public().is_empty()).await;
}

/// What was sent before a change and arrives after it: as the script gets it, by hand.
#[tokio::test(flavor = "multi_thread")]
async fn the_script_that_stores_refuses_what_comes_late() {
    let Some(server) = Server::start() else { return };
    let cache = begun(patient(&server.url())).await;
    assert!(cache.put(PUBLIC, entry(Some("old"), 5)).await.unwrap());
    let companion = server.command(&["GET", COMPANION]).unwrap();
    let sent = |companion: &str, deadline: &str| {
        let script = include_str!("../../src/cache/put.lua");
        let keys = [PUBLIC, COMPANION, "brigade:cache:link:mark", "brigade:cache:link:keys"];
        let own = companion.split(' ').nth(1).unwrap();
        let values = ["old", "1", "60000", companion, deadline, "0", "70000", own, own, "0"];
        let words = [&["EVAL", script, "4"][..], &keys, &values].concat();
        let answer = server.command(&words).unwrap();
        answer.lines().next().unwrap().to_owned()
    };
    const EVER: &str = "99999999999999";
    assert_eq!(sent(&companion, EVER), "1");
    assert_eq!(sent(&companion, "1"), "-2", "past its time");
    assert_eq!(sent(&companion.replacen("e ", "e f", 1), EVER), "-1", "of another process");
    change(&cache, 6).await;
    assert_eq!(sent(&companion, EVER), "0", "the fence");
    server.command(&["DEL", COMPANION]).unwrap();
    cache.invalidate(&[(at(7), Gone::All)], None).await.unwrap();
    assert_eq!(sent(&companion, EVER), "0", "the floor");
    assert_eq!(server.command(&["EXISTS", PUBLIC]).unwrap(), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_takes_its_own_keys_alone() {
    let Some(server) = Server::start() else { return };
    let cache = begun(patient(&server.url())).await;
    for key in ["feed:1:0", "feed:1:1", "feed:10:0", "feed:2:0"] {
        assert!(cache.put(key, entry(Some("[]"), 5)).await.unwrap());
    }
    let gone = [(at(9), Gone::Prefix("feed:1:".to_owned()))];
    assert_eq!(cache.invalidate(&gone, None).await.unwrap(), 2);
    assert_eq!(server.command(&["EXISTS", "feed:1:0", "feed:1:1"]).unwrap(), "0");
    for key in ["feed:10:0", "feed:2:0"] {
        assert!(value(cache.as_ref(), key).await.is_some(), "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_expired_leaves_the_index() {
    let Some(server) = Server::start() else { return };
    let cache = begun(patient(&server.url())).await;
    assert!(cache.put(PUBLIC, entry(Some("{}"), 5)).await.unwrap());
    server.command(&["DEL", PUBLIC, COMPANION]).unwrap();
    until("the index is empty", || server.command(&["ZCARD", "brigade:cache:link:keys"]).unwrap() == "0").await;
}

/// The server's memory as a file, to be put back later.
fn dump(server: &Server) -> Vec<u8> {
    server.command(&["SAVE"]).unwrap();
    std::fs::read(server.folder().join("dump.rdb")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_an_old_dump_is_answered_from_the_first_read_on() {
    let Some(mut server) = Server::start() else { return };
    let cache = begun(patient(&server.url())).await;
    change(&cache, 2).await;
    for key in [PUBLIC, "link:other"] {
        assert!(cache.put(key, entry(Some("{\"v\":1}"), 5)).await.unwrap());
    }
    let old = dump(&server);
    change(&cache, 6).await;
    server.kill();
    std::fs::write(server.folder().join("dump.rdb"), old).unwrap();
    server.restart().unwrap();
    assert_eq!(server.command(&["GET", PUBLIC]).unwrap(), "{\"v\":1}", "the dump is there");
    let began = Instant::now();
    let first = loop {
        match cache.get(PUBLIC).await {
            Ok(found) => break found,
            Err(_) => assert!(began.elapsed() < Duration::from_secs(5)),
        }
    };
    assert_eq!(first, None);
    assert_eq!(value(cache.as_ref(), "link:other").await, None, "of it nothing counts");
    until("it is gone", || server.command(&["KEYS", "link:*"]).unwrap().is_empty()).await;
    assert!(!cache.put(PUBLIC, entry(Some("late"), 5)).await.unwrap(), "the process remembers its fences");
    assert!(cache.put(PUBLIC, entry(Some("new"), 6)).await.unwrap());
    assert_eq!(value(cache.as_ref(), PUBLIC).await, Some(Some("new".to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_server_is_filled_again_and_nothing_late_gets_in() {
    let Some(server) = Server::start() else { return };
    let cache = begun(patient(&server.url())).await;
    for order in [2, 20, 40] {
        assert!(cache.put(PUBLIC, entry(Some("v"), order)).await.unwrap());
        change(&cache, order + 5).await;
        server.command(&["FLUSHALL"]).unwrap();
        assert_eq!(value(cache.as_ref(), PUBLIC).await, None);
        assert!(!cache.put(PUBLIC, entry(Some("late"), order + 4)).await.unwrap());
        assert!(cache.put(PUBLIC, entry(Some("new"), order + 5)).await.unwrap());
        assert_eq!(value(cache.as_ref(), PUBLIC).await, Some(Some("new".to_owned())));
        // The server may be emptied right before a change, too.
        server.command(&["FLUSHALL"]).unwrap();
        change(&cache, order + 6).await;
        assert!(cache.put(PUBLIC, entry(Some("new"), order + 6)).await.unwrap());
        assert!(value(cache.as_ref(), PUBLIC).await.is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_a_frozen_server_stores_late_does_not_outrun_a_change() {
    let Some(server) = Server::start() else { return };
    for pause in [Duration::from_millis(200), Duration::from_millis(2_500)] {
        let cache = begun(redis_with(&server.url(), |_| {})).await;
        while cache.get(PUBLIC).await.is_err() {}
        server.freeze();
        let error = cache.put(PUBLIC, entry(Some("old"), 5)).await.unwrap_err();
        assert_eq!(error.code(), code::UNAVAILABLE);
        tokio::time::sleep(pause).await;
        server.thaw();
        // The change was tried while nobody answered, and is tried again.
        let began = Instant::now();
        let gone = [(at(6), Gone::Key(PUBLIC.to_owned()))];
        while cache.invalidate(&gone, None).await.is_err() {
            assert!(began.elapsed() < Duration::from_secs(5));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(server.command(&["EXISTS", PUBLIC]).unwrap(), "0", "{pause:?}");
        assert_eq!(value(cache.as_ref(), PUBLIC).await, None, "{pause:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_an_error_within_the_limit() {
    let Some(mut server) = Server::start() else { return };
    let cache = begun(redis_with(&server.url(), |_| {})).await;
    for freezes in [true, false] {
        if freezes {
            server.freeze()
        } else {
            server.kill()
        }
        for _ in 0..5 {
            let began = Instant::now();
            assert_eq!(cache.get(PUBLIC).await.expect_err("nobody answers").code(), code::UNAVAILABLE);
            assert!(cache.put(PUBLIC, entry(None, 5)).await.is_err());
            assert!(began.elapsed() < (TIMEOUT + GRACE) * 2, "{:?}", began.elapsed());
        }
        if freezes {
            server.thaw()
        } else {
            server.restart().unwrap()
        }
        let began = Instant::now();
        while cache.get(PUBLIC).await.is_err() {
            assert!(began.elapsed() < Duration::from_secs(2), "it is not found again");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
