//! Migrations through the front door: applied once, in order, whole; a mistake is named and changes nothing.

use brigade::{Brigade, OpenOptions, Row, data::Op, filter, log::After};

use crate::support::{TestProject, on_every_engine, quiet};

const INIT: &str = "CREATE TABLE a (id integer PRIMARY KEY, n integer NOT NULL DEFAULT 1);
CREATE TABLE b (id integer PRIMARY KEY, a_id integer REFERENCES a (id) ON DELETE CASCADE);
INSERT INTO a (id) VALUES (1), (2);
INSERT INTO b (id, a_id) VALUES (10, 1), (11, 2);
";

async fn error_of(project: &TestProject) -> brigade::data::Error {
    match Brigade::open(OpenOptions::project(project.dir())).await {
        Ok(_) => panic!("{}: opened", project.engine),
        Err(error) => error,
    }
}

#[test]
fn files_that_changed_or_went_are_named() {
    on_every_engine(|engine| async move {
        let project = TestProject::new(&engine, INIT, "");
        project.write("migrations/0002_more.sql", "CREATE TABLE c (id integer PRIMARY KEY);");
        project.open().await.close().await;
        let cases: [(&str, &str, &str); 3] = [
            ("0002_more.sql", "CREATE TABLE c (id bigint PRIMARY KEY);", "0002_more.sql"),
            ("0004_gap.sql", "CREATE TABLE d (id integer PRIMARY KEY);", "0003"),
            ("0002_more.sql", "", ""),
        ];
        for (file, text, named) in &cases[..2] {
            let path = project.dir().join("migrations").join(file);
            let old = std::fs::read_to_string(&path).ok();
            project.write(&format!("migrations/{file}"), text);
            let error = error_of(&project).await;
            let said = format!("{error} {:?}", error.get_details());
            assert!(said.contains(named), "{}: {said}", project.engine);
            match old {
                Some(old) => project.write(&format!("migrations/{file}"), &old),
                None => std::fs::remove_file(path).unwrap(),
            }
        }
        std::fs::remove_file(project.dir().join("migrations/0002_more.sql")).unwrap();
        let error = error_of(&project).await;
        assert!(format!("{error} {:?}", error.get_details()).contains("more"), "{error}");
    });
}

#[test]
fn a_broken_migration_names_its_place_and_changes_nothing() {
    on_every_engine(|engine| async move {
        for (text, place) in [
            ("CREATE TABLE c (id integer PRIMARY KEY);\n  CREATE TABLE d (id integr);", "0002_bad.sql:2:"),
            ("CREATE TABLE c (id integer PRIMARY KEY);\nSELEC 1;", "0002_bad.sql:2:"),
            ("CREATE TABLE c (id integer PRIMARY KEY);\nALTER TABLE nope ADD COLUMN x integer;", "0002_bad.sql:2:"),
            ("CREATE TABLE c (id integer PRIMARY KEY);\nINSERT INTO a (id) VALUES (1);", "0002_bad.sql:2:"),
        ] {
            let project = TestProject::new(&engine, INIT, "");
            project.open().await.close().await;
            project.write("migrations/0002_bad.sql", text);
            let error = error_of(&project).await;
            assert!(error.message().starts_with(place), "{} {text}: {error}", project.engine);
            std::fs::remove_file(project.dir().join("migrations/0002_bad.sql")).unwrap();
            let brigade = project.open().await;
            assert!(brigade.query("SELECT * FROM c", false, 1).await.is_err(), "nothing of it is there");
            assert_eq!(brigade.query("SELECT * FROM b", false, 10).await.unwrap().rows.len(), 2);
            brigade.close().await;
        }
    });
}

#[test]
fn tables_change_under_their_rows() {
    on_every_engine(|engine| async move {
        let project = TestProject::new(&engine, INIT, "[copy.all]\n");
        let brigade = project.open().await;
        project.write(
            "migrations/0002_change.sql",
            "ALTER TABLE a ADD COLUMN note text NOT NULL DEFAULT 'x';
             ALTER TABLE a ADD CONSTRAINT small CHECK (n < 100);
             ALTER TABLE a RENAME COLUMN n TO size;
             ALTER TABLE b RENAME TO children;
             ALTER TABLE a DROP COLUMN note;
             CREATE TYPE kind AS ENUM ('one');
             ALTER TABLE a ADD COLUMN kind kind NOT NULL DEFAULT 'one';
             CREATE INDEX a_size ON a (size DESC) WHERE size > 5;
             CREATE VIEW big AS SELECT id, size FROM a WHERE size > 5;",
        );
        project.write("migrations/0003_label.sql", "ALTER TYPE kind ADD VALUE 'two';");
        assert_eq!(brigade.migrate().await.unwrap().len(), 2, "{}", project.engine);
        assert_eq!(brigade.query("SELECT * FROM children", false, 10).await.unwrap().rows.len(), 2, "no child is lost");
        let update = Row::new().set("size", 7).set("kind", "two");
        let receipt = brigade.transaction().update("a", filter("id", 1), update).expect(1).commit().await.unwrap();
        let refused = brigade.transaction().update("a", filter("id", 1), Row::new().set("size", 100)).commit().await;
        assert_eq!(refused.unwrap_err().code(), "23514");
        brigade.transaction().delete("a", filter("id", 2)).expect(1).commit().await.unwrap();
        assert_eq!(
            brigade.query("SELECT * FROM children", false, 10).await.unwrap().rows.len(),
            1,
            "cascades still work"
        );
        assert_eq!(brigade.query("SELECT * FROM big", false, 10).await.unwrap().rows.len(), 1);
        brigade.wait_for(receipt.position, std::time::Duration::from_secs(10)).await.unwrap();
        let mut schema_changes = Vec::new();
        let mut follower = brigade.follow(After::Oldest, None, false).await.unwrap();
        while let Some(changes) = follower.next().await.unwrap() {
            schema_changes.extend(changes.into_iter().filter(|c| c.op == Op::Schema).filter_map(|c| c.schema));
        }
        let numbers: Vec<u32> = schema_changes.iter().map(|s| s.number).collect();
        assert_eq!(numbers, [1, 2, 3], "{}: every migration is in the log", project.engine);
        let verification = brigade.verify("copy.all", quiet()).await.unwrap();
        assert!(verification.differences.is_empty(), "{}: {:?}", project.engine, verification.differences);
        brigade.close().await;
        project.open().await.close().await;
    });
}

#[test]
fn touch_keeps_the_time_of_the_newest_change() {
    on_every_engine(|engine| async move {
        let schema =
            "CREATE TABLE t (id integer PRIMARY KEY, n integer, updated_at timestamptz NOT NULL DEFAULT now());";
        let project = TestProject::new(&engine, schema, "[tables.t]\ntouch = \"updated_at\"\n");
        let brigade = project.open().await;
        let write = brigade.transaction().insert("t", Row::new().set("id", 1)).returning(&["updated_at"]);
        let first = write.commit().await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        let write =
            brigade.transaction().update("t", filter("id", 1), Row::new().set("n", 1)).returning(&["updated_at"]);
        let second = write.commit().await.unwrap();
        let time = |r: &brigade::data::Receipt| r.results[0].returned.as_ref().unwrap().rows[0][0].clone();
        let (brigade::data::Value::TimestampTz(a), brigade::data::Value::TimestampTz(b)) =
            (time(&first), time(&second))
        else {
            panic!()
        };
        assert!(b > a, "{}: {a} {b}", project.engine);
        brigade.wait_for(second.position, std::time::Duration::from_secs(10)).await.unwrap();
        let mut follower = brigade.follow(After::Oldest, None, false).await.unwrap();
        let mut images = Vec::new();
        while let Some(changes) = follower.next().await.unwrap() {
            images.extend(changes.into_iter().filter_map(|c| c.after));
        }
        assert_eq!(images.len(), 2, "{}: a touched row is one change", project.engine);
        assert_eq!(images[1][2], brigade::data::Value::TimestampTz(b));
        brigade.close().await;
    });
}

#[test]
fn mysqls_index_inside_a_table_is_an_index_everywhere() {
    on_every_engine(|engine| async move {
        let schema = "CREATE TABLE t (id integer PRIMARY KEY, a integer, b integer, INDEX t_a (a DESC), KEY (b));";
        let project = TestProject::new(&engine, schema, "[copy.all]\n");
        let brigade = project.open().await;
        assert_eq!(brigade.model().table("t").unwrap().indexes.len(), 2, "{}", project.engine);
        brigade.transaction().insert("t", Row::new().set("id", 1).set("a", 2)).commit().await.unwrap();
        let catalog = if project.engine == "postgres" {
            "SELECT indexname FROM pg_indexes WHERE tablename = 't' AND indexname <> 't_pkey'"
        } else {
            "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 't' AND sql IS NOT NULL"
        };
        assert_eq!(brigade.query(catalog, false, 10).await.unwrap().rows.len(), 2, "{}", project.engine);
        brigade.close().await;
    });
}
