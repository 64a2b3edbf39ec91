//! A migration that meets rows which it cannot take: it says where it stands, which table and which column or constraint, and
//! what to do; nothing of it is applied.

use brigade::{Brigade, OpenOptions};

use crate::support::{TestProject, on_every_engine};

const INIT: &str = "CREATE TABLE a (id integer PRIMARY KEY, n integer, s text, raw bytea);
CREATE TABLE b (id integer PRIMARY KEY, a_id integer);
INSERT INTO a (id, n, s) VALUES (1, -5, 'x'), (2, NULL, 'x');
INSERT INTO b (id, a_id) VALUES (10, 1), (11, 99);
";

/// The migration, its SQLSTATE, and what message and details say together.
const CASES: [(&str, &str, &[&str]); 9] = [
    ("INSERT INTO a (id) VALUES (1)", "23505", &["a_pkey", "(id)"]),
    ("INSERT INTO a (id, n) VALUES (NULL, 1)", "23502", &["table a", "column id"]),
    ("INSERT INTO a (id, raw) VALUES (3, '\\xzz')", "22023", &["table a"]),
    ("ALTER TABLE a ALTER COLUMN n SET NOT NULL", "23502", &["table a", "column n"]),
    ("ALTER TABLE a ADD CONSTRAINT positive CHECK (n > 0)", "23514", &["table a", "constraint positive"]),
    ("ALTER TABLE a ADD CONSTRAINT one_s UNIQUE (s)", "23505", &["one_s", "(s)"]),
    ("CREATE UNIQUE INDEX one_s ON a (s)", "23505", &["one_s", "(s)"]),
    (
        "ALTER TABLE b ADD CONSTRAINT b_of_a FOREIGN KEY (a_id) REFERENCES a (id)",
        "23503",
        &["b_of_a", "\"a\"", "\"b\""],
    ),
    ("ALTER TABLE a ALTER COLUMN s TYPE integer USING s::integer", "22P02", &["table a", "column s"]),
];

#[test]
fn a_row_that_a_migration_cannot_take_is_named_with_its_mend() {
    on_every_engine(|engine| async move {
        for (sql, code, words) in CASES {
            let project = TestProject::new(&engine, INIT, "");
            project.open().await.close().await;
            project.write("migrations/0002_met.sql", &format!("CREATE TABLE c (id integer PRIMARY KEY);\n{sql};\n"));
            let error = match Brigade::open(OpenOptions::project(project.dir())).await {
                Ok(_) => panic!("{}: {sql} was applied", project.engine),
                Err(error) => error,
            };
            let said = format!("{} {}", error.message(), error.get_details().unwrap_or_default());
            assert_eq!(error.code(), code, "{} {sql}: {said}", project.engine);
            assert!(said.starts_with("0002_met.sql:2:"), "{} {sql}: {said}", project.engine);
            assert!(words.iter().all(|word| said.contains(word)), "{} {sql}: {words:?}: {said}", project.engine);
            assert!(error.get_hint().is_some_and(|hint| hint.contains("apply it again")), "{} {sql}", project.engine);
        }
    });
}
