//! The table API on every engine that can be the truth: one suite of requests and answers.

use std::sync::atomic::{AtomicUsize, Ordering};

use brigade_testing::{
    servers::Postgres,
    suites::rest::{self, Answer, Case, SCHEMA},
};

use crate::harness::Running;

/// brigade.toml's beginning for each engine there is. Without a PostgreSQL server it is skipped aloud.
fn engines() -> Vec<(&'static str, String, Option<Postgres>)> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let mut engines = vec![("sqlite", String::new(), None)];
    if let Some(server) = Postgres::start() {
        let name = format!("rest{}", COUNT.fetch_add(1, Ordering::Relaxed));
        server
            .psql("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'"))
            .expect("a database");
        engines.push(("postgres", format!("[stores]\ntruth = {:?}\n", server.url_of(&name)), Some(server)));
    }
    engines
}

async fn send(server: &Running, mount: &str, case: Case) -> Answer {
    let mut request = server.request(case.method, &format!("{mount}{}", case.path));
    for (name, value) in &case.headers {
        request = request.header(*name, value);
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
async fn every_engine_sums_and_casts_alike() {
    for (engine, settings, _held) in engines() {
        let settings = format!("{settings}[rest]\naggregates = true\nmax_rows = 3\n");
        let mut server = Running::start_on(SCHEMA, &settings).await;
        rest::run(engine, rest::cases_of_sums(), |case| send(&server, "", case)).await;
        server.stop().await;
    }
}
