//! Answers that go on end with the right to them.

use std::time::{Duration, SystemTime};

use brigade_server::ServerLimits;
use serde_json::{Value, json};

use super::world::{ACCESS, SCHEMA, SECRET, token, token_of};
use crate::harness::{Answer, Running};

/// How often they are asked.
const OFTEN: Duration = Duration::from_millis(100);

async fn world(asked_every: Duration) -> Running {
    let settings = format!("[auth]\njwt_secret = {SECRET:?}\nleeway = \"0s\"\nanonymous = \"anon\"\n{ACCESS}");
    let limits = ServerLimits { follower_comment: asked_every, ..ServerLimits::default() };
    Running::start_limited_on(SCHEMA, &settings, limits).await
}

/// What comes until the end of the answer; the write shows meanwhile that it is followed.
async fn to_the_end(server: &Running, path: &str, accept: &str, token: &str, end: impl AsyncFnOnce()) -> String {
    let mut request = server.request("GET", path).header("accept", accept);
    if !token.is_empty() {
        request = request.bearer_auth(token);
    }
    let mut response = request.send().await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    let write = posted(server, "PATCH", "/posts?id=eq.1", r#"{"title":"told"}"#).await;
    assert_eq!(write.status, 204);
    let mut told = String::new();
    while !told.contains("told") {
        told.push_str(std::str::from_utf8(&next(&mut response).await.expect("a change")).unwrap());
    }
    tokio::time::sleep(OFTEN * 3).await;
    end().await;
    while let Some(piece) = next(&mut response).await {
        told.push_str(std::str::from_utf8(&piece).unwrap());
    }
    told
}

/// What the role `service` gets.
async fn posted(server: &Running, method: &str, path: &str, body: &'static str) -> Answer {
    let request = server.request(method, path).bearer_auth(token_of("service"));
    Answer::of(request.header("content-type", "application/json").body(body).send().await.unwrap()).await
}

async fn next(response: &mut reqwest::Response) -> Option<bytes::Bytes> {
    let piece = tokio::time::timeout(Duration::from_secs(20), response.chunk()).await;
    piece.expect("its end, in time").unwrap()
}

/// The error that it ends with.
fn last(told: &str) -> Value {
    let line = told.trim_end().lines().last().unwrap();
    serde_json::from_str(line.strip_prefix("data: ").unwrap_or(line)).unwrap_or_else(|e| panic!("{e}: {told}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_goes_on_ends_with_the_token_the_key_or_the_session() {
    let server = world(OFTEN).await;
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let brief = |role: &str| token(&json!({"sub": "u", "role": role, "exp": now() + 3}));
    let (live, sse) = ("/rest/v1/posts?select=id,title", "text/event-stream");

    let told = to_the_end(&server, live, sse, &brief("author"), async || ()).await;
    assert_eq!(last(&told)["code"], "PGRST303", "{told}");
    assert!(told.contains("event: error"), "{told}");
    let told =
        to_the_end(&server, "/changes?follow=true", "application/x-ndjson", &brief("service"), async || ()).await;
    assert_eq!(last(&told)["error"]["code"], "BRG401", "{told}");

    let made: Value = posted(&server, "POST", "/admin/keys", r#"{"role":"service"}"#).await.json();
    let revoke = async || {
        let path = format!("/admin/keys/{}", made["id"].as_str().unwrap());
        assert_eq!(posted(&server, "DELETE", &path, "").await.status, 204);
    };
    let told = to_the_end(&server, live, sse, made["key"].as_str().unwrap(), revoke).await;
    assert_eq!(last(&told)["code"], "PGRST301", "{told}");

    let body = r#"{"principal":{"id":"u","roles":["most"]}}"#;
    let made: Value = posted(&server, "POST", "/sessions", body).await.json();
    let session = made["token"].as_str().unwrap();
    let log_out = async || {
        let request = server.request("DELETE", "/sessions/current").bearer_auth(session);
        assert_eq!(request.send().await.unwrap().status(), 204);
    };
    let told = to_the_end(&server, live, sse, session, log_out).await;
    assert_eq!(last(&told)["code"], "PGRST301", "{told}");
}

/// However rows come, they do not put off the moment at which it is asked again.
#[tokio::test(flavor = "multi_thread")]
async fn no_row_comes_once_it_was_time_to_ask_again() {
    let every = Duration::from_secs(2);
    let server = world(every).await;
    let body = r#"{"principal":{"id":"u","roles":["most"]}}"#;
    let made: Value = posted(&server, "POST", "/sessions", body).await.json();
    let session = made["token"].as_str().unwrap();
    let request = server.request("GET", "/rest/v1/posts?select=id,title").header("accept", "text/event-stream");
    let mut response = request.bearer_auth(session).send().await.unwrap();
    let revoked = server.request("DELETE", "/sessions/current").bearer_auth(session).send().await.unwrap();
    assert_eq!(revoked.status(), 204);
    for body in [r#"{"title":"before"}"#, r#"{"title":"after"}"#] {
        tokio::time::sleep(every.mul_f64(0.85)).await;
        posted(&server, "PATCH", "/posts?id=eq.1", body).await;
    }
    let mut told = String::new();
    while let Some(piece) = next(&mut response).await {
        told.push_str(std::str::from_utf8(&piece).unwrap());
    }
    assert_eq!(last(&told)["code"], "PGRST301", "{told}");
    assert!(!told.contains("after"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_goes_on_for_who_may_still_have_it() {
    let server = world(OFTEN).await;
    for token in [String::new(), token_of("most")] {
        let mut request = server.request("GET", "/rest/v1/posts?select=id,title").header("accept", "text/event-stream");
        if !token.is_empty() {
            request = request.bearer_auth(&token);
        }
        let mut response = request.send().await.unwrap();
        for _ in 0..6 {
            let piece = next(&mut response).await.expect("it goes on");
            assert!(!piece.windows(5).any(|bytes| bytes == b"error"));
        }
    }
}
