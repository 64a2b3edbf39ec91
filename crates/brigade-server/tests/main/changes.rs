//! `GET /changes`: complete, in order, resumable, in both formats.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use brigade_server::ServerLimits;
use serde_json::Value;

use crate::harness::Running;

/// A follower on a plain socket; lines of its body, chunk sizes left out.
struct Follower(BufReader<TcpStream>);

impl Follower {
    fn open(server: &Running, path: &str, headers: &str) -> Self {
        let mut socket = TcpStream::connect(server.address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        write!(socket, "GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").unwrap();
        let mut follower = Self(BufReader::new(socket));
        let status = follower.raw_line().expect("a status");
        assert!(status.starts_with("HTTP/1.1 200"), "{status}");
        while follower.raw_line().is_some_and(|line| !line.is_empty()) {}
        follower
    }

    fn raw_line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.0.read_line(&mut line).expect("a line in time");
        (read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// The next line that begins so.
    fn line(&mut self, begin: &str) -> Option<String> {
        loop {
            let line = self.raw_line()?;
            if line.starts_with(begin) {
                return Some(line);
            }
        }
    }

    fn change(&mut self, begin: &str) -> Value {
        let line = self.line(begin).expect("a change before the end");
        serde_json::from_str(line.trim_start_matches("data: ")).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_tell_every_change_in_order() {
    let server = Running::start().await;
    let schema = server.get("/changes").await;
    assert_eq!(schema.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(
        (&schema.lines()[0]["op"], &schema.lines()[0]["key"]),
        (&"schema".into(), &Value::Null),
        "{}",
        schema.text
    );
    let begin = schema.header("brigade-position").unwrap().to_owned();
    let first = server.link("one").await.json()["position"].clone();
    server
        .commit(
            r#"{"statements":[
              {"insert":{"table":"notes","rows":[{"body":"n"}]}},
              {"update":{"table":"links","where":{"uid":"one"},"set":{"clicks":{"add":1}}}},
              {"update":{"table":"links","where":{"uid":"one"},"set":{"id":70}}},
              {"delete":{"table":"links","where":{"id":70}}}
            ]}"#,
        )
        .await;
    let all = server.get(&format!("/changes?after={begin}")).await.lines();
    let told: Vec<_> =
        all.iter().map(|c| (c["table"].as_str().unwrap(), c["op"].as_str().unwrap(), c["last"] == true)).collect();
    assert_eq!(
        told,
        [
            ("links", "insert", true),
            ("notes", "insert", false),
            ("links", "update", false),
            ("links", "delete", false),
            ("links", "insert", false),
            ("links", "delete", true),
        ]
    );
    assert_eq!((&all[0]["position"], &all[0]["transaction"]), (&first, &first));
    assert_eq!(
        (&all[0]["before"], &all[0]["after"]["uid"], &all[0]["key"]),
        (&Value::Null, &"one".into(), &serde_json::json!({"id": 1}))
    );
    assert_eq!((&all[1]["key"], &all[1]["after"]["body"]), (&Value::Null, &"n".into()));
    assert_eq!((&all[2]["before"]["clicks"], &all[2]["after"]["clicks"]), (&0.into(), &1.into()));
    assert_eq!((&all[5]["after"], &all[5]["key"]["id"]), (&Value::Null, &70.into()));
    assert!(all[1]["time"].as_str().unwrap().ends_with("+00:00"));
    assert!(all.windows(2).all(|w| w[0]["position"].as_str() < w[1]["position"].as_str()));

    let second = all[1]["position"].as_str().unwrap();
    let rest = server.get(&format!("/changes?after={second}")).await.lines();
    assert_eq!(rest, all[2..], "resumed inside a transaction");
    assert_eq!(server.get(&format!("/changes?after={second}&limit=2")).await.lines(), all[2..4]);
    let notes = server.get(&format!("/changes?after={begin}&table=notes")).await.lines();
    assert_eq!((notes.len(), &notes[0]["last"]), (1, &true.into()), "last among those kept");
    assert_eq!(server.get("/changes?after=now").await.text, "");
    assert_eq!(server.get("/changes?limit=0").await.text, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_refused() {
    let server = Running::start().await;
    server.link("one").await;
    server.get("/changes?since=1").await.is_error(400, "BRG400");
    server.get("/changes?after=1").await.is_error(400, "BRG400");
    server.get("/changes?limit=x").await.is_error(400, "BRG400");
    server.get("/changes?table=nowhere").await.is_error(404, "42P01");
    let elsewhere = "00000000000000000000000000000001-00000000deadbeef";
    server.get(&format!("/changes?after={elsewhere}")).await.is_error(412, "BRG412");
    let ahead = "00000000000000000000000000ffffff-00000000deadbeef";
    server.get(&format!("/changes?after={ahead}")).await.is_error(412, "BRG412");
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_are_woken_by_a_commit() {
    let server = Running::start().await;
    let mut lines = Follower::open(&server, "/changes?after=now&follow=true", "");
    let mut events = Follower::open(&server, "/changes?after=now", "Accept: text/event-stream\r\n");
    let mut one = Follower::open(&server, "/changes?after=now&follow=true&limit=1&table=links", "");
    let position = server.link("one").await.json()["position"].clone();
    tokio::task::spawn_blocking(move || {
        assert_eq!(lines.change("{")["position"], position);
        assert_eq!(events.line("id: ").unwrap(), format!("id: {}", position.as_str().unwrap()));
        assert_eq!(events.raw_line().unwrap(), "event: change");
        assert_eq!(events.change("data: ")["after"]["uid"], "one");
        assert_eq!(one.change("{")["position"], position);
        let mut rest = String::new();
        one.0.get_mut().set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let _ = one.0.read_to_string(&mut rest);
        assert!(rest.contains("0\r\n\r\n"), "a limit ends a follower: {rest:?}");
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn events_resume_where_the_browser_stopped() {
    let server = Running::start().await;
    let seen = server.link("one").await.json()["position"].clone();
    let next = server.link("two").await.json()["position"].clone();
    let headers = format!("Accept: text/event-stream\r\nLast-Event-ID: {}\r\n", seen.as_str().unwrap());
    let mut events = Follower::open(&server, "/changes?after=now", &headers);
    let change = tokio::task::spawn_blocking(move || events.change("data: ")).await.unwrap();
    assert_eq!((&change["position"], &change["after"]["uid"]), (&next, &"two".into()));
}

/// It takes what the buffers hold, then an error that names itself; nothing is torn.
#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_does_not_read_is_cut_off() {
    let limits = ServerLimits { follower_stall: Duration::from_millis(300), ..ServerLimits::default() };
    let server = Running::start_limited(limits).await;
    let mut lines = Follower::open(&server, "/changes?after=now&follow=true", "");
    let rows = vec![format!("{{\"body\":\"{}\"}}", "x".repeat(10_000)); 1_000].join(",");
    let insert = format!("{{\"statements\":[{{\"insert\":{{\"table\":\"notes\",\"rows\":[{rows}]}}}}]}}");
    for _ in 0..12 {
        assert_eq!(server.commit(&insert).await.status, 200);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (changes, last) = tokio::task::spawn_blocking(move || {
        let mut changes = 0;
        loop {
            // A chunk's end may stand inside a line: lines are put together again from what is no size.
            let line = lines.line("{\"").expect("the error comes before the end");
            if line.starts_with("{\"error\"") {
                return (changes, serde_json::from_str::<Value>(&line).unwrap());
            }
            changes += 1;
        }
    })
    .await
    .unwrap();
    assert!(changes > 0 && changes < 12_000, "{changes} changes before it was cut off");
    assert_eq!(last["error"]["code"], "BRG503", "{last}");
    assert!(server.metric("brigade_http_limit_reached_total{limit=\"follower_stall\"}").await >= 1.0);
}

/// A proxy between must not take a quiet follower for a dead one.
#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_follower_gets_comments() {
    let limits = ServerLimits { follower_comment: Duration::from_millis(100), ..ServerLimits::default() };
    let server = Running::start_limited(limits).await;
    let mut events = Follower::open(&server, "/changes?after=now", "Accept: text/event-stream\r\n");
    tokio::task::spawn_blocking(move || (0..2).for_each(|_| drop(events.line(":").expect("a comment")))).await.unwrap();
}
