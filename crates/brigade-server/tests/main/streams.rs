//! Answers that go on, as bytes on the wire: framed as HTTP asks for, in the order of their requests, and gone with the peer.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use brigade_server::ServerLimits;

use crate::harness::Running;

/// By when something must have happened at the latest, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

fn get(path: &str, version: &str, headers: &str) -> String {
    format!("GET {path} HTTP/{version}\r\nHost: localhost\r\n{headers}\r\n")
}

fn live(version: &str) -> String {
    get("/links", version, "Accept: text/event-stream\r\n")
}

/// Takes one head, and says its lines in lower case.
fn head(read: &mut &[u8]) -> Vec<String> {
    let end = read.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head");
    let text = std::str::from_utf8(&read[..end]).expect("text").to_ascii_lowercase();
    *read = &read[end + 4..];
    text.split("\r\n").map(str::to_owned).collect()
}

/// Takes one body of chunks to its end, as strictly as the standard puts it.
fn chunks(read: &mut &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let line = read.windows(2).position(|bytes| bytes == b"\r\n").expect("a size");
        let size = std::str::from_utf8(&read[..line]).expect("text");
        let size = usize::from_str_radix(size, 16).unwrap_or_else(|_| panic!("{size:?} is no size"));
        *read = &read[line + 2..];
        body.extend_from_slice(&read[..size]);
        assert_eq!(&read[size..size + 2], b"\r\n", "a chunk ends");
        *read = &read[size + 2..];
        if size == 0 {
            return body;
        }
    }
}

fn has(head: &[String], line: &str) -> bool {
    head.iter().any(|found| found == line)
}

async fn rest(mut socket: TcpStream) -> Vec<u8> {
    tokio::task::spawn_blocking(move || {
        let mut read = Vec::new();
        socket.read_to_end(&mut read).expect("the server ends it");
        read
    })
    .await
    .unwrap()
}

async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Many megabytes that a read of the log answers.
async fn fill(server: &Running, commits: usize) {
    let rows = vec![format!("{{\"body\":\"{}\"}}", "x".repeat(10_000)); 1_000].join(",");
    let insert = format!("{{\"statements\":[{{\"insert\":{{\"table\":\"notes\",\"rows\":[{rows}]}}}}]}}");
    for _ in 0..commits {
        assert_eq!(server.commit(&insert).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_framed_whatever_was_sent_before_and_behind() {
    let livez = get("/livez", "1.1", "");
    let follow = get("/changes?follow=true", "1.1", "");
    let behind = format!("{}{livez}{}", live("1.1"), "x".repeat(100_000));
    let cases = [
        ("a live read", live("1.1"), 0, true),
        ("of HTTP/1.0", live("1.0"), 0, false),
        ("behind another request", format!("{livez}{}", live("1.1")), 1, true),
        ("before what is never heard", behind, 0, true),
        ("a follower of the log", follow, 0, true),
        ("behind a HEAD of itself", format!("{}{}", live("1.1").replacen("GET", "HEAD", 1), live("1.1")), 1, true),
    ];
    for (what, sent, before, is_chunked) in cases {
        let mut server = Running::start().await;
        server.link("first").await;
        let socket = server.socket(&sent, PATIENCE);
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.link("second").await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.stop().await;
        let read = rest(socket).await;
        let mut read = &read[..];
        for _ in 0..before {
            let head = head(&mut read);
            assert!(!has(&head, "connection: close"), "{what}: {head:?}");
            let length = head.iter().find_map(|line| line.strip_prefix("content-length: "));
            let length = length.filter(|_| !sent.starts_with("HEAD"));
            read = &read[length.map_or(0, |length| length.parse().unwrap())..];
        }
        let head = head(&mut read);
        let version = if is_chunked { "1.1" } else { "1.0" };
        assert_eq!(head[0], format!("http/{version} 200 ok"), "{what}");
        assert!(has(&head, "connection: close") && has(&head, "cache-control: no-store"), "{what}: {head:?}");
        assert!(head.iter().any(|line| line.starts_with("date: ") && line.ends_with(" gmt")), "{what}: {head:?}");
        assert_eq!(has(&head, "transfer-encoding: chunked"), is_chunked, "{what}: {head:?}");
        let body = if is_chunked { chunks(&mut read) } else { std::mem::take(&mut read).to_vec() };
        let body = String::from_utf8(body).unwrap();
        assert!(body.contains("\"first\"") && body.contains("\"second\""), "{what}: {body}");
        assert!(body.ends_with("shutting down\n\n") || body.ends_with("}\n"), "{what}: {body}");
        assert!(read.is_empty(), "{what}: {} bytes more", read.len());
    }
}

/// The answer before is whole, though its peer reads it slowly and the next one is ready long before.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_owed_is_sent_first() {
    let mut server = Running::start().await;
    fill(&server, 2).await;
    let mut socket = server.socket(&format!("{}{}", get("/changes?table=notes", "1.1", ""), live("1.1")), PATIENCE);
    let slowly = tokio::task::spawn_blocking(move || {
        let (mut read, mut piece) = (Vec::new(), vec![0; 32 << 10]);
        while !read.ends_with(b"data: []\n\n\r\n") {
            let count = socket.read(&mut piece).expect("more");
            assert_ne!(count, 0, "ended behind {} bytes", read.len());
            read.extend_from_slice(&piece[..count]);
            std::thread::sleep(Duration::from_millis(1));
        }
        read
    });
    let read = slowly.await.unwrap();
    let mut read = &read[..];
    head(&mut read);
    let body = chunks(&mut read);
    assert_eq!(body.iter().filter(|byte| **byte == b'\n').count(), 2_000);
    assert_eq!(head(&mut read)[0], "http/1.1 200 ok");
    server.stop().await;
}

/// There is one place for live reads: who has it no longer has given it back, whatever the gauges of other servers say.
#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_leaves_or_never_reads_gives_its_place_back() {
    let limits = ServerLimits {
        live_max: 1,
        write_timeout: Duration::from_millis(300),
        follower_stall: PATIENCE,
        ..Default::default()
    };
    let mut server = Running::start_limited(limits).await;
    let ask = get("/notes", "1.1", "Accept: text/event-stream\r\n");
    let status = async || {
        let mut socket = server.socket(&ask, PATIENCE);
        tokio::task::spawn_blocking(move || {
            let mut start = [0; 12];
            socket.read_exact(&mut start).expect("an answer");
            (start == *b"HTTP/1.1 200", socket)
        })
        .await
        .unwrap()
    };
    let (is_read, reader) = status().await;
    assert!(is_read && !status().await.0, "one place, which is taken");
    drop(reader);
    eventually("who leaves is noticed while nothing happens", async || status().await.0).await;
    eventually("and the next one too", async || status().await.0).await;

    // Sends on, and is gone only then.
    let (is_read, mut reader) = (Instant::now(), None);
    while reader.is_none() {
        assert!(is_read.elapsed() < PATIENCE, "a place");
        reader = Some(status().await).filter(|(is_read, _)| *is_read).map(|(_, reader)| reader);
    }
    let mut reader = reader.expect("a reader");
    reader.write_all(b"more than a request").unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!status().await.0, "who says more is not gone");

    fill(&server, 3).await;
    eventually("who never reads is cut off", async || status().await.0).await;
    drop(reader);
    server.stop().await;
}
