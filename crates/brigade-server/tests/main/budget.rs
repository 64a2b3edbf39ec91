//! A log that reaches its budget while a copy is paused: what the configuration says happens, everybody can see it, and there
//! is a way back.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Answer, Running, engines};

/// Small enough that a few hundred links reach it, large enough that one transaction does not.
const BUDGET: &str = "[log]\nkeep = \"1h\"\nkeep_bytes = \"8KiB\"\nbudget = \"16KiB\"\n";

const COPIES: &str = "[copy.slow]\n[copy.quick]\nstore = \"memory:\"\n";

async fn start(stores: &str, at_budget: &str) -> Running {
    let server = Running::start_with(&format!("{stores}{BUDGET}at_budget = \"{at_budget}\"\n{COPIES}")).await;
    server.link("first").await;
    assert_eq!(server.post("/projections/copy.slow/pause").await.status, 200);
    server
}

async fn link(server: &Running, uid: &str) -> Answer {
    server
        .commit(&format!(
            "{{\"statements\":[{{\"insert\":{{\"table\":\"links\",\"rows\":[{{\"uid\":\"{uid}\"}}]}}}}]}}"
        ))
        .await
}

/// Writes until `is_there` holds, which must not take long.
async fn write_until<F: AsyncFn(&Running, &Answer) -> bool>(server: &Running, name: &str, is_there: F) -> Answer {
    let deadline = Instant::now() + Duration::from_secs(60);
    for n in 0.. {
        let answer = link(server, &format!("{name}{n}")).await;
        if is_there(server, &answer).await {
            return answer;
        }
        assert!(Instant::now() < deadline, "{} {}", answer.status, server.get("/status").await.text);
    }
    unreachable!("it returns")
}

async fn copy(server: &Running, name: &str) -> Value {
    let status = server.get("/status").await.json();
    let list = status["projections"].as_array().unwrap().clone();
    list.into_iter().find(|entry| entry["name"] == name).unwrap()
}

async fn metric(server: &Running, line: &str) -> bool {
    server.get("/metrics").await.text.lines().any(|l| l == line)
}

async fn is_equal(server: &Running, name: &str) {
    let deadline = Instant::now() + Duration::from_secs(10);
    let verified = loop {
        let verified = server.post(&format!("/projections/{name}/verify")).await;
        // What was made anew may be taken up at this moment.
        if verified.status != 503 || Instant::now() > deadline {
            break verified;
        }
    };
    assert_eq!(verified.json()["equal"], true, "{}", verified.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_budget_the_slowest_copy_is_detached_and_comes_back_by_a_rebuild() {
    for (_, stores, _held) in engines() {
        the_slowest_copy_is_detached_and_comes_back_by_a_rebuild(&stores).await;
    }
}

async fn the_slowest_copy_is_detached_and_comes_back_by_a_rebuild(stores: &str) {
    let server = start(stores, "detach_slowest").await;
    let last = write_until(&server, "a", async |server, answer| {
        assert_eq!(answer.status, 200, "{}", answer.text);
        copy(server, "copy.slow").await["state"] == "stopped"
    })
    .await;
    assert_eq!(last.status, 200);
    let slow = copy(&server, "copy.slow").await;
    assert!(slow["last_error"].as_str().unwrap().contains("rebuild needed"), "{slow}");
    let ready = server.get("/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(ready.text.contains("projection copy.slow stopped: rebuild needed"), "{}", ready.text);
    assert!(metric(&server, "brigade_projection_state{projection=\"copy.slow\",state=\"stopped\"} 1").await);
    is_equal(&server, "copy.quick").await;

    // Resuming it tries, finds its place gone, and says the same again.
    assert_eq!(server.post("/projections/copy.slow/resume").await.status, 200);
    let deadline = Instant::now() + Duration::from_secs(10);
    while copy(&server, "copy.slow").await["state"] != "stopped" {
        assert!(Instant::now() < deadline, "{}", copy(&server, "copy.slow").await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let rebuilt = server.post("/projections/copy.slow/rebuild").await;
    assert_eq!(rebuilt.lines().last().unwrap()["done"], true, "{}", rebuilt.text);
    is_equal(&server, "copy.slow").await;
    assert_eq!(server.get("/readyz").await.status, 200);
    let log = &server.get("/status").await.json()["log"];
    assert!(log["bytes"].as_u64() < log["budget_bytes"].as_u64(), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_budget_writes_are_refused_until_the_slowest_copy_has_caught_up() {
    for (_, stores, _held) in engines() {
        writes_are_refused_until_the_slowest_copy_has_caught_up(&stores).await;
    }
}

async fn writes_are_refused_until_the_slowest_copy_has_caught_up(stores: &str) {
    let server = start(stores, "refuse_writes").await;
    let refused = write_until(&server, "a", async |_, answer| answer.status != 200).await;
    let body = refused.is_error(507, "BRG507");
    assert!(body["hint"].as_str().unwrap().contains("budget"), "{body}");
    assert!(refused.header("retry-after").is_some());
    let ready = server.get("/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(ready.text.contains("writes are refused"), "{}", ready.text);
    assert_eq!(server.get("/status").await.json()["log"]["refuses_writes"], true);
    assert!(metric(&server, "brigade_log_refuses_writes 1").await);
    assert_eq!(server.get("/changes?limit=1").await.status, 200, "reads go on");

    // A restart forgets neither the pause nor the budget.
    let server = server.restart().await;
    let refused = write_until(&server, "b", async |_, answer| answer.status != 200).await;
    refused.is_error(507, "BRG507");

    assert_eq!(server.post("/projections/copy.slow/resume").await.status, 200);
    let accepted = write_until(&server, "c", async |_, answer| answer.status == 200).await;
    assert_eq!(accepted.status, 200);
    is_equal(&server, "copy.slow").await;
    assert_eq!(server.get("/readyz").await.status, 200);
    assert_eq!(server.get("/status").await.json()["log"]["refuses_writes"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_copy_that_was_detached_holds_up_nothing_after_a_restart() {
    for (_, stores, _held) in engines() {
        a_detached_copy_holds_up_nothing_after_a_restart(&stores).await;
    }
}

async fn a_detached_copy_holds_up_nothing_after_a_restart(stores: &str) {
    let server = start(stores, "detach_slowest").await;
    let stopped = async |server: &Running, _: &Answer| copy(server, "copy.slow").await["state"] == "stopped";
    write_until(&server, "a", stopped).await;
    let server = server.restart().await;
    write_until(&server, "b", stopped).await;
    let before = server.get("/status").await.json()["log"]["oldest"].clone();
    write_until(&server, "c", async |server, answer| {
        assert_eq!(answer.status, 200, "{}", answer.text);
        server.get("/status").await.json()["log"]["oldest"].as_str() > before.as_str()
    })
    .await;
}

/// brigade can refuse its own writes alone. What `psql` writes is taken in all the same: else the server would have to keep it
/// in its WAL, until its disk is full.
#[tokio::test(flavor = "multi_thread")]
async fn at_the_budget_the_server_s_wal_is_not_held() {
    for (_, stores, held) in engines() {
        let Some((database, postgres)) = held else { continue };
        let server = start(&stores, "refuse_writes").await;
        let refused = write_until(&server, "a", async |_, answer| answer.status != 200).await;
        refused.is_error(507, "BRG507");
        let rows = "INSERT INTO links (uid) SELECT 'psql' || i FROM generate_series(1, 2000) i";
        postgres.psql(&database.name, rows).unwrap();
        let end = postgres.psql(&database.name, "SELECT pg_current_wal_lsn()").unwrap();
        let passed = format!(
            "SELECT confirmed_flush_lsn >= '{end}' FROM pg_replication_slots WHERE database = '{}'",
            database.name
        );
        let deadline = Instant::now() + Duration::from_secs(20);
        while postgres.psql(&database.name, &passed).unwrap() != "t" {
            assert!(Instant::now() < deadline, "the slot holds the WAL: {}", server.get("/status").await.text);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let log = &server.get("/status").await.json()["log"];
        assert!(log["bytes"].as_u64() > log["budget_bytes"].as_u64(), "{log}");
        assert_eq!((&log["refuses_writes"], &log["stopped"]), (&Value::Bool(true), &Value::Null), "{log}");
        link(&server, "refused").await.is_error(507, "BRG507");
        // Nothing of it is missing once the copy moves again.
        assert_eq!(server.post("/projections/copy.slow/resume").await.status, 200);
        write_until(&server, "b", async |_, answer| answer.status == 200).await;
        is_equal(&server, "copy.slow").await;
        is_equal(&server, "copy.quick").await;
    }
}
