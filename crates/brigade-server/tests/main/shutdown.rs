//! The server ends in time, whoever is still there, and what it had begun it finishes.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use crate::harness::Running;

fn open(server: &Running, sent: &str) -> TcpStream {
    let mut socket = TcpStream::connect(server.address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket.write_all(sent.as_bytes()).unwrap();
    socket
}

/// What is left to read, to the end of the connection.
fn rest(mut socket: TcpStream) -> String {
    let mut text = String::new();
    let _ = socket.read_to_string(&mut text);
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_and_idle_connections_do_not_hold_it() {
    let mut server = Running::start().await;
    let get = |path: &str, headers: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    let idle = open(&server, &get("/livez", ""));
    let silent = open(&server, "");
    let events = open(&server, &get("/changes", "Accept: text/event-stream\r\n"));
    let lines = open(&server, &get("/changes?follow=true", ""));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let began = Instant::now();
    server.stop().await;
    assert!(began.elapsed() < Duration::from_secs(3), "took {:?}", began.elapsed());
    tokio::task::spawn_blocking(move || {
        assert!(rest(events).ends_with("shutting down\n\n\r\n0\r\n\r\n"), "events end with a comment");
        assert!(rest(lines).ends_with("\r\n0\r\n\r\n"), "lines end whole");
        assert!(rest(idle).starts_with("HTTP/1.1 200"));
        assert_eq!(rest(silent), "");
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_was_begun_is_answered_and_nobody_new_comes_in() {
    let mut server = Running::start().await;
    let body = r#"{"statements":[{"insert":{"table":"links","rows":[{"uid":"last"}]}}]}"#;
    let head = "POST /transactions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let (now, later) = body.split_at(10);
    let mut socket = open(&server, &format!("{head}Content-Length: {}\r\n\r\n{now}", body.len()));
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.begin_to_stop();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!server.is_over(), "it waits for the request");
    assert!(TcpStream::connect(server.address).is_err(), "nobody new comes in");
    socket.write_all(later.as_bytes()).unwrap();
    let answer = tokio::task::spawn_blocking(move || rest(socket)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    tokio::time::timeout(Duration::from_secs(3), async {
        while !server.is_over() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("it ends once the request is answered");
}
