//! `brigade keys`, beside a running server and without one.

use serde_json::Value;

use crate::running::{Project, Server};

const AUTH: &str = "[auth]\n[access.reader]\nnotes = [\"select\"]\n";

fn read(server: &Server, key: &str) -> u16 {
    server.request_with(&format!("apikey: {key}\r\n"), "GET", "/rest/v1/notes", "").0
}

#[test]
fn a_key_made_without_a_server_or_beside_one_is_good_at_once_and_revoked_at_once() {
    let project = Project::new();
    project.write("brigade.toml", AUTH);
    project.run(&["migrate", "apply"]).exits(0);
    let made = project.run(&["keys", "create", "--role", "reader", "--name", "batch"]).exits(0);
    let first = made.out.trim();
    assert!(first.starts_with("bgk_") && made.out.lines().count() == 1, "{made:?}");
    assert!(made.err.contains("not shown again") && !made.err.contains(first), "{made:?}");

    let server = project.serve();
    assert_eq!((read(&server, first), read(&server, "bgk_x")), (200, 401));
    assert_eq!(server.request("GET", "/rest/v1/notes", "").0, 401);
    let more = ["--json", "keys", "create", "--role", "service", "--tenant", "acme", "--tier", "pro"];
    let second = project.run(&more).exits(0).json();
    let second_key = second["key"].as_str().unwrap();
    assert_eq!(read(&server, second_key), 200);
    assert_eq!((&second["tenant"], &second["tier"]), (&"acme".into(), &"pro".into()));

    let listed = project.run(&["--json", "keys", "list"]).exits(0);
    let ids: Vec<Value> = listed.json().as_array().unwrap().iter().map(|key| key["id"].clone()).collect();
    assert!(ids.len() == 2 && ids.contains(&second["id"]), "{listed:?}");
    assert!(!listed.out.contains(second_key) && !listed.out.contains("hash"), "{listed:?}");
    let shown = project.run(&["keys", "list"]).exits(0).out;
    assert!(shown.contains("batch") && shown.contains("reader") && !shown.contains(first), "{shown}");
    let status = project.run(&["status"]).exits(0).out;
    assert!(status.contains("auth     on: 2 API keys; strangers are refused"), "{status}");

    let id = second["id"].as_str().unwrap();
    project.run(&["keys", "revoke", id]).exits(0);
    assert_eq!((read(&server, second_key), read(&server, first)), (401, 200));
    let again = project.run(&["keys", "revoke", id]);
    assert!(again.exit != 0 && again.err.contains("there is no API key"), "{again:?}");
    let unknown = project.run(&["keys", "create", "--role", "raeder"]);
    assert!(unknown.exit != 0 && unknown.err.contains("did you mean \"reader\"?"), "{unknown:?}");
    assert!(!project.log().contains(first) && !project.log().contains(second_key), "{}", project.log());
}

#[test]
fn without_auth_status_says_so() {
    let project = Project::new();
    project.run(&["migrate", "apply"]).exits(0);
    let status = project.run(&["status"]).out;
    assert!(status.contains("auth     off: everything is open, on this machine alone"), "{status}");
}
