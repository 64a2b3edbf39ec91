//! The clients that people use, unchanged, against every engine: each feature of theirs is one line of a report. With
//! `BRIGADE_WRITE_CONFORMANCE=1` the report becomes `docs/conformance.md`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use brigade_testing::suites::rest::{ROUTINES, SCHEMA};
use serde_json::Value;

use crate::harness::{Running, engines};

/// What a client said of a feature: nothing where it works.
type Told = Option<String>;

/// Feature and client, in the order in which they ran, with what each engine came to.
#[derive(Default)]
struct Report {
    order: Vec<(String, String)>,
    told: BTreeMap<(String, String), BTreeMap<&'static str, Told>>,
}

impl Report {
    fn add(&mut self, engine: &'static str, line: &str) {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let text = |key: &str| line[key].as_str().map(str::to_owned);
        let place = (text("client").expect("a client"), text("feature").expect("a feature"));
        if !self.order.contains(&place) {
            self.order.push(place.clone());
        }
        self.told.entry(place).or_default().insert(engine, text("error"));
    }

    fn failures(&self) -> Vec<String> {
        let of = |place: &(String, String)| {
            let failed = self.told[place].iter().filter_map(|(engine, told)| Some((engine, told.as_ref()?)));
            failed.map(|(engine, why)| format!("{engine}, {}: {}: {why}", place.0, place.1)).collect::<Vec<_>>()
        };
        self.order.iter().flat_map(of).collect()
    }

    /// As a page; every figure in it comes of this run.
    fn page(&self) -> String {
        let engines = ["sqlite", "postgres"];
        let mut page = String::from(
            "# Conformance\n\nWhat the client libraries that people use can do against brigade, unchanged. This page is written by a run of the\n\
             test command (`BRIGADE_WRITE_CONFORMANCE=1 cargo xtask test clients`); the versions are those of\n\
             [clients/javascript/package.json](../clients/javascript/package.json) and\n\
             [clients/python/requirements.txt](../clients/python/requirements.txt). It follows PostgREST's HTTP conventions; no endorsement is\n\
             implied. What differs on purpose is in [differences](differences.md).\n\n| client | feature | sqlite | postgres |\n|---|---|---|---|\n",
        );
        for place in &self.order {
            let told = |engine: &&str| match self.told[place].get(*engine) {
                Some(None) => "passes",
                Some(Some(_)) => "fails",
                None => "not run",
            };
            let cells: Vec<&str> = engines.iter().map(told).collect();
            page.push_str(&format!("| {} | {} | {} |\n", place.0, place.1, cells.join(" | ")));
        }
        let passed = |engine: &str| self.told.values().filter(|told| told.get(engine) == Some(&None)).count();
        let counts: Vec<String> =
            engines.iter().map(|e| format!("{e}: {} of {}", passed(e), self.order.len())).collect();
        page.push_str(&format!("\n{}\n", counts.join("; ")));
        page
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The clients that are installed: program, script. What is missing is said aloud, or is a failure where all must be there.
fn clients() -> Vec<(PathBuf, PathBuf)> {
    let folder = root().join("clients");
    let all = [
        (PathBuf::from("node"), folder.join("javascript/run.mjs"), folder.join("javascript/node_modules/@supabase")),
        (folder.join("python/.venv/bin/python"), folder.join("python/run.py"), folder.join("python/.venv/bin/python")),
    ];
    let mut found = Vec::new();
    for (program, script, installed) in all {
        let runs = Command::new(&program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if installed.exists() && runs.is_ok_and(|status| status.success()) {
            found.push((program, script));
        } else {
            let must = std::env::var("BRIGADE_REQUIRE_SERVERS").is_ok_and(|value| value == "1");
            assert!(!must, "{} is not installed: run cargo xtask test", script.display());
            eprintln!("*** SKIPPED: {} is not installed; cargo xtask test installs it", script.display());
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clients_that_people_use_work_unchanged() {
    let clients = clients();
    let mut report = Report::default();
    for (engine, settings, _held) in engines() {
        let mut server =
            Running::start_with_files(SCHEMA, &format!("{settings}[rest]\nplan = true\n"), &ROUTINES).await;
        for (program, script) in &clients {
            // supabase-js puts /rest/v1 behind the URL itself; bare clients are served at the root.
            let mut command = Command::new(program);
            command.arg(script).arg(server.url(""));
            let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().expect("the client runs");
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "{}: {}", script.display(), String::from_utf8_lossy(&output.stderr));
            text.lines().for_each(|line| report.add(engine, line));
        }
        server.stop().await;
    }
    if std::env::var("BRIGADE_WRITE_CONFORMANCE").is_ok_and(|value| value == "1") {
        std::fs::write(root().join("docs/conformance.md"), report.page()).expect("the page is written");
    }
    let failures = report.failures();
    assert!(failures.is_empty(), "{} features fail\n{}", failures.len(), failures.join("\n"));
}
