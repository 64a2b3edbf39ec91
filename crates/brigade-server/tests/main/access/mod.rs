//! Who may do what, over real sockets: everybody's rights on both engines, and nothing told of what is closed.

mod door;
mod lasting;
mod queries;
mod routes;
mod world;
mod writes;

use serde_json::json;
use world::{World, both};

/// What somebody reads: who, path, status, and a text that the answer has; after `!` one that it has not.
type Read = (&'static str, &'static str, u16, &'static str);

const READS: &[Read] = &[
    // Strangers see what is open to them, by name.
    ("", "/posts?select=id,title&id=eq.1", 200, r#"[{"id":1,"title":"first"}]"#),
    ("", "/users?select=id,name&order=id", 200, r#"[{"id":1,"name":"ann"},{"id":2,"name":"ben"}]"#),
    ("", "/users?select=id,email", 401, "42501"),
    ("", "/users", 401, "select of every column"),
    ("", "/users?select=*", 401, "!email"),
    ("", "/users?select=id,mail:email", 401, "42501"),
    ("", "/users?select=id,email::text", 401, "42501"),
    ("", "/secrets", 401, "42501"),
    ("", "/secrets?select=nothing", 401, "42501"),
    ("", "/nowhere", 401, "42501"),
    ("", "/nowhere?select=nothing", 401, "!hint\":null"),
    // What is closed cannot be looked at by comparing, ordering or counting either.
    ("", "/users?select=id&email=eq.a@x", 401, "column \\\"email\\\""),
    ("", "/users?select=id&or=(id.eq.1,email.like.a*)", 401, "42501"),
    ("", "/users?select=id&and=(or(not.email.is.null))", 401, "42501"),
    ("", "/users?select=id&order=email", 401, "42501"),
    ("", "/users?select=id&nothing=eq.1", 401, "column \\\"nothing\\\""),
    ("", "/users?select=count()", 200, r#"[{"count":2}]"#),
    ("", "/users?select=email.max()", 401, "42501"),
    ("", "/secrets?select=count()", 401, "42501"),
    // Embeds: the relation, its columns, and the columns that meet.
    ("", "/posts?select=id,users(name)&id=eq.1", 200, r#"[{"id":1,"users":{"name":"ann"}}]"#),
    ("", "/posts?select=id,users(email)", 401, "column \\\"email\\\""),
    ("", "/posts?select=id,users(*)", 401, "!email"),
    ("", "/posts?select=id,...users(email)", 401, "42501"),
    ("", "/posts?select=id,users(name)&users.email=eq.a@x", 401, "42501"),
    ("", "/posts?select=id,users(name)&order=users(email)", 401, "42501"),
    ("", "/posts?select=id,users(name)&users.order=email", 401, "42501"),
    ("", "/posts?select=id,secrets(code)", 401, "42501"),
    ("", "/posts?select=id,secrets()", 401, "42501"),
    ("", "/posts?select=id,secrets!inner()", 401, "42501"),
    ("", "/posts?select=id,nowhere(code)", 401, "permission denied for table \\\"nowhere\\\""),
    ("", "/posts?select=id,post_tags(tag_id)", 401, "42501"),
    ("", "/posts?select=id,tags(name)", 401, "42501"),
    ("", "/users?select=id,posts(title)&id=eq.1", 200, r#"[{"id":1,"posts":[{"title":"first"}]}]"#),
    ("tagger", "/posts?select=id,tags(name)&id=eq.1", 200, r#"[{"id":1,"tags":[{"name":"red"}]}]"#),
    ("halftagger", "/posts?select=id,tags(name)", 403, "by which it is embedded"),
    ("titles", "/posts?select=title,users(name)", 403, "by which it is embedded"),
    ("titles", "/posts?select=title,users(name)", 403, "!author_id"),
    ("titles", "/posts?select=title&order=title", 200, "first"),
    // Who may read everything but one table is told nothing of that one.
    ("most", "/users?select=email&id=eq.1", 200, "a@x"),
    ("most", "/secrets", 403, "42501"),
    ("most", "/secret", 404, "PGRST205"),
    ("most", "/secret", 404, "!secrets"),
    ("most", "/post", 404, "posts"),
    ("most", "/posts?select=id,secret(code)", 400, "PGRST200"),
    ("most", "/posts?select=id,secret(code)", 400, "!secrets"),
    ("most", "/posts?select=id,secrets(code)", 403, "42501"),
    ("most", "/users?select=emial", 400, "42703"),
    // A view is opened by its own name, whatever is behind it.
    ("", "/titles?select=title&order=title&limit=1", 200, r#"[{"title":"first"}]"#),
    ("", "/addresses", 401, "42501"),
    // Several roles together may what any of them may.
    ("titles,mailer", "/users?select=email&id=eq.1", 200, "a@x"),
    ("mailer", "/posts?select=title", 403, "42501"),
    ("nobody", "/posts?select=id", 403, "42501"),
    ("service", "/secrets?select=code&id=eq.1", 200, "hush"),
    ("service", "/secret", 404, "secrets"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_engine_opens_the_same() {
    both("", async |world: &mut World| {
        let mut answers = Vec::new();
        for (who, path, status, text) in READS {
            for mount in ["/rest/v1", ""] {
                let answer = world.get(who, &format!("{mount}{path}")).await;
                let shown = format!("{who} {path}: {}", answer.text);
                assert_eq!(answer.status, *status, "{shown}");
                match text.strip_prefix('!') {
                    Some(text) => assert!(!answer.text.contains(text), "{shown}"),
                    None => assert!(answer.text.contains(text), "{shown}"),
                }
                let asked = answer.header("www-authenticate").is_some();
                assert_eq!(asked, *status == 401, "{shown}");
                assert!(*status == 200 || answer.header("proxy-status").is_some(), "{shown}");
                let head = world.send("HEAD", who, &format!("{mount}{path}"), "").await;
                assert_eq!((head.status, head.text.as_str()), (*status, ""), "{shown}");
                answers.push((answer.status, answer.text));
            }
        }
        json!(answers)
    })
    .await;
}
