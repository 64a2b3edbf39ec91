//! Sessions on a server and on a cluster: the suite, what lies there, and a server that is away.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use brigade_core::{
    data::code,
    engine::Sessions,
    session::{Holder, Session, SessionId},
};
use brigade_testing::{
    servers::{Redis as Server, RedisCluster},
    suites::sessions::{Engine, run},
};
use engine_redis::{Redis, RedisSessions};

use crate::world::{GRACE, TIMEOUT, patient, redis_with};

struct OnRedis(Redis);

#[async_trait]
impl Engine for OnRedis {
    fn open(&self) -> Arc<dyn Sessions> {
        Arc::new(RedisSessions::new(self.0.clone()))
    }

    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

fn id(number: u8) -> SessionId {
    SessionId::new([number; 32])
}

fn session(ttl_ms: u64) -> Session {
    let holder = Holder { id: "42".to_owned(), roles: vec!["editor".to_owned()], ..Holder::default() };
    Session { holder, data: "{\"n\":1}".to_owned(), ttl_ms, is_vouched: true }
}

fn no_key_stays(command: impl Fn(&[&str]) -> String) {
    for key in command(&["KEYS", "*"]).lines() {
        let left: i64 = command(&["PTTL", key]).parse().unwrap();
        assert!(left >= 0 || left == -2, "{key} stays for ever");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_on_a_server() {
    let Some(server) = Server::start() else { return };
    run(&OnRedis(patient(&server.url()))).await;
    no_key_stays(|words| server.command(words).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_on_a_cluster() {
    let Some(cluster) = RedisCluster::start() else { return };
    run(&OnRedis(patient(&cluster.url()))).await;
    for node in &cluster.nodes {
        no_key_stays(|words| node.command(words).unwrap());
    }
}

#[tokio::test]
async fn any_program_reads_what_lies_there() {
    let Some(server) = Server::start() else { return };
    let (sessions, hour) = (RedisSessions::new(patient(&server.url())), 3_600_000);
    sessions.create(&id(0xab), &session(hour)).await.unwrap();
    let (key, hex) = (format!("session:{}", "ab".repeat(32)), "ab".repeat(32));
    let text = r#"{"principal":{"id":"42","tenant":null,"tier":null,"roles":["editor"]},"data":{"n":1},"ttl_ms":3600000,"vouched":true}"#;
    assert_eq!(server.command(&["GET", &key]).unwrap(), text);
    assert_eq!(server.command(&["ZRANGE", "sessions_of:42", "0", "-1"]).unwrap(), hex);
    let left = |key: &str| server.command(&["PTTL", key]).unwrap().parse::<u64>().unwrap();
    assert!(left(&key) <= hour && left(&key) > hour - 60_000);
    assert!(left("sessions_of:42") > left(&key), "it is in the index as long as it lasts");
    server.command(&["SET", &key, &text.replace(":1}", ":2}"), "KEEPTTL"]).unwrap();
    assert_eq!(sessions.find(&id(0xab)).await.unwrap().unwrap().session.data, "{\"n\":2}");
    for strange in ["", "{}", "x"] {
        server.command(&["SET", &key, strange, "KEEPTTL"]).unwrap();
        assert!(sessions.find(&id(0xab)).await.is_err(), "what cannot be read logs nobody out");
    }
}

/// Whatever was cut off half way, and however often somebody comes and goes.
#[tokio::test]
async fn an_index_holds_what_is_alive_and_nothing_for_ever() {
    let Some(server) = Server::start() else { return };
    let sessions = RedisSessions::new(patient(&server.url()));
    let size = || server.command(&["ZCARD", "sessions_of:42"]).unwrap().parse::<u32>().unwrap();
    sessions.create(&id(1), &session(60_000)).await.unwrap();
    sessions.create(&id(2), &session(60_000)).await.unwrap();
    assert!(sessions.revoke(&id(1)).await.unwrap());
    assert_eq!(size(), 1, "a revoked one is gone from it");
    // One that was noted and never made, and one that ended by itself.
    server.command(&["ZADD", "sessions_of:42", "1", &id(3).to_string()]).unwrap();
    server.command(&["DEL", &format!("session:{}", id(2))]).unwrap();
    assert_eq!(sessions.revoke_all("42").await.unwrap(), 0);
    sessions.create(&id(4), &session(60_000)).await.unwrap();
    assert_eq!(size(), 2, "what is over goes when the next one comes");
    assert_eq!(sessions.revoke_all("42").await.unwrap(), 1);
    let left: u64 = server.command(&["PTTL", "sessions_of:42"]).unwrap().parse().unwrap();
    assert!(left <= 120_000, "{left}");
}

#[tokio::test]
async fn a_server_that_is_away_is_an_error_and_never_nobody() {
    let Some(mut server) = Server::start_with(&[("appendonly", "yes"), ("appendfsync", "always")]) else { return };
    let sessions = RedisSessions::new(redis_with(&server.url(), |_| {}));
    while sessions.create(&id(1), &session(600_000)).await.is_err() {}
    server.freeze();
    let began = Instant::now();
    assert_eq!(sessions.find(&id(1)).await.unwrap_err().code(), code::UNAVAILABLE);
    assert!(began.elapsed() < TIMEOUT + GRACE, "{:?}", began.elapsed());
    server.kill();
    assert_eq!(sessions.find(&id(1)).await.unwrap_err().code(), code::UNAVAILABLE);
    assert_eq!(sessions.touch(&id(1)).await.unwrap_err().code(), code::UNAVAILABLE);
    assert_eq!(sessions.swap_data(&id(1), "{}", "{}").await.unwrap_err().code(), code::UNAVAILABLE);
    assert_eq!(sessions.revoke(&id(1)).await.unwrap_err().code(), code::UNAVAILABLE);
    assert_eq!(sessions.revoke_all("42").await.unwrap_err().code(), code::UNAVAILABLE);
    assert_eq!(sessions.create(&id(2), &session(1)).await.unwrap_err().code(), code::UNAVAILABLE);
    server.restart().unwrap();
    let began = Instant::now();
    loop {
        match sessions.find(&id(1)).await {
            Ok(found) => break assert!(found.is_some(), "a server that keeps its data keeps who is logged in"),
            Err(error) => assert!(began.elapsed() < Duration::from_secs(5), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
