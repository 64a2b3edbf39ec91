//! What is no table: the log, health and operations.

use std::time::Duration;

use brigade::{Brigade, OpenOptions};
use brigade_server::{ServerOptions, bind, bind_network, serve};
use serde_json::json;

use super::world::World;
use crate::harness::TOKEN;

#[tokio::test(flavor = "multi_thread")]
async fn the_log_and_operations_are_for_the_role_service() {
    let mut world = World::start("").await;
    for (method, path, body) in [
        ("GET", "/changes", ""),
        ("GET", "/changes?table=posts", ""),
        ("GET", "/status", ""),
        ("GET", "/metrics", ""),
        ("GET", "/projections", ""),
        ("POST", "/projections/copy.x/verify", ""),
        ("GET", "/admin/keys", ""),
        ("POST", "/admin/keys", r#"{"role":"service"}"#),
        ("GET", "/admin/migrations", ""),
        ("POST", "/admin/migrate", ""),
        ("GET", "/admin/tables/secrets", ""),
        ("POST", "/admin/sql", r#"{"sql":"SELECT code FROM secrets"}"#),
    ] {
        world.send(method, "", path, body).await.is_error(401, "BRG401");
        for who in ["most", "anon", "Service", "service_role"] {
            world.send(method, who, path, body).await.is_error(403, "BRG403");
        }
        let answer = world.send(method, "service", path, body).await;
        assert!(!matches!(answer.status, 401 | 403), "{path}: {}", answer.text);
    }
    // The command line's own token, which lies in the lock file.
    let request = world.server.request("GET", "/status").bearer_auth(TOKEN);
    assert_eq!(request.send().await.unwrap().status(), 401, "its prefix says whose token it is");
    let status = world.get("service", "/status").await.json();
    assert_eq!(status["auth"], json!({"on": true, "anonymous": "anon", "api_keys": 1}));
    for path in ["/livez", "/readyz"] {
        assert_eq!(world.get("", path).await.status, 200, "{path}");
    }
    world.server.stop().await;
}

/// Whether it is ready is everybody's to know; why it is not may quote what it worked on.
#[tokio::test(flavor = "multi_thread")]
async fn why_it_is_not_ready_is_told_to_the_role_service_alone() {
    let copy = "anonymous = \"anon\"\n[copy.all]\nstore = \"memory:\"\nmax_lag = \"1ms\"\n";
    let mut world = World::start(copy).await;
    // A first fill that is under way when the copy is paused would take the row along.
    while world.get("service", "/projections").await.json()[0]["state"] != "running" {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(world.send("POST", "service", "/projections/copy.all/pause", "").await.status, 200);
    let insert = json!([{"insert": {"table": "tags", "rows": [{"id": 7, "name": "new"}]}}]);
    assert_eq!(world.transact("service", &insert).await.status, 200);
    tokio::time::sleep(Duration::from_millis(50)).await;
    for who in ["", "most"] {
        let answer = world.get(who, "/readyz").await;
        assert_eq!((answer.status, answer.json()["ready"].clone()), (503, json!(false)), "{who}: {}", answer.text);
        assert!(!answer.text.contains("copy.all"), "{who}: {}", answer.text);
    }
    let answer = world.get("service", "/readyz").await;
    assert!(answer.status == 503 && answer.text.contains("copy.all"), "{}", answer.text);
    world.server.stop().await;
}

/// An address of the network is served only where somebody is asked who they are.
#[tokio::test(flavor = "multi_thread")]
async fn the_network_is_served_with_auth_alone() {
    for (settings, taken) in [("", false), ("[auth]\njwt_secret = \"0123456789abcdef0123456789abcdef\"\n", true)] {
        let folder = tempfile::TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("migrations")).unwrap();
        std::fs::write(folder.path().join("brigade.toml"), settings).unwrap();
        let options = OpenOptions { project: folder.path().to_owned(), data: None, migrate: true, run: false };
        let brigade = Brigade::open(options).await.unwrap();
        let listener = bind_network("0.0.0.0:0").await.unwrap();
        let served = serve(brigade.clone(), listener, ServerOptions::default(), async {}).await;
        assert_eq!(served.is_ok(), taken, "{settings}: {served:?}");
        brigade.close().await;
    }
    assert!(bind("0.0.0.0:0").await.is_err());
}
