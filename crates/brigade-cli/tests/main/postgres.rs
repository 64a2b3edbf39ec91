//! The command line on a PostgreSQL truth: every command once, on tables of migrations and on tables that were there
//! before; and what programs see while the server is away or frozen.

use std::time::{Duration, Instant};

use brigade_testing::servers::{Database, Postgres};
use serde_json::{Value, json};

use crate::running::{Project, Server};

const TABLE: &str = "CREATE TABLE things (id integer PRIMARY KEY, name text NOT NULL);";

/// A project whose truth is a new database.
fn project(server: &Postgres, rest: &str) -> (Project, Database) {
    let database = server.create_database();
    let project = Project::with(TABLE);
    project.write("brigade.toml", &format!("[stores]\ntruth = {:?}\n{rest}[copy.backup]\n", database.url));
    (project, database)
}

fn insert(id: u32) -> String {
    format!(r#"{{"statements":[{{"insert":{{"table":"things","rows":[{{"id":{id},"name":"row {id}"}}]}}}}]}}"#)
}

/// Every command that works beside a server and without one.
fn use_everything(project: &Project, first: u32) {
    let write = format!("INSERT INTO things VALUES ({first}, 'by hand')");
    project.run(&["sql", &write]).exits(1);
    assert!(project.run(&["sql", &write, "--write"]).exits(0).out.contains("1 row affected"));
    let mut rows = String::from("id,name\n");
    (first + 1..first + 2_501).for_each(|id| rows.push_str(&format!("{id},loaded\n")));
    project.write("rows.csv", &rows);
    let loaded = project.run(&["--json", "load", "things", "rows.csv"]).exits(0).json();
    assert_eq!((&loaded["rows"], &loaded["transactions"]), (&json!(2_500), &json!(3)));
    let again = project.run(&["--json", "load", "things", "rows.csv"]).exits(1).error();
    assert_eq!(again["code"], "23505", "{again}");
    project.run(&["load", "things", "rows.csv", "--upsert"]).exits(0);
    let counted = project.sql(&format!("SELECT count(*) AS n FROM things WHERE id >= {first}"));
    assert_eq!(counted[0]["n"], 2_501);

    let changes = project.run(&["--json", "changes", "--table", "things"]).exits(0);
    assert!(changes.out.lines().any(|line| line.contains(r#""name":"by hand""#)), "{}", &changes.out[..500]);
    project.run(&["verify"]).exits(0);
    assert_eq!(project.run(&["--json", "pause", "copy.backup"]).exits(0).json()["state"], "paused");
    project.run(&["resume", "copy.backup"]).exits(0);
    project.run(&["verify", "copy.backup"]).exits(0);
    project.run(&["repair", "copy.backup"]).exits(0);
    let all = project.sql("SELECT count(*) AS n FROM things")[0]["n"].clone();
    let rebuilt = project.run(&["--json", "rebuild", "copy.backup"]).exits(0).json();
    assert_eq!((&rebuilt["done"], &rebuilt["rows"]), (&json!(true), &all));
    let status = project.run(&["--json", "status"]).exits(0).json();
    assert_eq!((&status["ready"], &status["truth"]["engine"]), (&json!(true), &json!("postgres")));
    assert_eq!(status["log"]["engine"], "embedded");
}

#[test]
fn every_command_works_on_postgresql() {
    let Some(server) = Postgres::start() else { return };
    let (project, _database) = project(&server, "");
    assert!(project.run(&["migrate", "plan", "--check"]).exits(1).out.contains("pending"));
    assert!(project.run(&["migrate", "apply"]).exits(0).out.contains("applied"));
    project.run(&["migrate", "status", "--check"]).exits(0);
    use_everything(&project, 1);
    let mut serving = project.serve();
    assert_eq!(serving.request("POST", "/transactions", &insert(5_000)).0, 200);
    use_everything(&project, 10_000);
    assert_eq!(serving.request("GET", "/readyz", "").0, 200);
    let refused = project.run(&["--json", "rebuild", "log"]).exits(1).error();
    assert_eq!(refused["code"], "0A000", "a log that goes on is not thrown away");
    assert_eq!(serving.terminate(Duration::from_secs(10)).0.code(), Some(0));
}

#[test]
fn tables_that_were_there_before_are_served_as_they_are() {
    let Some(server) = Postgres::start() else { return };
    let (project, database) = project(&server, "[schema]\nexisting = true\n");
    server.psql(&database.name, &format!("{TABLE} INSERT INTO things VALUES (0, 'long ago')")).unwrap();
    use_everything(&project, 1);
    let mut serving = project.serve();
    assert_eq!(serving.request("POST", "/transactions", &insert(5_000)).0, 200);
    use_everything(&project, 10_000);
    let refused = project.run(&["--json", "migrate", "apply"]).exits(2).error();
    assert_eq!(refused["code"], "BRGCFG");
    assert_eq!(serving.terminate(Duration::from_secs(10)).0.code(), Some(0));
}

/// Sends writes until one is answered as expected: the time since `began`. Each is answered within five seconds.
fn until_written(serving: &Server, began: Instant, ids: &mut impl Iterator<Item = u32>, expected: u16) -> Duration {
    loop {
        let asked = Instant::now();
        let (status, body) = serving.request("POST", "/transactions", &insert(ids.next().unwrap()));
        assert!(asked.elapsed() < Duration::from_secs(5), "answered {status} after {:?}", asked.elapsed());
        if status == expected {
            if status == 503 {
                let error: Value = serde_json::from_str(&body).unwrap();
                assert_eq!(error["error"]["code"].as_str().or(error["code"].as_str()), Some("BRG503"), "{body}");
            }
            return began.elapsed();
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{status} {body}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn until_ready(serving: &Server, began: Instant, expected: u16, limit: Duration) -> Duration {
    loop {
        let (status, body) = serving.request("GET", "/readyz", "");
        if status == expected {
            return began.elapsed();
        }
        assert!(began.elapsed() < limit, "{status} {body}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What every outage must look like: refusals in time, and everything back without a restart.
fn check_outage(server: Postgres, go: impl Fn(&mut Postgres), come_back: impl Fn(&mut Postgres)) {
    let mut server = server;
    let (project, _database) = project(&server, "");
    let serving = project.serve();
    let mut ids = 1..;
    until_written(&serving, Instant::now(), &mut ids, 200);
    until_ready(&serving, Instant::now(), 200, Duration::from_secs(15));

    go(&mut server);
    let began = Instant::now();
    let refused = until_written(&serving, began, &mut ids, 503);
    let unready = until_ready(&serving, began, 503, Duration::from_secs(15));
    assert_eq!(serving.request("GET", "/livez", "").0, 200);
    // The log notices it by itself.
    while !serving.request("GET", "/readyz", "").1.contains("log: ") {
        assert!(began.elapsed() < Duration::from_secs(20), "the log says nothing");
        std::thread::sleep(Duration::from_millis(200));
    }

    come_back(&mut server);
    let began = Instant::now();
    let written = until_written(&serving, began, &mut ids, 200);
    let ready = until_ready(&serving, began, 200, Duration::from_secs(30));
    project.run(&["verify"]).exits(0);
    let recovered = began.elapsed();
    assert!(recovered < Duration::from_secs(30), "{recovered:?}");
    eprintln!("refused {refused:?}, unready {unready:?}; written {written:?}, ready {ready:?}, verified {recovered:?}");
}

#[test]
fn a_server_that_is_away_is_said_in_time_and_all_is_well_after_it_returns() {
    let Some(server) = Postgres::start_own() else { return };
    check_outage(server, Postgres::kill, |server| server.restart().unwrap());
}

/// A frozen server takes connections and says nothing: nobody but brigade's own clock notices.
#[test]
fn a_server_that_is_frozen_is_said_in_time_and_all_is_well_after_it_goes_on() {
    let Some(server) = Postgres::start_own() else { return };
    check_outage(server, |server| server.freeze(), |server| server.thaw());
}
