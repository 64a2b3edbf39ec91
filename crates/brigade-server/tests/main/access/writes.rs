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
                    // 405: no handler yet.
                    let is_refused = answer.status == refused || answer.status == 405;
                    assert!(is_refused, "{who} {method} {path}: {} {}", answer.status, answer.text);
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
