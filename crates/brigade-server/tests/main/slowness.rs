//! A peer that is slow, or silent, costs the server a bounded time: its head, its body and what it does not read.

use std::{
    io::Read as _,
    time::{Duration, Instant},
};

use brigade_server::ServerLimits;

use crate::harness::Running;

/// What the limits of these tests are made.
const SHORT: Duration = Duration::from_millis(200);
/// By when something must have happened at the latest, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);

async fn limited(change: impl FnOnce(&mut ServerLimits)) -> Running {
    let mut limits = ServerLimits::default();
    change(&mut limits);
    Running::start_limited(limits).await
}

async fn reached(server: &Running, limit: &str) -> bool {
    server.metric(&format!("brigade_http_limit_reached_total{{limit=\"{limit}\"}}")).await >= 1.0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_does_not_end_closes_its_connection() {
    let server = limited(|l| l.head_timeout = SHORT).await;
    for sent in ["", "GET /livez HTTP/1.1\r\nHost: local"] {
        let begun = Instant::now();
        let answer = server.raw(sent.into(), PATIENCE).await;
        assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(begun.elapsed() < PATIENCE, "{sent:?} was closed by the server");
    }
    assert!(reached(&server, "head_timeout").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_come_is_answered() {
    let server = limited(|l| l.body_timeout = SHORT).await;
    let head = "POST /transactions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let mut socket = server.socket(&format!("{head}Content-Length: 100\r\n\r\n{{"), PATIENCE);
    let answer = tokio::task::spawn_blocking(move || {
        let mut piece = [0; 1024];
        let read = socket.read(&mut piece).unwrap();
        String::from_utf8_lossy(&piece[..read]).into_owned()
    });
    let answer = answer.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("\"BRG408\"") && answer.contains("waited 0.2 s"), "{answer}");
    assert!(reached(&server, "body_timeout").await);
}

/// More than the buffers of two sockets hold, to a peer that takes nothing: cut, and not at the end of the answer.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_taken_cuts_its_connection() {
    let server = limited(|l| l.write_timeout = SHORT).await;
    let rows = vec![format!("{{\"body\":\"{}\"}}", "x".repeat(10_000)); 1_000].join(",");
    let insert = format!("{{\"statements\":[{{\"insert\":{{\"table\":\"notes\",\"rows\":[{rows}]}}}}]}}");
    for _ in 0..3 {
        assert_eq!(server.commit(&insert).await.status, 200);
    }
    let mut socket = server.socket("GET /changes HTTP/1.1\r\nHost: localhost\r\n\r\n", PATIENCE);
    let begun = Instant::now();
    while !reached(&server, "write_timeout").await {
        assert!(begun.elapsed() < PATIENCE, "it was cut");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let taken = tokio::task::spawn_blocking(move || {
        let mut taken = Vec::new();
        let _ = socket.read_to_end(&mut taken);
        taken
    });
    let taken = taken.await.unwrap();
    assert!(!taken.ends_with(b"0\r\n\r\n"), "{} bytes are no whole answer", taken.len());
    assert_eq!(server.get("/livez").await.status, 200);
}
