//! Health, status, metrics, and routes that are none.

use crate::harness::{Answer, Running};

#[tokio::test(flavor = "multi_thread")]
async fn health_and_status_have_their_shapes() {
    let server = Running::start_with("[copy.backup]\nstore = \"memory:\"\n").await;
    let position = server.link("one").await.json()["position"].clone();
    assert_eq!(server.get("/livez").await.status, 200);
    let ready = server.get("/readyz").await;
    assert_eq!((ready.status, &ready.json()["ready"]), (200, &true.into()), "{}", ready.text);
    let status = server.get("/status").await.json();
    assert_eq!((&status["project"], &status["truth"]["engine"]), (&"test".into(), &"sqlite".into()), "{status}");
    assert_eq!(status["truth"]["durability"], "full");
    assert_eq!((&status["truth"]["position"], &status["log"]["position"]), (&position, &position));
    for (part, keys) in [
        ("truth", &["engine", "url", "durability", "history", "position"][..]),
        ("log", &["engine", "position", "oldest", "bytes", "budget_bytes", "budget_action"]),
    ] {
        keys.iter().for_each(|key| assert!(!status[part][key].is_null(), "{part}.{key} in {status}"));
    }
    let copy = &status["projections"][0];
    assert_eq!(
        (&copy["name"], &copy["kind"], &copy["engine"]),
        (&"copy.backup".into(), &"copy".into(), &"memory".into())
    );
    for key in ["state", "checkpoint", "lag_changes", "lag_seconds", "dead_letters", "last_error"] {
        assert!(copy.get(key).is_some(), "{key} in {copy}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_prometheus_text() {
    let server = Running::start_with("[copy.backup]\nstore = \"memory:\"\n").await;
    server.link("one").await;
    server.commit("{}").await;
    let metrics = server.get("/metrics").await;
    assert!(metrics.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"), "{metrics:?}");
    for line in [
        "brigade_http_requests_total{route=\"/transactions\",method=\"POST\",status=\"200\"}",
        "brigade_http_requests_total{route=\"/transactions\",method=\"POST\",status=\"400\"}",
        "brigade_http_request_duration_seconds_bucket{route=\"/transactions\",method=\"POST\",status=\"200\",le=\"0.001\"}",
        "# TYPE brigade_http_requests_total counter",
        "brigade_commits_total",
        "brigade_commit_duration_seconds_bucket",
        "brigade_commit_group_size",
        "brigade_log_bytes",
        "brigade_projection_lag_changes",
        "brigade_pool_connections_max{pool=\"readers\"}",
        "brigade_pool_connections{pool=\"readers\"}",
        "brigade_pool_connections_in_use{pool=\"views\"}",
        "brigade_pool_waiting{pool=\"readers\"} 0",
        "brigade_build_info{version=",
        "process_resident_memory_bytes",
        "process_open_fds",
    ] {
        assert!(metrics.text.lines().any(|l| l.starts_with(line)), "no {line} in\n{}", metrics.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_that_are_none_and_methods_that_are_none() {
    let server = Running::start().await;
    server.get("/nowhere/else").await.is_error(404, "BRG404");
    server.get("/nowhere").await.is_error(404, "PGRST205");
    let wrong = server.get("/transactions").await;
    wrong.is_error(405, "BRG405");
    assert_eq!(wrong.header("allow"), Some("POST"));
    let wrong = Answer::of(server.request("DELETE", "/changes").send().await.unwrap()).await;
    wrong.is_error(405, "BRG405");
    assert_eq!(wrong.header("allow"), Some("GET,HEAD"));
    let head = Answer::of(server.request("HEAD", "/livez").send().await.unwrap()).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    let foreign = server.raw(
        b"GET /changes HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n".to_vec(),
        std::time::Duration::from_secs(2),
    );
    assert!(foreign.await.starts_with("HTTP/1.1 403"));
}
