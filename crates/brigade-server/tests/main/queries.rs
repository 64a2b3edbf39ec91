//! Named queries that write: what they change is a transaction like any other, and they follow the model.

use std::time::{Duration, Instant};

use brigade_testing::suites::rest::{ROUTINES, SCHEMA};

use crate::harness::{Answer, Running, engines};

async fn call(server: &Running, path: &str, body: &str) -> Answer {
    let request = server.request("POST", path).header("content-type", "application/json").body(body.to_owned());
    Answer::of(request.send().await.expect("an answer")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_query_changes_is_in_the_log_up_to_the_answered_position() {
    for (engine, settings, _held) in engines() {
        let mut server = Running::start_with_files(SCHEMA, &settings, &ROUTINES).await;
        let begin = server.get("/tasks").await.header("brigade-position").expect("a position").to_owned();
        let added = call(&server, "/rpc/add_task", r#"{"title":"a","rank":9}"#).await;
        assert_eq!(added.status, 200, "{engine}: {}", added.text);
        let done = call(&server, "/rpc/finish_tasks", r#"{"above":3}"#).await;
        assert_eq!(done.text, r#"[{"title":"a","hits":1}]"#, "{engine}");
        // A transaction that fails in its last part leaves nothing of its first.
        call(&server, "/rpc/finish_tasks?select=nothing", r#"{"above":3}"#).await.is_error(400, "42703");
        let position = done.header("brigade-position").expect("a position").to_owned();
        let request = server.request("GET", "/tasks?select=state").header("brigade-after", position.clone());
        assert_eq!(Answer::of(request.send().await.unwrap()).await.text, r#"[{"state":"done"}]"#, "{engine}");
        let since = Instant::now();
        let lines = loop {
            let lines = server.get(&format!("/changes?after={begin}&table=tasks")).await.lines();
            if lines.len() >= 3 || since.elapsed() > Duration::from_secs(10) {
                break lines;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!(lines.len(), 3, "{engine}: an insert and two updates: {lines:?}");
        if engine == "sqlite" {
            assert_eq!(lines[2]["position"], position.as_str());
            assert_eq!(server.get(&format!("/changes?after={position}")).await.text, "");
        }
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_follow_the_model() {
    for (engine, settings, _held) in engines() {
        let files = [("queries/all.sql", "SELECT * FROM t ORDER BY a")];
        let schema = "CREATE TABLE t (a integer PRIMARY KEY); INSERT INTO t (a) VALUES (1);";
        let mut server = Running::start_with_files(schema, &settings, &files).await;
        assert_eq!(server.get("/rpc/all").await.text, r#"[{"a":1}]"#, "{engine}");
        let write = |name: &str, text: &str| std::fs::write(server.folder().join(name), text).unwrap();
        write("migrations/0002_more.sql", "ALTER TABLE t ADD COLUMN b text DEFAULT 'x';");
        write("queries/late.sql", "-- write\nUPDATE t SET b = 'y' RETURNING b");
        assert_eq!(server.brigade.migrate().await.expect("it is applied").len(), 1);
        assert_eq!(server.get("/rpc/all").await.text, r#"[{"a":1,"b":"x"}]"#, "{engine}");
        assert_eq!(call(&server, "/rpc/late", "{}").await.text, r#"[{"b":"y"}]"#, "{engine}");
        // One that the new model has no place for is named, and the others are as they were.
        write("migrations/0003_less.sql", "CREATE TABLE u (a integer PRIMARY KEY);");
        write("queries/late.sql", "SELECT nothing FROM u");
        let error = server.brigade.migrate().await.expect_err("a query that cannot be");
        assert!(error.message().contains(": queries/late.sql:1:1: "), "{engine}: {}", error.message());
        assert_eq!(server.get("/u").await.text, "[]", "{engine}: the migration is applied");
        assert_eq!(call(&server, "/rpc/late", "{}").await.text, r#"[{"b":"y"}]"#, "{engine}");
        server.stop().await;
    }
}
