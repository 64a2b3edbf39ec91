//! `/transactions`: every statement needs its rights, before anything else looks at it.

use serde_json::{Value, json};

use super::world::{World, alike, both, is_denied};
use crate::harness::Answer;

fn insert(table: &str, row: Value, returning: &[&str]) -> Value {
    let mut statement = json!({"insert": {"table": table, "rows": [row]}});
    if !returning.is_empty() {
        statement["insert"]["returning"] = json!(returning);
    }
    statement
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_needs_every_right_that_it_uses() {
    both("", async |world: &mut World| {
        let mut said = Vec::new();
        for (who, statement, status) in [
            ("author", insert("posts", json!({"id": 10, "title": "x"}), &["id", "title"]), 200),
            ("author", insert("posts", json!({"id": 11, "title": "x"}), &["*"]), 403),
            ("author", insert("posts", json!({"id": 11, "title": "x"}), &["likes"]), 403),
            ("author", insert("posts", json!({"id": 11, "likes": 1}), &[]), 403),
            ("author", insert("posts", json!({"id": 11, "nothing": 1}), &[]), 403),
            ("appender", insert("posts", json!({"id": 12, "title": "x", "author_id": 1}), &[]), 200),
            ("appender", insert("posts", json!({"id": 13, "title": "x"}), &["id"]), 403),
            ("author", json!({"update": {"table": "posts", "where": {"id": 10}, "set": {"title": "y"}}}), 200),
            ("author", json!({"update": {"table": "posts", "where": {"likes": 0}, "set": {"title": "y"}}}), 403),
            ("author", json!({"update": {"table": "posts", "where": {"id": 10}, "set": {"likes": 1}}}), 403),
            ("appender", json!({"update": {"table": "posts", "all": true, "set": {"title": "y"}}}), 403),
            ("author", json!({"upsert": {"table": "posts", "rows": [{"id": 10, "title": "z"}]}}), 200),
            ("appender", json!({"upsert": {"table": "posts", "rows": [{"id": 10}], "action": "ignore"}}), 403),
            ("author", json!({"check": {"table": "posts", "where": {"likes": 0}}}), 403),
            ("author", json!({"delete": {"table": "posts", "where": {"id": 10}}}), 200),
            ("author", json!({"delete": {"table": "posts", "where": {"likes": 7}}}), 403),
            ("author", json!({"delete": {"table": "secrets", "where": {"id": 1}}}), 403),
            ("author", json!({"delete": {"table": "nowhere", "where": {"id": 1}}}), 403),
            ("author", json!({"check": {"table": "brigade_log", "where": {}}}), 403),
            ("most", json!({"delete": {"table": "secret", "where": {"id": 1}}}), 404),
            ("most", json!({"delete": {"table": "post", "where": {"id": 1}}}), 404),
            ("service", json!({"check": {"table": "secrets", "where": {"code": "hush"}, "expect": 1}}), 200),
            ("", json!({"check": {"table": "users", "where": {"name": "ann"}, "expect": 1}}), 200),
            ("", insert("users", json!({"id": 9, "name": "x"}), &[]), 401),
        ] {
            let answer = world.transact(who, &json!([statement])).await;
            assert_eq!(answer.status, status, "{who} {statement}: {}", answer.text);
            assert_eq!(answer.header("www-authenticate").is_some(), status == 401, "{who} {statement}");
            assert!(!answer.text.contains("secrets\\\"?") && !answer.text.contains("did you mean"), "{}", answer.text);
            said.push(alike(&answer));
        }
        json!(said)
    })
    .await;
}

/// Whatever the table API writes by, what is closed stays as it was: a handler that forgets to ask is found here.
#[tokio::test(flavor = "multi_thread")]
async fn no_method_of_the_table_api_changes_what_is_closed() {
    both("", async |world: &mut World| {
        let rows = async |path: &str| world.get("service", path).await.text;
        let before = [rows("/secrets?order=id").await, rows("/users?order=id").await];
        let mut said = Vec::new();
        for (who, refused) in [("", 401), ("titles", 403), ("nobody", 403)] {
            for mount in ["/rest/v1", ""] {
                for (method, path, body) in [
                    ("POST", "/secrets", r#"{"id": 7, "code": "x"}"#),
                    ("POST", "/users", r#"[{"id": 7, "name": "x"}]"#),
                    ("POST", "/users?on_conflict=id&columns=id,name", r#"{"id": 1, "name": "x"}"#),
                    ("PATCH", "/users?id=eq.1", r#"{"name": "x"}"#),
                    ("PATCH", "/secrets?id=eq.1", r#"{"code": "x"}"#),
                    ("PUT", "/users?id=eq.1", r#"{"id": 1, "name": "x", "email": "x"}"#),
                    ("DELETE", "/users?id=eq.2", ""),
                    ("DELETE", "/secrets?id=eq.1", ""),
                    ("POST", "/nowhere", r#"{"id": 7}"#),
                ] {
                    let answer = world.send(method, who, &format!("{mount}{path}"), body).await;
                    assert_eq!(answer.status, refused, "{who} {method} {path}: {}", answer.text);
                    assert!(!answer.text.contains("hush") && !answer.text.contains("a@x"), "{}", answer.text);
                    said.push(alike(&answer));
                }
            }
        }
        assert_eq!([rows("/secrets?order=id").await, rows("/users?order=id").await], before);
        json!(said)
    })
    .await;
}

/// What a write compares with, sets and shows: (who, method, path, preference, body, status).
type Write = (&'static str, &'static str, &'static str, &'static str, &'static str, u16);

const SHOWN: &str = "return=representation";
const MERGE: &str = "resolution=merge-duplicates";

const WRITES: &[Write] = &[
    ("author", "POST", "/posts", "", r#"{"id": 50, "title": "x"}"#, 201),
    ("author", "POST", "/posts?select=id,title", SHOWN, r#"{"id": 51, "title": "x"}"#, 201),
    ("author", "POST", "/posts", SHOWN, r#"{"id": 52, "title": "x"}"#, 403),
    ("author", "POST", "/posts?select=likes", SHOWN, r#"{"id": 52, "title": "x"}"#, 403),
    ("author", "POST", "/posts?select=id,users(name)", SHOWN, r#"{"id": 52, "title": "x"}"#, 403),
    ("author", "POST", "/posts", "", r#"{"id": 52, "likes": 1}"#, 403),
    ("author", "POST", "/posts", "", r#"{"id": 52, "nothing": 1}"#, 403),
    ("author", "POST", "/posts", "", r#"[{"id": 52, "title": "x"}, {"id": 53, "likes": 1}]"#, 403),
    ("author", "POST", "/posts", MERGE, r#"{"id": 50, "title": "y"}"#, 200),
    ("appender", "POST", "/posts", "", r#"{"id": 54, "title": "x"}"#, 201),
    ("appender", "POST", "/posts", "return=headers-only", r#"{"id": 52, "title": "x"}"#, 403),
    ("appender", "POST", "/posts?select=id", SHOWN, r#"{"id": 52, "title": "x"}"#, 403),
    ("appender", "POST", "/posts", MERGE, r#"{"id": 50, "title": "z"}"#, 403),
    ("appender", "PATCH", "/posts?id=eq.50", "", r#"{"title": "z"}"#, 403),
    ("author", "PATCH", "/posts?id=eq.50", "", r#"{"title": "y"}"#, 204),
    ("author", "PATCH", "/posts?id=eq.50&select=title", SHOWN, r#"{"title": "y"}"#, 200),
    ("author", "PATCH", "/posts?id=eq.50&select=likes", SHOWN, r#"{"title": "z"}"#, 403),
    ("author", "PATCH", "/posts?likes=eq.0", "", r#"{"title": "z"}"#, 403),
    ("author", "PATCH", "/posts?or=(id.eq.50,likes.eq.0)", "", r#"{"title": "z"}"#, 403),
    ("author", "PATCH", "/posts?id=eq.50", "", r#"{"likes": 1}"#, 403),
    ("author", "PUT", "/posts?id=eq.50", "", r#"{"id": 50, "title": "z", "author_id": 1, "likes": 1}"#, 403),
    ("author", "DELETE", "/posts?likes=eq.0", "", "", 403),
    ("author", "DELETE", "/posts?id=eq.51&select=likes", SHOWN, "", 403),
    ("author", "DELETE", "/posts?id=eq.51", "", "", 204),
    ("most", "POST", "/secret", "", r#"{"id": 52}"#, 404),
    ("most", "POST", "/secrets", "", r#"{"id": 52}"#, 403),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_write_of_a_table_needs_every_right_that_it_uses() {
    both("", async |world: &mut World| {
        let mut said = Vec::new();
        for (who, method, path, prefer, body, status) in WRITES {
            let answer = world.prefer(prefer, method, who, path, body).await;
            assert_eq!(answer.status, *status, "{who} {method} {path} {prefer} {body}: {}", answer.text);
            assert!(!answer.text.contains("secrets'"), "{}", answer.text);
            said.push(alike(&answer));
        }
        let left = world.get("service", "/posts?id=gte.50&select=id,title,likes&order=id").await.text;
        assert_eq!(left, r#"[{"id":50,"title":"y","likes":0},{"id":54,"title":"x","likes":0}]"#);
        json!(said)
    })
    .await;
}

/// Nothing of a transaction happens where one statement is refused, and all that are refused are told at once.
#[tokio::test(flavor = "multi_thread")]
async fn all_is_refused_together_and_told_together() {
    both("", async |world: &mut World| {
        let good = insert("posts", json!({"id": 20, "title": "x"}), &[]);
        let bad = json!({"delete": {"table": "secrets", "where": {"id": 1}}});
        let answer = world.transact("author", &json!([good, bad, bad])).await;
        let body = is_denied(&answer, 403);
        let problems: Vec<&Value> = body["problems"].as_array().unwrap().iter().map(|p| &p["statement"]).collect();
        assert_eq!(problems, [1, 2]);
        assert_eq!(world.get("service", "/posts?id=eq.20").await.text, "[]");
        alike(&answer)
    })
    .await;
}

/// The same key of two people is two keys; a replay asks for the right again.
#[tokio::test(flavor = "multi_thread")]
async fn idempotency_keys_belong_to_who_sent_them() {
    both("", async |world: &mut World| {
        let send = async |who: &str, id: u32| {
            let body = json!({"statements": [insert("posts", json!({"id": id, "title": "x"}), &["id"])]}).to_string();
            let request = world.server.transaction(&body).header("idempotency-key", "k");
            Answer::of(request.bearer_auth(super::world::token_of(who)).send().await.unwrap()).await
        };
        for (who, id, status, replayed) in [
            ("author a", 30, 200, false),
            ("author a", 30, 200, true),
            ("author a", 31, 422, false),
            ("author b", 31, 200, false),
            ("author b", 31, 200, true),
            ("appender a", 30, 403, false),
        ] {
            let answer = send(who, id).await;
            assert_eq!(answer.status, status, "{who}: {}", answer.text);
            assert_eq!(answer.header("idempotency-replayed").is_some(), replayed, "{who}");
        }
        Value::Null
    })
    .await;
}
