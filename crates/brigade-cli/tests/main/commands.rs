//! Commands without a server: usage, configuration, SQL, migrations.

use std::fs;

use crate::running::{Project, brigade};

/// Runs a command in a fresh project and compares exit code and words of what it said.
#[track_caller]
fn check(project: &Project, arguments: &[&str], exit: i32, out: &[&str], err: &[&str]) {
    let said = project.run(arguments).exits(exit);
    for word in out {
        assert!(said.out.contains(word), "{arguments:?} does not say {word:?}: {said:?}");
    }
    for word in err {
        assert!(said.err.contains(word), "{arguments:?} does not say {word:?}: {said:?}");
    }
    assert!(exit == 0 || out.len() + err.len() > 0);
    assert!(!said.err.contains("panicked"), "{said:?}");
}

#[test]
fn mistakes_of_usage_are_exit_code_2_and_stay_off_standard_output() {
    let project = Project::new();
    for (arguments, words) in [
        (&["frobnicate"][..], &["unrecognized subcommand"][..]),
        (&["serve", "--listen", "0.0.0.0:0"], &["error: ", "loopback", "127.0.0.1"]),
        (&["serve", "--listen", "nonsense"], &["error: "]),
        (&["serve", "nowhere"], &["no project", "brigade init nowhere"]),
        (&["load", "notes"], &["load"]),
        (&["load", "notes", "missing.csv"], &["missing.csv cannot be read"]),
        (&["load", "notes", "README.md"], &["--format"]),
        (&["migrate", "apply", "--check"], &["--check"]),
        (&["verify", "copy.nothing"], &["copy.nothing"]),
        (&["changes", "--after", "nonsense"], &["position"]),
    ] {
        let said = project.run(arguments).exits(2);
        assert_eq!(said.out, "", "{arguments:?}");
        // "loopback" may be said in other words.
        for word in words.iter().filter(|w| **w != "loopback") {
            assert!(said.err.contains(word), "{arguments:?} does not say {word:?}: {said:?}");
        }
    }
    assert_eq!(project.run(&["--json", "frobnicate"]).exits(2).error()["code"], "BRGCFG");
    assert_eq!(project.run(&["--json", "serve", "nowhere"]).exits(2).error()["code"], "BRGCFG");
    assert_eq!(project.run(&[]).exit, 2);
    project.run(&["--help"]).exits(0);
    assert!(project.run(&["--version"]).exits(0).out.starts_with("brigade "));
}

#[test]
fn init_overwrites_nothing() {
    let project = Project::new();
    project.write("migrations/0001_init.sql", "-- mine");
    for name in ["brigade.toml", "README.md", ".gitignore"] {
        fs::remove_file(project.file(name)).unwrap();
    }
    check(&project, &["init", "."], 2, &[], &["0001_init.sql is there already"]);
    assert_eq!(fs::read_to_string(project.file("migrations/0001_init.sql")).unwrap(), "-- mine");
    assert!(!project.file("brigade.toml").exists());
}

#[test]
fn what_is_wrong_in_the_projects_files_is_said_with_its_place() {
    let project = Project::new();
    project.write("brigade.toml", "[log]\nkepe = \"24h\"\n");
    check(&project, &["status"], 2, &[], &["brigade.toml:2", "keep"]);
    points_at(&project.run(&["status"]).err, "kepe");
    check(&project, &["serve", "--listen", "127.0.0.1:0"], 2, &[], &["brigade.toml:2", "keep"]);
    project.write("brigade.toml", "name = \"x\n");
    check(&project, &["status"], 2, &[], &["brigade.toml:1"]);

    project.write("brigade.toml", "");
    project.write("migrations/0001_init.sql", "CREATE TABLE a (id int PRIMARY KEY);\nCREATE TABEL b (id int);\n");
    for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["migrate", "plan"], &["status"]] {
        let said = project.run(command).exits(2);
        assert!(said.err.starts_with("error: 0001_init.sql:2:8: syntax error"), "{said:?}");
        assert!(said.err.contains("did you mean TABLE?"), "{said:?}");
        points_at(&said.err, "TABEL");
    }

    project.write("migrations/0001_init.sql", "CREATE TABLE a (id int PRIMARY KEY);\n");
    project.write("migrations/0003_late.sql", "CREATE TABLE b (id int PRIMARY KEY);\n");
    check(&project, &["serve", "--listen", "127.0.0.1:0"], 2, &[], &["0002", "0003_late.sql"]);
}

/// The caret stands below the first letter of what is wrong.
#[track_caller]
fn points_at(shown: &str, wrong: &str) {
    let lines: Vec<&str> = shown.lines().collect();
    let caret = lines.iter().position(|line| line.trim() == "^").unwrap_or_else(|| panic!("no caret in {shown}"));
    assert_eq!(lines[caret].find('^'), lines[caret - 1].find(wrong), "{shown}");
}

#[test]
fn a_data_folder_that_cannot_be_written_is_named() {
    let project = Project::new();
    project.write("file", "");
    for command in [&["status"][..], &["serve", "--listen", "127.0.0.1:0"]] {
        let arguments = [command, &["--data", "file/data"]].concat();
        check(&project, &arguments, 2, &[], &["file/data", "--data"]);
    }
}

#[test]
fn migrations_are_planned_checked_and_applied() {
    let project = Project::new();
    check(&project, &["migrate", "plan", "--check"], 1, &["0001", "init", "pending"], &[]);
    check(&project, &["migrate", "apply"], 0, &["0001", "init", "applied"], &[]);
    check(&project, &["migrate", "apply"], 0, &["nothing is pending"], &[]);
    check(&project, &["migrate", "status", "--check"], 0, &["applied"], &[]);
    project.write("migrations/0002_more.sql", "CREATE TABLE more (id integer PRIMARY KEY);");
    let status = project.run(&["--json", "migrate", "status", "--check"]).exits(1).json();
    let states: Vec<&str> = status.as_array().unwrap().iter().map(|m| m["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["applied", "pending"]);
    let applied = fs::read_to_string(project.file("migrations/0001_init.sql")).unwrap();
    project.write("migrations/0001_init.sql", &format!("{applied}-- edited\n"));
    check(&project, &["migrate", "status"], 2, &[], &["0001_init.sql"]);
}

#[test]
fn a_migration_that_cannot_be_applied_says_where_before_and_while_it_is() {
    let project = Project::with("CREATE TABLE t (id integer PRIMARY KEY, name text UNIQUE);");
    project.run(&["migrate", "apply"]).exits(0);
    // What SQLite cannot keep is known to the plan.
    project.write(
        "migrations/0002_more.sql",
        "CREATE TABLE u (id integer PRIMARY KEY);\nALTER TABLE t ADD found tsvector;\n",
    );
    for action in ["plan", "status", "apply"] {
        let told = ["0002_more.sql:2:25: sqlite has no type tsvector (column found)", "hint: use text", "code: 0A000"];
        check(&project, &["migrate", action], 2, &[], &told);
    }
    // Which rows there are is known only while it runs: then in the words of a transaction.
    let twice = "INSERT INTO t (id, name) VALUES (1, 'a');\nINSERT INTO t (id, name) VALUES (2, 'a');\n";
    project.write("migrations/0002_more.sql", twice);
    check(&project, &["migrate", "plan"], 0, &["0002", "pending"], &[]);
    let told = "error: 0002_more.sql:2:1: duplicate key value violates unique constraint \"t_name_key\"";
    check(&project, &["migrate", "apply"], 2, &[], &[told, "Key (name)", "code: 23505"]);
    assert_eq!(project.sql("SELECT id FROM t"), serde_json::json!([]));
}

#[test]
fn without_a_server_status_says_how_the_copies_are() {
    let project = Project::with("CREATE TABLE t (id integer PRIMARY KEY);");
    project.run(&["migrate", "apply"]).exits(0);
    let copy = |exit: i32| {
        let status = project.run(&["--json", "status"]).exits(exit).json();
        (status["projections"][0].clone(), status["ready"].clone())
    };
    let (backup, ready) = copy(0);
    assert_eq!((&backup["name"], &backup["state"], &ready), (&"copy.backup".into(), &"waiting".into(), &true.into()));
    assert_eq!(backup["last_error"], "it is filled when a server runs");
    let mut server = project.serve();
    while !server.request("GET", "/status", "").1.contains("\"running\"") {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    server.terminate(std::time::Duration::from_secs(10));
    project.run(&["sql", "--write", "INSERT INTO t VALUES (1)"]).exits(0);
    let (backup, _) = copy(0);
    assert_eq!((&backup["lag_changes"], &backup["last_error"]), (&1.into(), &"no server runs".into()), "{backup}");
    // Another truth in its place: the copy is of a history that is gone.
    for file in ["truth.db", "truth.db-wal", "truth.db-shm"] {
        let _ = fs::remove_file(project.file(&format!("data/{file}")));
    }
    project.run(&["migrate", "apply"]).exits(0);
    let (backup, ready) = copy(1);
    assert_eq!((&backup["state"], &ready), (&"stopped".into(), &false.into()), "{backup}");
    assert!(backup["last_error"].as_str().unwrap().starts_with("rebuild needed: "), "{backup}");
}

#[test]
fn sql_reads_and_writes_only_when_asked_to() {
    let project = Project::with("CREATE TABLE t (id integer PRIMARY KEY, price numeric(10,2), name text);");
    project.run(&["migrate", "apply"]).exits(0);
    check(&project, &["sql", "INSERT INTO t VALUES (1, 2, 'x')"], 1, &[], &["25006"]);
    check(&project, &["sql", "INSERT INTO t (id, name) VALUES (1, 'x y')", "--write"], 0, &["1 row affected"], &[]);
    check(&project, &["sql", ".", "SELECT id, name, price FROM t"], 0, &["id", "x y", "NULL"], &["(1 row)"]);
    let rows = project.sql("SELECT id, name FROM t");
    assert_eq!(rows, serde_json::json!([{"id": 1, "name": "x y"}]));
    check(&project, &["sql", "SELECT * FROM missing"], 1, &[], &["error: "]);
    check(&project, &["sql", "SELEC 1"], 1, &[], &["error: "]);
    check(&project, &["sql", "SELECT 1 UNION SELECT 2", "--limit", "1"], 0, &["1"], &["--limit"]);
    // What SQL wrote is in the log like any other change.
    let changes = project.run(&["--json", "changes", "--table", "t"]).exits(0);
    let change: serde_json::Value = serde_json::from_str(changes.out.lines().next().unwrap()).unwrap();
    assert_eq!((&change["op"], &change["after"]["name"]), (&"insert".into(), &"x y".into()));
    check(&project, &["changes", "--table", "t"], 0, &["insert", "id=1", "name=\"x y\""], &["--after "]);
}

#[test]
fn a_reader_that_has_enough_ends_the_command_quietly() {
    let project = Project::with("CREATE TABLE t (id integer PRIMARY KEY);");
    project.run(&["migrate", "apply"]).exits(0);
    let rows: Vec<String> = (0..5_000).map(|n| format!("({n})")).collect();
    project.run(&["sql", "--write", &format!("INSERT INTO t VALUES {}", rows.join(","))]).exits(0);
    let mut child = brigade(&["--json", "changes"])
        .current_dir(project.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"), "{output:?}");
}
