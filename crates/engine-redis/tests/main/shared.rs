//! Caches of several processes at one truth: each answers what the others have put, and nothing that is older than what it
//! has applied itself, however far behind the others are and whatever the server loses.

use std::{sync::Arc, time::Duration};

use brigade_core::{
    data::{Checkpoint, Position},
    engine::{EntryStore, Gone},
};
use brigade_testing::{
    servers::{Redis as Server, RedisCluster},
    suites::cache::{at, entry, value},
};
use engine_redis::RedisCache;

use crate::world::patient;

const KEY: &str = "link:abc";
const COMPANION: &str = "brigade:cache:link:{link:abc}";
const MARK: &str = "brigade:cache:link:mark";

/// One process, that begins at a position.
async fn process(url: &str, made_of: u64, order: u128) -> Arc<RedisCache> {
    let cache = RedisCache::shared(patient(url), "link");
    cache.made_of(made_of);
    cache.begin(&Checkpoint::at(at(order))).await.unwrap();
    cache
}

async fn change(cache: &RedisCache, order: u128, gone: Gone) {
    cache.invalidate(&[(at(order), gone)], Some(&Checkpoint::at(at(order)))).await.unwrap();
}

fn key() -> Gone {
    Gone::Key(KEY.to_owned())
}

async fn put(cache: &RedisCache, text: &str, order: u128) -> bool {
    cache.put(KEY, entry(Some(text), order)).await.unwrap()
}

async fn answers(cache: &RedisCache) -> Option<String> {
    value(cache, KEY).await.flatten()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_answers_what_the_others_have_put_until_one_hears_of_a_change() {
    let (Some(server), Some(cluster)) = (Server::start(), RedisCluster::start()) else { return };
    for url in [server.url(), cluster.url()] {
        let (one, two) = (process(&url, 1, 1).await, process(&url, 1, 3).await);
        assert!(put(&one, "a", 5).await);
        assert_eq!(answers(&two).await.as_deref(), Some("a"), "{url}");
        for gone in [key(), Gone::Prefix("link:".to_owned()), Gone::All] {
            let order = one.fence(KEY).order.max(two.fence(KEY).order).max(5) + 10;
            // The first that hears of it forgets it; from all where it is one key.
            change(&one, order, gone.clone()).await;
            assert_eq!(answers(&one).await, None, "{url} {gone:?}");
            assert!(put(&two, "b", order + 1).await, "{url} {gone:?}");
            // The other one hears of it later.
            change(&two, order, gone.clone()).await;
            for cache in [&one, &two] {
                assert_eq!(answers(cache).await.as_deref(), Some("b"), "{url} {gone:?}");
            }
        }
        // What is from before the beginning of a process is none of its own.
        let late = process(&url, 1, 1_000).await;
        assert_eq!(answers(&late).await, None, "{url}");
        assert!(put(&late, "c", 1_000).await);
        assert_eq!(answers(&one).await.as_deref(), Some("c"), "{url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_of_something_else_is_not_answered() {
    let Some(server) = Server::start() else { return };
    let (one, two) = (process(&server.url(), 1, 1).await, process(&server.url(), 2, 1).await);
    assert!(put(&one, "a", 5).await);
    assert_eq!(answers(&two).await, None);
    assert!(put(&two, "b", 6).await);
    assert_eq!((answers(&one).await, answers(&two).await.as_deref()), (None, Some("b")));
    // A fence is everybody's.
    change(&one, 8, key()).await;
    assert!(!put(&two, "late", 7).await);
}

/// One process has applied a change, the other one has not heard of it, and stores what it read before.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_behind_stores_nothing_old() {
    let Some(server) = Server::start() else { return };
    let (one, two) = (process(&server.url(), 1, 1).await, process(&server.url(), 1, 1).await);
    // As the mark will be once the last change lies so far back.
    let ages = |by: u64| {
        let mark = server.command(&["GET", MARK]).unwrap();
        let mut words: Vec<String> = mark.split(' ').map(str::to_owned).collect();
        words[4] = (words[4].parse::<u64>().unwrap() - by).to_string();
        server.command(&["SET", MARK, &words.join(" ")]).unwrap();
    };
    for (round, age) in [0, 6_000, 11_000, 60_000].into_iter().enumerate() {
        let order = 100 * (round as u128 + 1);
        // Another change opens the window in which the next one falls.
        change(&one, order, Gone::Key("link:other".to_owned())).await;
        ages(6_000);
        change(&one, order + 1, key()).await;
        assert!(!put(&two, "late", order).await, "the fence");
        if age > 0 {
            ages(age);
            if age < 10_000 {
                change(&one, order + 2, Gone::Key("link:other".to_owned())).await;
                ages(age);
            }
            server.command(&["DEL", COMPANION]).unwrap();
            assert!(!put(&two, "late", order).await, "{age} ms after it: the mark");
        }
        assert_eq!(answers(&one).await, None, "{age}");
        assert!(put(&two, "new", order + 3).await, "{age}");
        assert_eq!(answers(&one).await.as_deref(), Some("new"), "{age}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_server_that_lost_what_it_had_nothing_old_is_answered_by_any() {
    let Some(server) = Server::start() else { return };
    let (one, two) = (process(&server.url(), 1, 1).await, process(&server.url(), 1, 1).await);
    for order in [10, 30, 50] {
        assert!(put(&one, "old", order).await);
        assert_eq!(answers(&two).await.as_deref(), Some("old"));
        let texts: Vec<_> = [KEY, COMPANION, MARK].map(|name| server.command(&["GET", name]).unwrap()).into();
        change(&one, order + 5, key()).await;
        change(&two, order + 5, key()).await;
        // As an old dump brings it back, or only a part of it.
        for names in [&[KEY, COMPANION, MARK][..], &[KEY, COMPANION]] {
            server.command(&["FLUSHALL"]).unwrap();
            for (name, text) in names.iter().zip(&texts) {
                server.command(&["SET", name, text]).unwrap();
            }
            for cache in [&one, &two] {
                assert_eq!(answers(cache).await, None, "{names:?}");
            }
            assert!(!put(&two, "late", order + 4).await, "each remembers its fences");
        }
        assert!(put(&two, "new", order + 5).await);
        assert_eq!(answers(&one).await.as_deref(), Some("new"));
        assert_eq!(answers(&two).await.as_deref(), Some("new"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_one_processs_until_it_gives_it_back_or_it_ends() {
    let (Some(server), Some(cluster)) = (Server::start(), RedisCluster::start()) else { return };
    for url in [server.url(), cluster.url()] {
        let (one, two) = (process(&url, 1, 1).await, process(&url, 1, 1).await);
        for name in ["link:abc", "link:{x}y", "link:ä"] {
            let (long, short) = (Duration::from_secs(60), Duration::from_millis(50));
            assert!(one.lease(name, 1, long).await.unwrap(), "{url} {name}");
            assert!(!two.lease(name, 2, long).await.unwrap());
            two.release(name, 2).await.unwrap();
            assert!(!two.lease(name, 2, long).await.unwrap(), "nobody gives back another one's");
            one.release(name, 1).await.unwrap();
            assert!(two.lease(name, 2, short).await.unwrap());
            tokio::time::sleep(short * 2).await;
            assert!(one.lease(name, 3, long).await.unwrap(), "it has ended");
            two.release(name, 2).await.unwrap();
            assert!(!two.lease(name, 4, long).await.unwrap(), "what has ended is given back to no effect");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_without_others_shares_nothing() {
    let Some(server) = Server::start() else { return };
    let one = RedisCache::new(patient(&server.url()), "link");
    one.begin(&Checkpoint::at(Position::START)).await.unwrap();
    assert!(put(&one, "a", 5).await);
    let two = process(&server.url(), 0, 1).await;
    assert_eq!(answers(&two).await, None);
}
