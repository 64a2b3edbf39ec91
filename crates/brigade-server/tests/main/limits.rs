//! What is too much is refused, by the name of the limit, as soon as it is known.

use std::time::{Duration, Instant};

use crate::harness::{Answer, Running};

const WITHIN: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_announced_too_large_is_refused_before_it_comes() {
    let server = Running::start().await;
    let head = "POST /transactions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let began = Instant::now();
    let answer =
        server.raw(format!("{head}Content-Length: 104857600\r\nExpect: 100-continue\r\n\r\n").into(), WITHIN).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("body_max is 16777216"), "{answer}");
    assert!(began.elapsed() < WITHIN, "the connection closes without the body");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_is_answered_also_where_its_sender_reads_only_at_the_end() {
    let server = Running::start().await;
    let answer = Answer::of(server.transaction(&" ".repeat(100 << 20)).send().await.unwrap()).await;
    let body = answer.is_error(413, "BRG413");
    assert_eq!(body["details"], "body_max is 16777216");
    // The same connection, or another one, goes on.
    assert_eq!(server.get("/livez").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunked_body_is_refused_once_it_passes_the_limit() {
    let server = Running::start_with("[server]\nbody_max = \"64KiB\"\n").await;
    let mut sent = b"POST /transactions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n".to_vec();
    sent.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
    for _ in 0..5 {
        sent.extend_from_slice(b"4000\r\n");
        sent.extend_from_slice(&[b' '; 0x4000]);
        sent.extend_from_slice(b"\r\n");
    }
    // No last chunk: the answer comes all the same.
    let answer = server.raw(sent, Duration::from_secs(2)).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("body_max is 65536"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_and_rows_are_counted() {
    let server = Running::start().await;
    let statements = vec!["{\"check\":{\"table\":\"links\"}}"; 10_001].join(",");
    let body = server.commit(&format!("{{\"statements\":[{statements}]}}")).await.is_error(413, "BRG413");
    assert_eq!(body["details"], "statements_max is 10000");
    let rows = vec!["{\"body\":\"x\"}"; 50_001].join(",");
    let insert = format!("{{\"statements\":[{{\"insert\":{{\"table\":\"notes\",\"rows\":[{rows}]}}}}]}}");
    let body = server.commit(&insert).await.is_error(413, "BRG413");
    assert_eq!(body["details"], "rows_max is 50000");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_http_harms_nobody() {
    let server = Running::start().await;
    for nonsense in [&b"\x16\x03\x01\x02\x00\x01"[..], b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\0\0\0\0"] {
        server.raw(nonsense.to_vec(), Duration::from_millis(300)).await;
    }
    let long = format!("GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "y".repeat(1 << 20));
    let answer = server.raw(long.into(), Duration::from_secs(2)).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    assert_eq!(server.get("/livez").await.status, 200);
}
