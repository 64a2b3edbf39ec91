//! Several processes at one truth and one Redis: one of them loads a key, and none is held up by another one's end.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use brigade_core::{data::Position, projection::cache::Outcome};
use brigade_testing::servers::{Postgres, Redis as Server, RedisCluster};

use super::{KEY, World, number, runtime};

/// Readers that come at once, over all processes.
const CROWD: usize = 500;

const PROCESSES: usize = 3;

/// Opens so many processes at one truth.
async fn processes(postgres: &Postgres, redis: &str, count: usize, settings: &str) -> Vec<Arc<World>> {
    let database = postgres.create_database();
    let stores = format!("[stores]\ntruth = {:?}\n", database.url);
    let mut worlds = Vec::new();
    for _ in 0..count {
        worlds.push(Arc::new(World::open("postgres, redis", (&stores, Some(redis)), settings).await));
    }
    let first = worlds[0].set(1, 0).await;
    for world in &worlds {
        world.applied(first).await;
        // A beginning of one of them removes what the others have put there from before it.
        while world.get(KEY, first).await.outcome == Outcome::Bypass {}
    }
    worlds[0].cache.delete(KEY).await.unwrap();
    worlds.iter().for_each(|world| world.gate.asked.store(0, std::sync::atomic::Ordering::SeqCst));
    worlds
}

fn asked(worlds: &[Arc<World>]) -> usize {
    worlds.iter().map(|world| world.asked()).sum()
}

async fn close(worlds: Vec<Arc<World>>) {
    for world in worlds {
        Arc::into_inner(world).unwrap().close().await;
    }
}

#[test]
fn of_several_processes_one_asks_for_a_cold_key_and_one_for_an_expired_one() {
    let (Some(postgres), Some(server), Some(cluster)) = (Postgres::start(), Server::start(), RedisCluster::start())
    else {
        return;
    };
    for redis in [server.url(), cluster.url()] {
        runtime().block_on(async {
            let settings = "ttl = \"600ms\"\nnegative_ttl = \"600ms\"";
            let worlds = processes(&postgres, &redis, PROCESSES, settings).await;
            for (key, there) in [(KEY, Some(0)), ("t:404", None)] {
                for round in 1..=3 {
                    let before = asked(&worlds);
                    worlds.iter().for_each(|world| {
                        world.gate.open.send_replace(false);
                    });
                    let readers: Vec<_> = (0..CROWD)
                        .map(|n| {
                            let world = Arc::clone(&worlds[n % PROCESSES]);
                            tokio::spawn(async move { number(&world.get(key, Position::START).await) })
                        })
                        .collect();
                    tokio::time::sleep(Duration::from_millis(150)).await;
                    worlds.iter().for_each(|world| {
                        world.gate.open.send_replace(true);
                    });
                    for reader in readers {
                        assert_eq!(reader.await.unwrap(), there, "{key}");
                    }
                    assert_eq!(asked(&worlds) - before, 1, "{redis} {key}, round {round}: one load for {CROWD}");
                    tokio::time::sleep(Duration::from_millis(650)).await;
                }
            }
            close(worlds).await;
        });
    }
}

#[test]
fn what_one_process_has_put_is_a_hit_in_the_others_until_the_row_changes() {
    let (Some(postgres), Some(server), Some(cluster)) = (Postgres::start(), Server::start(), RedisCluster::start())
    else {
        return;
    };
    for redis in [server.url(), cluster.url()] {
        runtime().block_on(async {
            let worlds = processes(&postgres, &redis, 2, "ttl = \"60s\"").await;
            for n in 1..=20 {
                let changed = worlds[n % 2].set(1, n as i64).await;
                for world in &worlds {
                    world.applied(changed).await;
                }
                let before = asked(&worlds);
                for (i, world) in [&worlds[0], &worlds[1]].into_iter().enumerate() {
                    let answer = world.get(KEY, changed).await;
                    let expected = if i == 0 { Outcome::Miss } else { Outcome::Hit };
                    assert_eq!((number(&answer), answer.outcome), (Some(n as i64), expected), "{redis}");
                }
                assert_eq!(asked(&worlds) - before, 1, "{redis}");
            }
            close(worlds).await;
        });
    }
}

#[test]
fn who_holds_a_lease_and_is_gone_or_frozen_holds_nobody_up_for_longer() {
    let (Some(postgres), Some(server)) = (Postgres::start(), Server::start()) else { return };
    const LEASE: Duration = Duration::from_millis(700);
    runtime().block_on(async {
        let worlds = processes(&postgres, &server.url(), 2, "ttl = \"60s\"\nlease = \"700ms\"").await;
        // One that was killed has left its lease alone. The lease of a load that is over may lie there for a moment yet.
        let lease = ["SET", "brigade:cache:t:lease:{t:1}", "00000000000000ff", "PX", "700"];
        assert_eq!(server.command(&lease).unwrap(), "OK");
        let began = Instant::now();
        let readers: Vec<_> = (0..CROWD)
            .map(|n| {
                let world = Arc::clone(&worlds[n % 2]);
                tokio::spawn(async move { number(&world.get(KEY, Position::START).await) })
            })
            .collect();
        for reader in readers {
            assert_eq!(reader.await.unwrap(), Some(0));
        }
        let waited = began.elapsed();
        assert!(waited >= LEASE / 2 && waited < LEASE * 2, "{waited:?}");
        assert_eq!(asked(&worlds), 1, "then one of them loads");
        // One that is frozen has read the row as it was, and goes on once it has changed.
        worlds[0].cache.delete(KEY).await.unwrap();
        worlds[0].gate.open.send_replace(false);
        let frozen = tokio::spawn({
            let world = Arc::clone(&worlds[0]);
            async move { world.get(KEY, Position::START).await }
        });
        while worlds[0].asked() + worlds[1].asked() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let changed = worlds[1].set(1, 5).await;
        worlds[1].applied(changed).await;
        let began = Instant::now();
        assert_eq!(number(&worlds[1].get(KEY, Position::START).await), Some(5));
        assert!(began.elapsed() < LEASE * 2, "{:?}", began.elapsed());
        worlds[0].gate.open.send_replace(true);
        assert_eq!(number(&frozen.await.unwrap()), Some(0), "it began before the change");
        worlds[0].applied(changed).await;
        for world in &worlds {
            let answer = world.get(KEY, Position::START).await;
            assert_eq!((number(&answer), answer.outcome), (Some(5), Outcome::Hit), "what came late was not kept");
        }
        close(worlds).await;
    });
}

#[test]
fn without_redis_every_process_asks_for_itself() {
    let (Some(postgres), Some(server)) = (Postgres::start(), Server::start()) else { return };
    runtime().block_on(async {
        let worlds = processes(&postgres, &server.url(), 2, "ttl = \"60s\"").await;
        server.freeze();
        let began = Instant::now();
        let readers: Vec<_> = (0..CROWD)
            .map(|n| {
                let world = Arc::clone(&worlds[n % 2]);
                tokio::spawn(async move { number(&world.get(KEY, Position::START).await) })
            })
            .collect();
        for reader in readers {
            assert_eq!(reader.await.unwrap(), Some(0));
        }
        // The time limit of a call is five seconds here; nobody waits for a lease besides.
        assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
        server.thaw();
        close(worlds).await;
    });
}
