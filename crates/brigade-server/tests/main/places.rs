//! Connections, requests and followers have a number. Who comes past it is told, or waits; who was there goes on; and an
//! operator sees in `/metrics` that it happened.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use brigade_server::ServerLimits;

use crate::harness::Running;

const PATIENCE: Duration = Duration::from_secs(5);
const BODY: &str = r#"{"statements":[{"insert":{"table":"links","rows":[{"uid":"held"}]}}]}"#;
const FOLLOW: &str = "GET /changes?after=now&follow=true HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn limited(change: impl FnOnce(&mut ServerLimits)) -> ServerLimits {
    let mut limits = ServerLimits::default();
    change(&mut limits);
    limits
}

/// The first bytes of an answer.
fn begin(mut socket: &TcpStream) -> std::io::Result<String> {
    let mut piece = [0; 512];
    let read = socket.read(&mut piece)?;
    Ok(String::from_utf8_lossy(&piece[..read]).into_owned())
}

async fn reached(server: &Running, limit: &str) -> f64 {
    server.metric(&format!("brigade_http_limit_reached_total{{limit=\"{limit}\"}}")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_past_the_limit_are_told_so_and_health_is_answered() {
    let server = Running::start_limited(limited(|l| l.requests_max = 1)).await;
    let head = "POST /transactions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let (now, later) = BODY.split_at(9);
    let mut holding = server.socket(&format!("{head}Content-Length: {}\r\n\r\n{now}", BODY.len()), PATIENCE);
    let begun = Instant::now();
    while server.metric("brigade_http_requests_in_flight").await < 1.0 {
        assert!(begun.elapsed() < PATIENCE, "the first request came in");
    }
    let refused = server.get("/status").await;
    assert_eq!(refused.is_error(503, "BRG503")["details"], "REQUESTS_MAX is 1");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(server.get("/livez").await.status, 200);
    assert!(reached(&server, "requests_max").await >= 1.0);
    holding.write_all(later.as_bytes()).unwrap();
    assert!(begin(&holding).unwrap().starts_with("HTTP/1.1 200 "));
    assert_eq!(server.get("/status").await.status, 200, "its place is free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_past_the_limit_are_told_so() {
    let server = Running::start_limited(limited(|l| l.followers_max = 1)).await;
    let first = server.socket(FOLLOW, PATIENCE);
    assert!(begin(&first).unwrap().starts_with("HTTP/1.1 200 "));
    let refused = server.get("/changes").await;
    assert_eq!(refused.is_error(503, "BRG503")["details"], "FOLLOWERS_MAX is 1");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(reached(&server, "followers_max").await >= 1.0);
    drop(first);
    let begun = Instant::now();
    while server.get("/changes").await.status != 200 {
        assert!(begun.elapsed() < PATIENCE, "a follower that is gone gives its place back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_past_the_limit_wait_for_a_place() {
    let server = Running::start_limited(limited(|l| l.connections_max = 1)).await;
    let get = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let first = server.socket(get, PATIENCE);
    assert!(begin(&first).unwrap().starts_with("HTTP/1.1 200 "));
    let second = server.socket(get, Duration::from_millis(300));
    assert!(begin(&second).is_err(), "the second one waits");
    drop(first);
    second.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(begin(&second).unwrap().starts_with("HTTP/1.1 200 "));
    drop(second);
    assert!(reached(&server, "connections_max").await >= 1.0);
    assert!(server.metric("brigade_http_limit{limit=\"connections_max\"}").await >= 1.0);
}
