//! A server, a server that asks for a password, and a cluster: one handle for all.

use std::time::Duration;

use brigade_core::schema::Secret;
use brigade_testing::servers::{Redis as Server, RedisCluster};
use redis::Script;

use crate::world::{failing, get, patient, ping_at_once, redis_with};

#[tokio::test]
async fn commands_pipelines_and_scripts_run() {
    let Some(server) = Server::start() else { return };
    let redis = patient(&server.url());
    let set: String = redis.run(redis::cmd("SET").arg("k").arg("v")).await.unwrap();
    assert_eq!((set.as_str(), server.command(&["GET", "k"]).unwrap().as_str()), ("OK", "v"));
    let script = Script::new("return redis.call('INCRBY', KEYS[1], ARGV[1])");
    for expected in [2, 4] {
        let n: i64 = redis.run_script(script.key("n").arg(2)).await.unwrap();
        assert_eq!(n, expected);
        server.command(&["SCRIPT", "FLUSH"]).unwrap();
    }
    let both: (Option<String>, i64) = redis.run_all(redis::pipe().get("k").get("n")).await.unwrap();
    assert_eq!(both, (Some("v".to_owned()), 4));
    assert_eq!(get(&redis, "nothing").await.unwrap(), None);
}

#[tokio::test]
async fn an_answer_that_says_no_is_an_answer() {
    let Some(server) = Server::start() else { return };
    let redis = patient(&server.url());
    server.command(&["RPUSH", "k", "v"]).unwrap();
    let error = get(&redis, "k").await.unwrap_err();
    assert!(error.message().contains("WRONGTYPE"), "{error}");
    assert!(redis.away().is_none(), "the server is there");
    redis.ping().await.unwrap();
}

#[tokio::test]
async fn a_password_is_used_and_never_shown() {
    let Some(server) = Server::start_with(&[("requirepass", "s3cret")]) else { return };
    let url = |password: &str| format!("redis://:{password}@127.0.0.1:{}", server.port);
    patient(&url("s3cret")).ping().await.unwrap();
    redis_with(&url("old"), |store| {
        store.password = Some(Secret::new("s3cret"));
        store.timeout = Duration::from_secs(5);
    })
    .ping()
    .await
    .unwrap();
    for wrong in [url("s3cre"), server.url()] {
        let redis = patient(&wrong);
        let (_, error) = failing(&redis).await;
        assert!(error.get_hint().is_some_and(|hint| hint.contains("password")), "{error:?}");
        assert!(!format!("{error:?} {redis:?}").contains("s3cre"), "{error:?} {redis:?}");
    }
}

#[tokio::test]
async fn the_pool_grows_under_load_and_no_further_than_it_may() {
    let Some(server) = Server::start() else { return };
    let redis = redis_with(&server.url(), |store| {
        store.pool_size = 3;
        store.timeout = Duration::from_secs(5);
    });
    redis.ping().await.unwrap();
    let connections = || {
        let list = server.command(&["CLIENT", "LIST"]).unwrap();
        list.lines().filter(|line| !line.contains("cmd=client")).count()
    };
    assert_eq!(connections(), 1, "one call, one connection");
    for _ in 0..20 {
        ping_at_once(&redis, 200).await;
    }
    assert_eq!(connections(), 3);
}

#[tokio::test]
async fn a_cluster_is_found_by_any_of_its_nodes() {
    let Some(cluster) = RedisCluster::start() else { return };
    let script = Script::new("return redis.call('INCR', KEYS[1])");
    for (round, url) in [cluster.url(), cluster.nodes[1].url()].iter().enumerate() {
        let redis = patient(url);
        for i in 0..50 {
            let key = format!("key:{i}");
            let n: i64 = redis.run_script(&script.key(&key)).await.unwrap();
            assert_eq!(n, round as i64 + 1, "{url}");
            assert_eq!(cluster.command(&["GET", &key]).unwrap(), n.to_string());
        }
    }
    let kept: Vec<String> = cluster.nodes.iter().map(|node| node.command(&["DBSIZE"]).unwrap()).collect();
    assert!(!kept.contains(&"0".to_owned()), "the keys lie on all nodes: {kept:?}");
}

#[tokio::test]
async fn encrypted_means_verified() {
    let Some((server, port, certificates, _folder)) = Server::start_encrypted() else { return };
    server.command(&["SET", "k", "v"]).unwrap();
    let reached = async |host: &str, authority: Option<&std::path::Path>| {
        let redis = redis_with(&format!("rediss://{host}:{port}"), |store| {
            store.tls_ca = authority.map(|path| path.display().to_string());
            store.timeout = Duration::from_secs(5);
            store.connect_timeout = Duration::from_secs(5);
        });
        get(&redis, "k").await
    };
    assert_eq!(reached("localhost", Some(&certificates.authority)).await.unwrap().as_deref(), Some("v"));
    for (host, authority) in [
        ("localhost", Some(&*certificates.stranger)),
        ("localhost", None),
        ("127.0.0.1", Some(&*certificates.authority)),
    ] {
        let error = reached(host, authority).await.expect_err("it is not trusted");
        assert!(error.get_hint().is_some_and(|hint| hint.contains("tls_ca")), "{host} {authority:?}: {error:?}");
    }
}
