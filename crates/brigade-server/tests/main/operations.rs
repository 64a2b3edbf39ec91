//! Projections from outside, and what the command line asks of a running server.

use serde_json::json;

use crate::harness::{Answer, Running, TOKEN};

#[tokio::test(flavor = "multi_thread")]
async fn a_projection_is_verified_repaired_rebuilt_paused_and_resumed() {
    let server = Running::start_with("[copy.backup]\nstore = \"memory:\"\n").await;
    server.link("one").await;
    server.link("two").await;
    let listed = server.get("/projections").await.json();
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["name"]), (1, &"copy.backup".into()));
    let verified = server.post("/projections/copy.backup/verify").await;
    assert_eq!(verified.status, 200, "{}", verified.text);
    let body = verified.json();
    assert_eq!(
        (&body["projection"], &body["equal"], &body["rows"]),
        (&"copy.backup".into(), &true.into(), &2.into()),
        "{body}"
    );
    assert_eq!((&body["differences"], &body["more"]), (&json!([]), &0.into()));
    assert_eq!(server.post("/projections/copy.backup/repair").await.json(), json!({"repaired": 0}));
    let rebuilt = server.post("/projections/copy.backup/rebuild").await;
    assert_eq!(rebuilt.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(rebuilt.lines().last().unwrap(), &json!({"done": true, "rows": 2}), "{}", rebuilt.text);
    assert_eq!(server.post("/projections/copy.backup/pause").await.json()["state"], "paused");
    assert_eq!(server.post("/projections/copy.backup/resume").await.json()["name"], "copy.backup");
    for action in ["verify", "repair", "rebuild", "pause", "resume"] {
        server.post(&format!("/projections/copy.nowhere/{action}")).await.is_error(404, "BRG404");
    }
    server.post("/projections/copy.backup/explode").await.is_error(404, "BRG404");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_works_through_the_server() {
    let server = Running::start().await;
    server.link("one").await;
    let ask = async |method: &str, path: &str, token: &str, body: &str| {
        let request = server.request(method, path).bearer_auth(token).header("content-type", "application/json");
        Answer::of(request.body(body.to_owned()).send().await.unwrap()).await
    };
    for (method, path) in [
        ("POST", "/admin/sql"),
        ("GET", "/admin/migrations"),
        ("GET", "/admin/tables/links"),
        ("POST", "/admin/migrate"),
    ] {
        let refused = ask(method, path, "wrong", "{}").await;
        refused.is_error(401, "BRG401");
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    }
    let rows = ask("POST", "/admin/sql", TOKEN, r#"{"sql":"SELECT uid, clicks FROM links"}"#).await;
    assert_eq!(rows.json(), json!({"columns": ["uid", "clicks"], "rows": [["one", 0]], "affected": null}));
    ask("POST", "/admin/sql", TOKEN, r#"{"sql":"SELEC"}"#).await.is_error(400, "42601");
    let write = r#"{"sql":"UPDATE links SET clicks = 5"}"#;
    assert_eq!(ask("POST", "/admin/sql", TOKEN, write).await.json()["code"], "25006");
    let write = write.replace('}', ",\"write\":true}");
    assert_eq!(ask("POST", "/admin/sql", TOKEN, &write).await.json()["affected"], 1);
    let table = ask("GET", "/admin/tables/users", TOKEN, "").await.json();
    assert_eq!(
        (&table["table"], &table["columns"][2]),
        (&"users".into(), &json!({"name": "balance", "type": "numeric(12,2)"}))
    );
    ask("GET", "/admin/tables/user", TOKEN, "").await.is_error(404, "42P01");
    let migrations = ask("GET", "/admin/migrations", TOKEN, "").await.json();
    assert_eq!((&migrations[0]["name"], &migrations[0]["state"]), (&"init".into(), &"applied".into()));
    std::fs::write(server.folder().join("migrations/0002_tags.sql"), "CREATE TABLE tags (name text PRIMARY KEY);")
        .unwrap();
    let applied = ask("POST", "/admin/migrate", TOKEN, "").await;
    assert_eq!(
        (applied.json().as_array().unwrap().len(), &applied.json()[0]["number"]),
        (1, &2.into()),
        "{}",
        applied.text
    );
    let insert = r#"{"statements":[{"insert":{"table":"tags","rows":[{"name":"new"}]}}]}"#;
    assert_eq!(server.commit(insert).await.status, 200, "the new table is there without a restart");
}
