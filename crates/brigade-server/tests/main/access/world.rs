//! A project with authentication, on each engine there is, and people with their tokens.

use brigade::data::code;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::harness::{Answer, Running, engines};

pub const SECRET: &str = "a secret of these tests, 32 bytes at least";

pub const SCHEMA: &str = "
CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL, email text UNIQUE);
CREATE TABLE posts (id int PRIMARY KEY, author_id int REFERENCES users (id), title text, likes int NOT NULL DEFAULT 0);
CREATE TABLE tags (id int PRIMARY KEY, name text);
CREATE TABLE post_tags (post_id int REFERENCES posts (id), tag_id int REFERENCES tags (id), PRIMARY KEY (post_id, tag_id));
CREATE TABLE secrets (id int PRIMARY KEY, post_id int REFERENCES posts (id), code text);
CREATE VIEW titles AS SELECT title FROM posts;
CREATE VIEW addresses AS SELECT email FROM users;
INSERT INTO users (id, name, email) VALUES (1, 'ann', 'a@x'), (2, 'ben', 'b@x');
INSERT INTO posts (id, author_id, title) VALUES (1, 1, 'first'), (2, 2, 'second');
INSERT INTO tags (id, name) VALUES (1, 'red');
INSERT INTO post_tags (post_id, tag_id) VALUES (1, 1);
INSERT INTO secrets (id, post_id, code) VALUES (1, 1, 'hush');
";

/// Without strangers; with them, `anonymous` comes before it.
pub const ACCESS: &str = r#"
[access.anon]
posts = { select = ["id", "title", "author_id"] }
users = { select = ["id", "name"] }
titles = ["select"]
[access.titles]
posts = { select = ["title"] }
users = ["select"]
[access.tagger]
posts = ["select"]
post_tags = ["select"]
tags = ["select"]
[access.halftagger]
posts = ["select"]
post_tags = { select = ["post_id"] }
tags = ["select"]
[access.mailer]
users = { select = ["id", "email"] }
[access.most]
"*" = "all"
secrets = []
[access.author]
posts = { select = ["id", "title"], insert = ["id", "title"], update = ["title"], delete = true }
[access.appender]
posts = { insert = ["id", "title", "author_id"] }
"#;

/// A server, and who asks it.
pub struct World {
    pub server: Running,
}

impl World {
    /// On SQLite, with more at the end of brigade.toml.
    pub async fn start(auth: &str) -> Self {
        Self::start_on("", auth).await
    }

    async fn start_on(stores: &str, auth: &str) -> Self {
        let strangers = if auth.is_empty() { "anonymous = \"anon\"\n" } else { auth };
        let settings =
            format!("{stores}[rest]\naggregates = true\n[auth]\njwt_secret = {SECRET:?}\n{strangers}{ACCESS}");
        Self { server: Running::start_on(SCHEMA, &settings).await }
    }

    /// What somebody gets: with these roles, or nobody.
    pub async fn send(&self, method: &str, who: &str, path: &str, body: &str) -> Answer {
        self.prefer("", method, who, path, body).await
    }

    /// The same with a preference.
    pub async fn prefer(&self, prefer: &str, method: &str, who: &str, path: &str, body: &str) -> Answer {
        let mut request = self.server.request(method, path);
        if !prefer.is_empty() {
            request = request.header("prefer", prefer);
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/json").body(body.to_owned());
        }
        if !who.is_empty() {
            request = request.bearer_auth(token_of(who));
        }
        Answer::of(request.send().await.expect("an answer")).await
    }

    pub async fn get(&self, who: &str, path: &str) -> Answer {
        self.send("GET", who, path, "").await
    }

    /// A transaction of these statements.
    pub async fn transact(&self, who: &str, statements: &Value) -> Answer {
        let body = json!({"statements": statements}).to_string();
        self.send("POST", who, "/transactions", &body).await
    }

    /// A new API key of a role, with its id.
    pub async fn key(&self, role: &str) -> (String, String) {
        let body = json!({"role": role, "name": "of a test"}).to_string();
        let answer = self.send("POST", "service", "/admin/keys", &body).await;
        assert_eq!((answer.status, answer.header("cache-control")), (201, Some("no-store")), "{}", answer.text);
        let made = answer.json();
        [&made["id"], &made["key"]].map(|text| text.as_str().expect("a text").to_owned()).into()
    }
}

/// A token of somebody with these roles (`a,b`); what follows a blank is its id.
pub fn token_of(who: &str) -> String {
    let (roles, id) = who.split_once(' ').unwrap_or((who, "somebody"));
    token(&json!({"sub": id, "role": roles.split(',').collect::<Vec<_>>()}))
}

/// A token with these claims.
pub fn token(claims: &Value) -> String {
    encode(&Header::default(), claims, &EncodingKey::from_secret(SECRET.as_bytes())).expect("a token")
}

/// Does the same in a world on each engine; what they say must be the same.
pub async fn both(auth: &str, ask: impl AsyncFn(&mut World) -> Value) {
    let mut said: Vec<(&str, Value)> = Vec::new();
    for (engine, stores, _held) in engines() {
        let mut world = World::start_on(&stores, auth).await;
        said.push((engine, ask(&mut world).await));
        world.server.stop().await;
    }
    for (engine, other) in &said[1..] {
        assert_eq!(other, &said[0].1, "{engine} and {} differ", said[0].0);
    }
}

/// An answer as far as engines must agree on it.
pub fn alike(answer: &Answer) -> Value {
    let mut body: Value = serde_json::from_str(&answer.text).unwrap_or_default();
    if let Some(object) = body.as_object_mut() {
        object.remove("position");
    }
    json!([answer.status, body])
}

/// The answer refuses for a right that is missing.
#[track_caller]
pub fn is_denied(answer: &Answer, status: u16) -> Value {
    answer.is_error(status, code::PRIVILEGE)
}
