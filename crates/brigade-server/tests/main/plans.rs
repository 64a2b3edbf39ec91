//! Plans in the place of rows: `Accept: application/vnd.pgrst.plan+…`, with `[rest] plan = true`. That without it there are none,
//! the requests that clients were captured to send say.

use brigade::NewApiKey;
use brigade_testing::suites::rest::{ROUTINES, SCHEMA, WORDS};
use serde_json::{Value, json};

use crate::harness::{Answer, Running, engines};

const JSON: &str = "application/vnd.pgrst.plan+json";
const TEXT: &str = "application/vnd.pgrst.plan+text";

/// What is answered to a request with this `Accept`.
async fn ask(server: &Running, method: &str, path: &str, accept: &str, body: &str) -> Answer {
    let request = server.request(method, path).header("accept", accept);
    let request = if body.is_empty() {
        request
    } else {
        request.header("content-type", "application/json").body(body.to_owned())
    };
    Answer::of(request.send().await.expect("an answer")).await
}

/// Every step of a plan in JSON, one a line.
fn steps(plan: &Value) -> String {
    let own = plan["Detail"].as_str().or_else(|| plan["Node Type"].as_str()).unwrap_or_default();
    let index = plan["Index Name"].as_str().unwrap_or_default();
    let parts = plan["Plans"].as_array().into_iter().flatten().map(steps);
    parts.fold(format!("{own} {index}\n"), |all, part| all + &part)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_and_a_call_that_reads_tell_how_they_would_be_run() {
    for (engine, settings, _held) in engines() {
        let mut server =
            Running::start_with_files(SCHEMA, &format!("{settings}[rest]\nplan = true\n"), &ROUTINES).await;
        for (method, path, body) in [
            ("GET", "/people?select=id,name,posts!author(title)&id=eq.1&order=name&limit=3", ""),
            ("GET", "/rest/v1/people?or=(name.fts.ada,age.gt.40)&data->>s=eq.x", ""),
            ("GET", "/adults", ""),
            ("GET", "/rpc/prolific?min_posts=2&name=eq.Ada", ""),
            ("POST", "/rpc/prolific", r#"{"min_posts":2}"#),
        ] {
            let answer = ask(&server, method, path, JSON, body).await;
            let told = r#"application/vnd.pgrst.plan+json; for="application/json"; charset=utf-8"#;
            assert_eq!(
                (answer.status, answer.header("content-type")),
                (200, Some(told)),
                "{engine} {path}: {}",
                answer.text
            );
            assert_eq!((answer.header("content-range"), answer.header("vary")), (None, Some("Accept, Prefer, Range")));
            let plan = answer.json();
            assert!(plan[0]["Plan"].is_object(), "{engine} {path}: {plan}");
            assert!(!answer.text.contains("Ada, L."), "{engine} {path}: a row is shown: {plan}");

            let answer = ask(&server, method, path, TEXT, body).await;
            let told = r#"application/vnd.pgrst.plan+text; for="application/json"; charset=utf-8"#;
            assert_eq!(
                (answer.status, answer.header("content-type")),
                (200, Some(told)),
                "{engine} {path}: {}",
                answer.text
            );
            let is_text = match engine {
                "sqlite" => answer.text.starts_with("QUERY PLAN\n") && answer.text.contains("`--"),
                _ => answer.text.contains("(cost=") && answer.text.ends_with('\n'),
            };
            assert!(is_text, "{engine} {path}: {}", answer.text);
        }
        let head = ask(&server, "HEAD", "/people", TEXT, "").await;
        assert_eq!((head.status, head.text.as_str()), (200, ""), "{engine}");
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_plan_is_of_and_its_options_are_echoed() {
    for (engine, settings, _held) in engines() {
        let mut server = Running::start_on(SCHEMA, &format!("{settings}[rest]\nplan = true\n")).await;
        let path = "/people?select=id&id=lt.3";
        for (accept, told) in [
            ("application/vnd.pgrst.plan", r#"application/vnd.pgrst.plan+text; for="application/json"; charset=utf-8"#),
            (
                r#"application/vnd.pgrst.plan+json; for="text/csv""#,
                r#"application/vnd.pgrst.plan+json; for="text/csv"; charset=utf-8"#,
            ),
            (
                r#"application/vnd.pgrst.plan+text; for="application/vnd.pgrst.object+json"; options=;"#,
                r#"application/vnd.pgrst.plan+text; for="application/vnd.pgrst.object+json"; charset=utf-8"#,
            ),
            (
                r#"application/vnd.pgrst.plan+json; for="application/vnd.pgrst.array+json;nulls=stripped""#,
                r#"application/vnd.pgrst.plan+json; for="application/vnd.pgrst.array+json;nulls=stripped"; charset=utf-8"#,
            ),
            (
                "text/html, application/vnd.pgrst.plan+json;q=0.5",
                r#"application/vnd.pgrst.plan+json; for="application/json"; charset=utf-8"#,
            ),
        ] {
            let answer = ask(&server, "GET", path, accept, "").await;
            assert_eq!(
                (answer.status, answer.header("content-type")),
                (200, Some(told)),
                "{engine} {accept}: {}",
                answer.text
            );
        }
        for accept in [r#"application/vnd.pgrst.plan+json; for="image/png""#, "application/vnd.pgrst.plan+xml"] {
            ask(&server, "GET", path, accept, "").await.is_error(406, "PGRST107");
        }
        let accept = r#"application/vnd.pgrst.plan+json; for="application/json"; options=wal|buffers|nonsense|verbose|analyze|settings"#;
        let answer = ask(&server, "GET", path, accept, "").await;
        if engine == "sqlite" {
            let error = answer.is_error(400, "PGRST127");
            assert!(
                error["message"].as_str().is_some_and(|m| m.contains("analyze, verbose, settings, buffers, wal")),
                "{error}"
            );
        } else {
            let told = r#"application/vnd.pgrst.plan+json; for="application/json"; options=analyze|verbose|settings|buffers|wal; charset=utf-8"#;
            assert_eq!((answer.status, answer.header("content-type")), (200, Some(told)), "{}", answer.text);
            let plan = answer.json();
            assert_eq!(plan[0]["Plan"]["Actual Rows"].as_f64(), Some(2.0), "{plan}");
            assert!(plan[0]["Execution Time"].is_number() && plan[0]["Plan"]["Output"].is_array(), "{plan}");
        }
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_counts_where_the_read_would_and_shows_the_index_that_it_would_use() {
    for (engine, settings, _held) in engines() {
        let mut server = Running::start_on(WORDS, &format!("{settings}[rest]\nplan = true\n")).await;
        let row =
            |id: usize| json!({"id": id, "body": format!("note {id} about words, words and more words"), "rank": id});
        let rows: Vec<Value> = (100..3_100).map(row).collect();
        let sent =
            server.request("POST", "/notes").header("content-type", "application/json").body(json!(rows).to_string());
        assert_eq!(sent.send().await.expect("an answer").status(), 201);

        let plan = ask(&server, "GET", "/notes?select=id&id=eq.7", JSON, "").await.json();
        let by_key = if engine == "sqlite" { "(id=?)" } else { "notes_pkey" };
        assert!(steps(&plan[0]["Plan"]).contains(by_key), "{engine}: {plan}");
        if engine == "postgres" {
            // The language stands in the statement, so that the index on to_tsvector('english', body) is found.
            let plan = ask(&server, "GET", "/notes?select=id&body=wfts.cat", JSON, "").await.json();
            assert!(steps(&plan[0]["Plan"]).contains("notes_words"), "{plan}");
        }

        let counted =
            server.request("GET", "/notes?select=id&limit=1").header("accept", JSON).header("prefer", "count=exact");
        let plan = Answer::of(counted.send().await.expect("an answer")).await.json();
        let all = plan.as_array().expect("plans").iter().map(|plan| steps(&plan["Plan"])).collect::<String>();
        let scans = all.matches(if engine == "sqlite" { "SCAN" } else { " Scan" }).count()
            + all.matches("Index Only Scan").count();
        assert!(scans >= 2, "{engine}: page and count are two: {all}");
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_has_no_plan_and_is_not_done() {
    for (engine, settings, _held) in engines() {
        let mut server =
            Running::start_with_files(SCHEMA, &format!("{settings}[rest]\nplan = true\n"), &ROUTINES).await;
        for (method, path, body) in [
            ("POST", "/labels", r#"{"id":9,"name":"new"}"#),
            ("PATCH", "/labels?id=eq.1", r#"{"name":"new"}"#),
            ("PUT", "/labels?id=eq.1", r#"{"id":1,"name":"new"}"#),
            ("DELETE", "/labels?id=eq.3", ""),
            ("POST", "/rpc/add_task", r#"{"title":"new"}"#),
        ] {
            let error = ask(&server, method, path, TEXT, body).await.is_error(406, "PGRST107");
            assert!(
                error["message"].as_str().is_some_and(|m| m.contains("no plan")),
                "{engine} {method} {path}: {error}"
            );
        }
        let labels = server.get("/labels?select=name&order=id").await;
        assert_eq!(labels.text, r#"[{"name":"news"},{"name":"fun"},{"name":"unused"}]"#, "{engine}");
        assert_eq!(server.get("/tasks").await.text, "[]", "{engine}");
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_are_for_who_may_read_everything() {
    let access = "[rest]\nplan = true\n[auth]\njwt_secret = \"a secret of these tests, 32 bytes at least\"\nanonymous = \"anon\"\n\
                  [access.anon]\npeople = { select = [\"id\", \"name\"] }\n";
    for (engine, settings, _held) in engines() {
        let mut server = Running::start_on(SCHEMA, &format!("{settings}{access}")).await;
        for (path, status) in [
            ("/people?select=id,name", 200),
            ("/people?select=age", 401),
            ("/people?select=id&age=gt.3", 401),
            ("/people?select=id&order=age", 401),
            ("/people?select=id,posts!author(id)", 401),
            ("/posts", 401),
            ("/nowhere", 401),
            ("/people?select=id&id=eq.x", 400),
        ] {
            let (rows, plan) = (server.get(path).await, ask(&server, "GET", path, JSON, "").await);
            assert_eq!(rows.status, status, "{engine} {path}: {}", rows.text);
            match status {
                // It would name what is behind the rows.
                200 => drop(plan.is_error(401, "42501")),
                _ => assert_eq!(rows.text, plan.text, "{engine} {path}"),
            }
        }
        let key = NewApiKey { name: "x".to_owned(), role: "service".to_owned(), ..NewApiKey::default() };
        let (_, key) = server.brigade.keys().create(key, &server.brigade.config().access).unwrap();
        let request = server.request("GET", "/people?select=age").header("accept", JSON).bearer_auth(key);
        assert_eq!(request.send().await.unwrap().status(), 200, "{engine}");
        server.stop().await;
    }
}
