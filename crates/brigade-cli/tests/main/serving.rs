//! A running server: what programs see, that commands work beside it, and how it ends.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    time::Duration,
};

use serde_json::{Value, json};

use crate::running::{Project, brigade};

const INSERT: &str = r#"{"statements":[{"insert":{"table":"notes","rows":[{"title":"first"}],"returning":["id"]}}]}"#;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("no JSON ({e}): {text}"))
}

#[test]
fn a_new_project_serves_at_once_and_commands_work_beside_it() {
    let project = Project::new();
    let mut server = project.serve();
    let (status, body) = server.request("POST", "/transactions", INSERT);
    assert_eq!(status, 200, "{body}");
    let receipt = json(&body);
    assert_eq!(receipt["results"][0]["rows"], 1);

    let rows = project.sql("SELECT title FROM notes");
    assert_eq!(rows, json!([{"title": "first"}]));
    project.run(&["sql", "UPDATE notes SET done = true"]).exits(1);
    let changes = project.run(&["--json", "changes", "--table", "notes"]).exits(0).out;
    assert_eq!(json(changes.lines().next_back().unwrap())["position"], receipt["position"]);
    project.run(&["verify"]).exits(0);
    let status = project.run(&["--json", "status"]).exits(0).json();
    assert_eq!((&status["ready"], &status["truth"]["engine"]), (&json!(true), &json!("sqlite")));
    project.run(&["status"]).exits(0);
    let paused = project.run(&["--json", "pause", "copy.backup"]).exits(0).json();
    assert_eq!(paused["state"], "paused");
    project.run(&["resume", "copy.backup"]).exits(0);
    project.run(&["repair", "copy.backup"]).exits(0);
    let rebuilt = project.run(&["--json", "rebuild", "copy.backup"]).exits(0).json();
    assert_eq!((&rebuilt["done"], &rebuilt["rows"]), (&json!(true), &json!(1)));
    project.run(&["migrate", "status", "--check"]).exits(0);

    let (status, _) = server.terminate(Duration::from_secs(10));
    assert_eq!(status.code(), Some(0));
    // The same without a server.
    assert_eq!(project.sql("SELECT title FROM notes"), rows);
    project.run(&["verify", "copy.backup"]).exits(0);
}

#[test]
fn a_second_server_is_refused_and_names_the_first() {
    let project = Project::new();
    let server = project.serve();
    let refused = project.run(&["--json", "serve", "--listen", "127.0.0.1:0"]).exits(2).error();
    assert_eq!(refused["code"], "BRG503");
    let message = refused["message"].as_str().unwrap();
    assert!(message.contains(&server.pid().to_string()) && message.contains(&server.url), "{message}");
}

#[test]
fn what_a_killed_server_left_in_the_lock_file_stops_nobody() {
    let project = Project::new();
    let mut server = project.serve();
    server.kill();
    project.run(&["status"]);
    assert_eq!(project.sql("SELECT count(*) AS n FROM notes"), json!([{"n": 0}]));
    project.serve().terminate(Duration::from_secs(10));
}

#[test]
fn a_port_in_use_is_said_before_anything_is_made() {
    let project = Project::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = project.run(&["serve", "--listen", &address]).exits(2);
    assert!(said.err.contains(&address) && said.err.contains("in use"), "{said:?}");
    assert!(!project.file("data").exists());
}

#[test]
fn sigterm_ends_within_ten_seconds_with_followers_and_idle_connections_open() {
    let project = Project::new();
    let mut server = project.serve();
    let _idle = server.connect();
    let mut follower = server.connect();
    follower
        .write_all(b"GET /changes?follow=true HTTP/1.1\r\nHost: localhost\r\nAccept: application/x-ndjson\r\n\r\n")
        .unwrap();
    let mut command = brigade(&["--json", "changes", "--follow", "--table", "notes"])
        .current_dir(project.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(command.stdout.take().unwrap());
    assert_eq!(server.request("POST", "/transactions", INSERT).0, 200);
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert_eq!(json(&line)["op"], "insert");

    let (status, took) = server.terminate(Duration::from_secs(10));
    assert_eq!(status.code(), Some(0), "after {took:?}");
    // The follower learns that the server went: it could not go on.
    let ended = command.wait().unwrap();
    assert!(ended.code().is_some_and(|code| code == 0 || code == 2), "{ended:?}");
}
