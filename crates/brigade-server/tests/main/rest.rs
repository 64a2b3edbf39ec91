//! The table API on every engine that can be the truth: one suite of requests and answers.

use std::time::{Duration, Instant};

use brigade::limits::URL_BYTES_MAX;
use brigade_testing::suites::rest::{self, Answer, Case, ROUTINES, SCHEMA, VECTORS, WORDS};

use crate::harness::{Running, engines};

async fn send(server: &Running, mount: &str, case: Case) -> Answer {
    let mut request = server.request(case.method, &format!("{mount}{}", case.path));
    for (name, value) in &case.headers {
        request = request.header(*name, value);
    }
    if let Some((content_type, body)) = &case.sent {
        request = request.header("content-type", *content_type).body(body.clone());
    }
    let response = request.send().await.expect("an answer");
    let headers = response.headers().iter();
    let headers = headers.map(|(n, v)| (n.to_string(), v.to_str().unwrap_or("?").to_owned())).collect();
    Answer { status: response.status().as_u16(), headers, body: response.text().await.expect("a body") }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_engine_answers_alike() {
    for (engine, settings, _held) in engines() {
        let mut server = Running::start_on(SCHEMA, &settings).await;
        rest::run(engine, rest::cases(), |case| send(&server, "/rest/v1", case)).await;
        rest::run(engine, rest::cases(), |case| send(&server, "", case)).await;
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_engine_writes_alike() {
    for (engine, settings, _held) in engines() {
        let mut server = Running::start_on(SCHEMA, &format!("{settings}[rest]\ntx_override = true\n")).await;
        rest::run(engine, rest::cases_of_writes(), |case| send(&server, "/rest/v1", case)).await;
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_engine_takes_what_clients_write() {
    for (engine, settings, _held) in engines() {
        let mut server = Running::start_on(SCHEMA, &format!("{settings}[rest]\ntx_override = true\n")).await;
        rest::run(engine, rest::cases_of_clients(), |case| send(&server, "/rest/v1", case)).await;
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_engine_calls_alike() {
    for (engine, settings, _held) in engines() {
        let settings = format!("{settings}[rest]\ntx_override = true\n");
        let mut server = Running::start_with_files(SCHEMA, &settings, &ROUTINES).await;
        rest::run(engine, rest::cases_of_routines(), |case| send(&server, "/rest/v1", case)).await;
        if engine == "postgres" {
            rest::run(engine, rest::cases_of_functions(), |case| send(&server, "", case)).await;
        }
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_engine_finds_the_same_words() {
    for (engine, settings, _held) in engines() {
        let mut server = Running::start_on(WORDS, &settings).await;
        rest::run(engine, rest::cases_of_words(), |case| send(&server, "/rest/v1", case)).await;
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_searches_columns_of_words_and_in_languages_of_the_projects_own() {
    for (engine, settings, _held) in engines().into_iter().filter(|(engine, ..)| *engine == "postgres") {
        let mut server = Running::start_with_files(WORDS, &settings, &VECTORS).await;
        rest::run(engine, rest::cases_of_vectors(), |case| send(&server, "", case)).await;
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_names_no_language_has_the_projects() {
    for (engine, settings, _held) in engines() {
        let mut server = Running::start_on(WORDS, &format!("{settings}[rest]\ntext_search = \"german\"\n")).await;
        for (filter, found) in [("body=fts.die", "[]"), ("body=fts(english).die", "[{\"id\":6}]")] {
            let answer = server.get(&format!("/notes?select=id&{filter}")).await;
            assert_eq!(answer.text, found, "{engine}: {filter}");
        }
        server.stop().await;
    }
    let folder = tempfile::TempDir::new().unwrap();
    std::fs::write(folder.path().join("brigade.toml"), "[rest]\ntext_search = \"klingon\"\n").unwrap();
    let error = brigade::Brigade::open(brigade::OpenOptions::project(folder.path())).await.expect_err("no language");
    let told = "brigade.toml:2:1: rest.text_search: text search configuration \"klingon\" does not exist";
    assert_eq!((error.code(), error.message()), ("BRGCFG", told));
    assert!(error.get_hint().is_some_and(|hint| hint.contains("english")), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_cannot_be_is_named_with_its_place_at_start() {
    let folder = tempfile::TempDir::new().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("migrations/0001_init.sql", "CREATE TABLE t (id integer PRIMARY KEY, name text);");
    for (text, begins) in [
        ("SELECT id FROM t\nWHERE id = :x", "queries/q.sql:2:12: there is no parameter \"x\""),
        ("SELECT nothing FROM t", "queries/q.sql:1:1: "),
        ("SELECT id FROM nowhere", "queries/q.sql:1:1: "),
        ("SELECT DISTINCT ON (id) id FROM t", "queries/q.sql:1:"),
        ("DELETE FROM t", "queries/q.sql:1:1: it changes rows"),
        ("-- write\nDROP TABLE t", "queries/q.sql:2:1: a query is made of"),
        ("-- write\nUPDATE t SET name = 'a';\nUPDATE t SET nothing = 'a'", "queries/q.sql:3:"),
        ("-- write\nDELETE FROM brigade_idempotency", "queries/q.sql:2:"),
    ] {
        write("queries/q.sql", text);
        let options = brigade::OpenOptions::project(folder.path());
        let error = brigade::Brigade::open(options).await.expect_err(text);
        assert!(error.message().starts_with(begins), "{text}: {}", error.message());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_engine_sums_and_casts_alike() {
    for (engine, settings, _held) in engines() {
        let settings = format!("{settings}[rest]\naggregates = true\nmax_rows = 3\n");
        let mut server = Running::start_on(SCHEMA, &settings).await;
        rest::run(engine, rest::cases_of_sums(), |case| send(&server, "", case)).await;
        server.stop().await;
    }
}

/// A query string that nests `depth` deep.
fn nested(open: &str, inner: &str, close: &str, depth: usize) -> String {
    format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_asked_has_a_limit() {
    for (engine, settings, _held) in engines() {
        let mut server = Running::start_on(SCHEMA, &settings).await;
        let ids = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>().join(",");
        let many = |n: usize| vec!["id.eq.1"; n].join(",");
        for (query, status, code) in [
            (format!("id=in.({})", ids(10_500)), 200, ""),
            (format!("or=({})", many(900)), 200, ""),
            (format!("or=({})", many(1_001)), 413, "BRG413"),
            (format!("and={}", nested("(or", "(id.eq.1)", ")", 12)), 200, ""),
            (format!("and={}", nested("(or", "(id.eq.1)", ")", 40)), 413, "BRG413"),
            (format!("select=id,{}", nested("people(", "id", ")", 8)), 200, ""),
            (format!("select=id,{}", nested("people(", "id", ")", 9)), 413, "BRG413"),
            (format!("select=id,{}", nested("people(", "id", ")", 2_000)), 400, "PGRST100"),
            (format!("select={}", vec!["id"; 1_001].join(",")), 413, "BRG413"),
            (format!("select=id,{}", vec!["people(id)"; 65].join(",")), 413, "BRG413"),
        ] {
            let answer = server.get(&format!("/people?limit=2&{query}")).await;
            let shown: String = query.chars().take(60).collect();
            assert_eq!(answer.status, status, "{engine}: {shown}: {}", answer.text);
            if !code.is_empty() {
                answer.is_error(status, code);
            }
        }
        let before = "/people?select=id&name=eq.";
        for (length, status) in [(URL_BYTES_MAX, "200"), (URL_BYTES_MAX + 1, "414"), (100_000, "414")] {
            let target = format!("{before}{}", "x".repeat(length - before.len()));
            let sent = format!("GET {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
            let answer = server.raw(sent.into_bytes(), Duration::from_secs(2)).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{engine}, {length}: {answer}");
        }
        server.stop().await;
    }
}

/// Five times sixty rows, all with all: longer than anybody waits.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_takes_too_long_is_ended_and_the_next_one_answered() {
    let rows: Vec<String> = (0..60).map(|i| format!("({i})")).collect();
    let schema = format!(
        "CREATE TABLE n (i int PRIMARY KEY); INSERT INTO n (i) VALUES {};
         CREATE VIEW slow AS SELECT count(*) AS rows FROM n a, n b, n c, n d, n e;",
        rows.join(", ")
    );
    for (engine, settings, _held) in engines() {
        let truth = settings.replace("[stores]\ntruth =", "url =");
        let settings = format!("[stores.truth]\nstatement_timeout = \"300ms\"\n{truth}");
        let mut server = Running::start_on(&schema, &settings).await;
        for path in ["/slow", "/slow?select=rows&rows=gt.1", "/n?select=i&i=eq.1"] {
            let began = Instant::now();
            let answer = server.get(path).await;
            assert!(began.elapsed() < Duration::from_secs(5), "{engine}: {path} took {:?}", began.elapsed());
            if path.starts_with("/n") {
                assert_eq!(answer.text, r#"[{"i":1}]"#, "{engine}");
                continue;
            }
            answer.is_error(503, "57014");
            assert!(answer.header("retry-after").is_some(), "{engine}: it may be repeated");
        }
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_names_a_position_sees_it_or_says_that_it_could_not() {
    for (engine, settings, _held) in engines() {
        let mut server = Running::start_on(SCHEMA, &settings).await;
        let insert = r#"{"statements":[{"insert":{"table":"labels","rows":[{"id":9,"name":"new"}]}}]}"#;
        let position = server.commit(insert).await.json()["position"].as_str().expect("a position").to_owned();
        let ask = async |position: &str| {
            let request = server.request("GET", "/labels?id=eq.9").header("brigade-after", position);
            crate::harness::Answer::of(request.header("prefer", "wait=1").send().await.expect("an answer")).await
        };
        let answer = ask(&position).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, r#"[{"id":9,"name":"new"}]"#), "{engine}");
        assert!(answer.header("brigade-position").expect("a position") >= position.as_str(), "{engine}");
        let (order, tag) = position.split_at(32);
        ask(&format!("{order}-{:016x}", u64::from_str_radix(&tag[1..], 16).unwrap() ^ 1)).await.is_error(412, "BRG412");
        server.stop().await;
    }
}
