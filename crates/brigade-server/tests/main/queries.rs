//! Named queries that write: what they change is a transaction like any other, and they follow the model.

use std::time::{Duration, Instant};

use brigade::limits::SHOWN_ROWS_MAX;
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

const WIDE: &str = "CREATE TABLE digits (i integer PRIMARY KEY);
    CREATE TABLE wide (id integer PRIMARY KEY, hits integer NOT NULL DEFAULT 0, filler text NOT NULL DEFAULT '');";

/// More rows than a write may show, in three ways: as many as there may be, one more, and few that are too large together.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_returns_more_than_is_shown_is_refused_and_changes_nothing() {
    let digits: Vec<String> = (0..230).map(|i| format!("({i})")).collect();
    let schema = format!("{WIDE} INSERT INTO digits (i) VALUES {};", digits.join(", "));
    let hit = "-- write\n-- param below integer\nUPDATE wide SET hits = hits + 1 WHERE id < :below RETURNING id";
    let files = [
        ("queries/fill.sql", "-- write\nINSERT INTO wide (id) SELECT x.i * 230 + y.i FROM digits x, digits y"),
        ("queries/hit.sql", hit),
        ("queries/hit_wide.sql", &format!("{hit}, filler")),
        (
            "queries/widen.sql",
            "-- write\n-- param filler text\n-- param below integer\nUPDATE wide SET filler = :filler WHERE id < :below",
        ),
    ];
    for (engine, settings, _held) in engines() {
        let mut server = Running::start_with_files(&schema, &settings, &files).await;
        assert_eq!(call(&server, "/rpc/fill", "{}").await.status, 204, "{engine}");
        let hits = async || server.get("/wide?select=id&hits=gt.0&limit=1").await.text;
        let rows_max = if engine == "sqlite" { 30_000 } else { SHOWN_ROWS_MAX };
        let below = |rows: u64| format!(r#"{{"below":{rows}}}"#);
        let refused = call(&server, "/rpc/hit", &below(rows_max + 1)).await.is_error(413, "BRG413");
        assert!(refused["hint"].as_str().is_some_and(|hint| hint.contains("fewer")), "{engine}: {refused}");
        assert_eq!(hits().await, "[]", "{engine}: nothing is written");

        // 80 MiB in 160 rows.
        let filler = "x".repeat(512 << 10);
        let widened = call(&server, "/rpc/widen", &format!(r#"{{"below":160,"filler":"{filler}"}}"#)).await;
        assert_eq!(widened.status, 204, "{engine}: {}", widened.text);
        let refused = call(&server, "/rpc/hit_wide", &below(160)).await.is_error(413, "BRG413");
        assert_eq!(refused["hint"], "return fewer rows or columns", "{engine}: refused while they are gathered");
        assert_eq!(hits().await, "[]", "{engine}: nothing is written");

        let whole = call(&server, "/rpc/hit", &below(rows_max)).await;
        assert_eq!(whole.status, 200, "{engine}: {}", whole.text);
        assert_eq!(whole.json().as_array().map(Vec::len), Some(rows_max as usize), "{engine}");
        server.stop().await;
    }
}
