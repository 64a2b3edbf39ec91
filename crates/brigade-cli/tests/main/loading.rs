//! `load`: good files come in whole; a bad line is said with its place, and what came before it stays.

use std::fmt::Write as _;

use brigade_testing::servers::Postgres;
use serde_json::json;

use crate::running::Project;

const TABLE: &str = "
CREATE TYPE mood AS ENUM ('calm', 'busy');
CREATE TABLE things (
    id integer PRIMARY KEY,
    name text,
    price numeric(10,2),
    tags text[],
    facts jsonb,
    mood mood NOT NULL DEFAULT 'calm'
);";

fn project() -> Project {
    let project = Project::with(TABLE);
    project.run(&["migrate", "apply"]).exits(0);
    project
}

fn count(project: &Project) -> serde_json::Value {
    project.sql("SELECT count(*) AS n FROM things")[0]["n"].clone()
}

#[test]
fn csv_and_ndjson_come_in_typed_by_the_model() {
    let project = project();
    project.write("a.csv", "id,name,price,tags,facts\n1,,12.5,\"{a,\"\"b c\"\"}\",\"{\"\"k\"\": 1}\"\n2,\"\",,,\n");
    let said = project.run(&["--json", "load", "things", "a.csv"]).exits(0).json();
    assert_eq!((&said["rows"], &said["transactions"]), (&json!(2), &json!(1)));
    let server = project.serve();
    project
        .write("b.ndjson", "{\"id\": 3, \"name\": \"three\", \"mood\": \"busy\"}\n\n{\"id\": 1, \"name\": \"one\"}\n");
    project.run(&["load", "things", "b.ndjson"]).exits(1);
    project.run(&["load", ".", "things", "b.ndjson", "--upsert"]).exits(0);
    let (_, changes) = server.request("GET", "/changes?table=things", "");
    let images: Vec<serde_json::Value> = changes
        .lines()
        .filter(|l| l.starts_with('{'))
        .map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap()["after"].clone())
        .collect();
    assert_eq!(
        (&images[0]["name"], &images[0]["tags"], &images[0]["facts"]),
        (&json!(null), &json!(["a", "b c"]), &json!({"k": 1}))
    );
    assert_eq!((&images[1]["name"], &images[1]["price"]), (&json!(""), &json!(null)));
    assert!(changes.contains("\"price\":12.50"), "{changes}");
    assert_eq!(images.last().unwrap()["name"], "one");
}

#[test]
fn a_thousand_rows_a_transaction() {
    let project = project();
    let mut text = String::from("id,name\n");
    (0..2_500).for_each(|n| writeln!(text, "{n},row {n}").unwrap());
    project.write("many.csv", &text);
    let said = project.run(&["load", "things", "many.csv"]).exits(0);
    assert!(said.out.contains("2500 rows loaded in 3 transactions"), "{said:?}");
    assert_eq!(count(&project), 2_500);
}

/// Loads a file whose 1,500th row is bad: the first thousand rows stay, and the place is said.
#[track_caller]
fn check_bad(name: &str, header: &str, good: impl Fn(u32) -> String, bad: &str, place: &str, words: &[&str]) {
    let project = project();
    let mut text = header.to_owned();
    for n in 1..=2_000 {
        writeln!(text, "{}", if n == 1_500 { bad.to_owned() } else { good(n) }).unwrap();
    }
    project.write(name, &text);
    let said = project.run(&["--json", "load", "things", name]).exits(1);
    let error = said.error();
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with(place), "{message} does not begin with {place}");
    for word in words {
        assert!(message.contains(word), "{message} does not say {word:?}");
    }
    assert!(error["details"].as_str().unwrap().starts_with("1000 rows"), "{error}");
    assert_eq!(count(&project), 1_000);
}

#[test]
fn a_bad_line_is_said_with_its_place_and_what_came_before_stays() {
    let csv = |n: u32| format!("{n},row");
    check_bad("f.csv", "id,name\n", csv, "x,row", "f.csv:1501: ", &["column id", "\"x\""]);
    check_bad("f.csv", "id,name\n", csv, "1,row", "f.csv:1501: ", &[]);
    check_bad("f.csv", "id,name\n", csv, "1500,row,3", "f.csv:1501: ", &["3 cells"]);
    check_bad("f.csv", "id,mood\n", |n| format!("{n},busy"), "1500,angry", "f.csv:1501: ", &["column mood", "angry"]);
    let ndjson = |n: u32| format!("{{\"id\": {n}}}");
    check_bad("f.ndjson", "", ndjson, "{\"id\": }", "f.ndjson:1500: ", &["character 8"]);
    check_bad("f.ndjson", "", ndjson, "{\"id\": true}", "f.ndjson:1500: ", &["column id"]);
    check_bad("f.ndjson", "", ndjson, "{\"id\": 1500, \"nmae\": 1}", "f.ndjson:1500: ", &["nmae"]);
}

#[test]
fn what_cannot_be_a_load_is_refused_before_anything_is_written() {
    let project = project();
    for (name, text, exit, word) in [
        ("empty.csv", "", 1, "header"),
        ("unknown.csv", "id,nmae\n1,x\n", 1, "nmae"),
        ("open.csv", "id,name\n1,\"x\n", 1, "open.csv:2"),
    ] {
        project.write(name, text);
        let said = project.run(&["load", "things", name]).exits(exit);
        assert!(said.err.contains(word), "{said:?}");
    }
    project.run(&["load", "missing", "empty.csv"]).exits(1);
    assert_eq!(count(&project), 0);
}

/// The running server knows the tables, also where no migration names them.
#[test]
fn tables_that_were_there_before_are_loaded_beside_a_running_server() {
    let Some(postgres) = Postgres::start() else { return };
    postgres.psql("postgres", "CREATE DATABASE before").unwrap();
    let tables = "CREATE TYPE mood AS ENUM ('calm', 'busy'); CREATE TABLE things (id int PRIMARY KEY, \"Name\" text, \
                  tags text[], moods mood[], mood mood, at timestamptz, facts jsonb)";
    postgres.psql("before", tables).unwrap();
    let project = Project::new();
    std::fs::remove_dir_all(project.file("migrations")).unwrap();
    let truth = postgres.url_of("before");
    project.write("brigade.toml", &format!("[stores]\ntruth = {truth:?}\n[schema]\nexisting = true\n"));
    let header = "id,Name,tags,moods,mood,at,facts\n";
    project.write(
        "good.csv",
        &format!("{header}1,x,\"{{a,b}}\",{{busy}},calm,2026-01-02 03:04:05+02,\"{{\"\"k\"\": [1]}}\"\n"),
    );
    project.write("bad.csv", &format!("{header}2,,,,,,\n3,,,,,yesterday morning,\n"));
    let _server = project.serve();
    project.run(&["load", "things", "good.csv"]).exits(0);
    let row = &project.sql("SELECT tags, moods::text, mood::text, at, facts FROM things")[0];
    assert_eq!((&row["tags"], &row["moods"], &row["mood"]), (&json!(["a", "b"]), &json!("{busy}"), &json!("calm")));
    assert_eq!((&row["at"], &row["facts"]), (&json!("2026-01-02T01:04:05+00:00"), &json!({"k": [1]})));
    let refused = project.run(&["load", "things", "bad.csv"]).exits(1);
    assert!(refused.err.starts_with("error: bad.csv:3: column at: "), "{refused:?}");
    assert!(project.run(&["load", "nowhere", "good.csv"]).exits(1).err.contains("42P01"));
    // On PostgreSQL too, and without a server: a row whose key is there is replaced.
    drop(_server);
    project.write("again.csv", "id,Name\n1,y\n4,z\n");
    project.run(&["load", "things", "again.csv", "--upsert"]).exits(0);
    assert_eq!(project.sql("SELECT \"Name\" AS name FROM things ORDER BY id"), json!([{"name": "y"}, {"name": "z"}]));
}
