//! Rows that others show: a change of one removes the entries of the rows that it hangs on, and leaves the others.

use brigade_testing::servers::Redis;
use serde_json::{Value, json};

use super::{Caches, Running, engines, on_redis};

const SCHEMA: &str = "
CREATE TABLE authors (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE posts (
    id bigint PRIMARY KEY,
    slug text NOT NULL UNIQUE,
    author bigint REFERENCES authors (id)
);
CREATE TABLE comments (id bigint PRIMARY KEY, post bigint NOT NULL REFERENCES posts (id), text text NOT NULL);
CREATE TABLE tags (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE post_tags (post bigint REFERENCES posts (id), tag bigint REFERENCES tags (id), PRIMARY KEY (post, tag));
";

/// The keys name what is embedded, and by which key of a post.
const CACHES: &str = r#"
[cache.authored]
table = "posts"
keys  = ["authored:{id}", "by_slug:{slug}"]
value = "id,author(name)"
ttl   = "300s"

[cache.talked]
table = "posts"
keys  = ["talked:{id}"]
value = "id,comments(text)"
ttl   = "300s"

[cache.tagged]
table = "posts"
keys  = ["tagged:{slug}"]
value = "id,tags(name)"
ttl   = "300s"
"#;

/// Everything is a hit; then the change; then of these keys none is, and of all others each.
struct Case {
    what: &'static str,
    change: Value,
    gone: &'static [&'static str],
}

const KEYS: [&str; 8] =
    ["authored:1", "authored:2", "by_slug:one", "by_slug:two", "talked:1", "talked:2", "tagged:one", "tagged:two"];

fn cases() -> Vec<Case> {
    let update =
        |table: &str, set: Value, key: i64| json!({"update": {"table": table, "set": set, "where": {"id": key}}});
    let insert = |table: &str, row: Value| json!({"insert": {"table": table, "rows": [row]}});
    let case = |what, change, gone| Case { what, change, gone };
    vec![
        case("one author", update("authors", json!({"name": "Grace"}), 7), &["authored:1", "by_slug:one"]),
        case("the other author", update("authors", json!({"name": "Edsger"}), 8), &["authored:2", "by_slug:two"]),
        case("an author without posts", insert("authors", json!({"id": 9, "name": "Barbara"})), &[]),
        case("a comment more", insert("comments", json!({"id": 3, "post": 2, "text": "c"})), &["talked:2"]),
        case("a comment moved", update("comments", json!({"post": 1}), 3), &["talked:1", "talked:2"]),
        case("a comment less", json!({"delete": {"table": "comments", "where": {"id": 3}}}), &["talked:1"]),
        case("a tag on one post", insert("post_tags", json!({"post": 2, "tag": 1})), &["tagged:two"]),
        case(
            "a tag off one post",
            json!({"delete": {"table": "post_tags", "where": {"post": 1, "tag": 1}}}),
            &["tagged:one"],
        ),
        case("a tag itself, which is too far", update("tags", json!({"name": "u"}), 1), &["tagged:one", "tagged:two"]),
        case(
            "a post of another author",
            update("posts", json!({"author": 9}), 1),
            &["authored:1", "by_slug:one", "talked:1", "tagged:one"],
        ),
        case("the author that it had", update("authors", json!({"name": "Ada"}), 7), &[]),
        case("the author that it has", update("authors", json!({"name": "Liskov"}), 9), &["authored:1", "by_slug:one"]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_removes_what_shows_its_row_and_leaves_the_rest() {
    for redis in std::iter::once(None).chain(Redis::start().map(Some)) {
        for (engine, truth, _held) in engines() {
            let stores = redis.as_ref().map_or(truth.clone(), |redis| on_redis(&truth, redis));
            let server = Running::start_with_files(SCHEMA, &format!("{stores}{CACHES}"), &[]).await;
            let mut caches = Caches { server, engine };
            for (table, rows) in [
                ("authors", json!([{"id": 7, "name": "Ada"}, {"id": 8, "name": "Alan"}])),
                ("posts", json!([{"id": 1, "slug": "one", "author": 7}, {"id": 2, "slug": "two", "author": 8}])),
                ("comments", json!([{"id": 1, "post": 1, "text": "a"}, {"id": 2, "post": 2, "text": "b"}])),
                ("tags", json!([{"id": 1, "name": "t"}])),
                ("post_tags", json!([{"post": 1, "tag": 1}])),
            ] {
                caches.commit(json!({"insert": {"table": table, "rows": rows}})).await;
            }
            caches.begun().await;
            let mut at = caches.commit(json!({"insert": {"table": "tags", "rows": [{"id": 2, "name": "x"}]}})).await;
            for Case { what, change, gone } in cases() {
                let path = |key: &str| {
                    let cache = if key.starts_with("by_slug") { "authored" } else { key.split(':').next().unwrap() };
                    format!("/cache/{cache}/{key}")
                };
                for key in KEYS {
                    caches.found(&path(key), Some(&at)).await;
                    assert_eq!(caches.found(&path(key), None).await.1, "hit", "{engine} {key} before {what}");
                }
                at = caches.commit(change).await;
                for key in KEYS {
                    let expected = if gone.contains(&key) { "miss" } else { "hit" };
                    let outcome = caches.found(&path(key), Some(&at)).await.1;
                    assert_eq!(outcome, expected, "{engine} {} {key} after {what}", redis.is_some());
                }
            }
            caches.server.stop().await;
        }
    }
}
