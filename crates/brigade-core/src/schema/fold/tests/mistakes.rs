//! Mistakes: each has its code, its place and its mend.

use crate::schema::{MigrationFile, Model, migrations};

use super::wrong;

#[test]
fn a_misspelt_keyword_is_told_with_the_nearest_one() {
    for (text, near) in [
        ("CRAETE TABLE u (a int)", "CREATE"),
        ("CREATE TABEL u (a int)", "TABLE"),
        ("CREATE OR REPLACE VEIW v AS SELECT 1", "VIEW"),
        ("ALTER TABEL u ADD b int", "TABLE"),
        ("DROP INDXE u", "INDEX"),
    ] {
        let file = MigrationFile { name: "0001_t.sql".to_owned(), text: text.to_owned() };
        let error = migrations(vec![file]).unwrap_err();
        assert_eq!((error.code(), error.get_hint()), ("42601", Some(&*format!("did you mean {near}?"))), "{text}");
    }
}

#[test]
fn every_mistake_has_its_code_place_and_mend() {
    let made = "CREATE TABLE t (id int PRIMARY KEY, a text, b int);\n";
    for (text, code, message) in [
        (
            "CREATE TABLE u (a int,, b int)",
            "42601",
            "2:23: syntax error: expected column name or constraint definition, found ,",
        ),
        ("CRAETE TABLE u (a int)", "42601", "2:1: syntax error at or near \"CRAETE\""),
        ("CREATE TABEL u (a int)", "42601", "2:8: syntax error at or near \"TABEL\""),
        ("CREATE OR REPLACE VEIW u AS SELECT 1", "42601", "2:19: syntax error at or near \"VEIW\""),
        ("ALTER TABEL t ADD c int", "42601", "2:7: syntax error at or near \"TABEL\""),
        ("CREATE TABLE t (a int)", "42P07", "2:14: table \"t\" already exists"),
        ("CREATE TABLE u (a int, A int)", "42701", "2:24: column \"a\" of table \"u\" already exists"),
        ("CREATE TABLE u (a itn)", "42704", "2:19: column \"a\": type \"itn\" does not exist"),
        ("CREATE TABLE u (\n  a BLOB)", "42704", "3:5: column \"a\": type \"blob\" does not exist"),
        (
            "CREATE TABLE u (a timestamp(3))",
            "0A000",
            "2:19: column \"a\": timestamp with fewer than six digits of a second is not kept on every engine",
        ),
        ("CREATE TABLE u (a int REFERENCES tt)", "42P01", "2:34: table \"tt\" does not exist"),
        ("CREATE TABLE u (a int REFERENCES t (x))", "42703", "2:37: column \"x\" of table \"t\" does not exist"),
        ("CREATE TABLE u (a int REFERENCES t (b))", "42830", "2:37: table \"t\" has no unique key on (b)"),
        (
            "CREATE TABLE u (a text REFERENCES t)",
            "42804",
            "2:17: column \"a\" is text and points at \"t.id\", which is integer",
        ),
        (
            "CREATE TABLE u (a int, FOREIGN KEY (z) REFERENCES t)",
            "42703",
            "2:37: column \"z\" of table \"u\" does not exist",
        ),
        ("CREATE TABLE u (a int PRIMARY KEY, b int PRIMARY KEY)", "42P16", "2:14: table \"u\" has two primary keys"),
        ("CREATE TABLE u (a int, UNIQUE (b))", "42703", "2:32: column \"b\" of table \"u\" does not exist"),
        ("CREATE TABLE u (a int CHECK (aa > 0))", "42703", "2:30: column \"aa\" of table \"u\" does not exist"),
        (
            "CREATE TABLE u (a text DEFAULT active)",
            "0A000",
            "2:32: the default of column \"a\" names a column, \"active\"",
        ),
        (
            "CREATE TABLE u (a text GENERATED ALWAYS AS IDENTITY)",
            "22023",
            "2:17: identity column \"a\" is of type text",
        ),
        (
            "CREATE TABLE u (a int GENERATED ALWAYS AS IDENTITY (START WITH 10 INCREMENT BY 2))",
            "0A000",
            "2:53: an identity column counts from 1 by 1: other options are not kept on every engine",
        ),
        ("CREATE TABLE app.u (a int)", "3F000", "2:14: schema \"app\": only public is known"),
        ("CREATE UNLOGGED TABLE u (a int)", "0A000", "2:23: an UNLOGGED table is not kept on every engine"),
        ("CREATE TABLE sqlite_u (a int)", "42939", "2:14: \"sqlite_u\": names that begin with sqlite_ are reserved"),
        (
            "CREATE TABLE \"T\" (a int)",
            "0A000",
            "2:14: \"T\" and \"t\" differ by case alone: not every engine tells them apart",
        ),
        (
            "ALTER TABLE t ADD \"A\" int",
            "0A000",
            "2:19: \"A\" and \"a\" differ by case alone: not every engine tells them apart",
        ),
        ("CREATE INDEX i ON t (c)", "42703", "2:22: column \"c\" of table \"t\" does not exist"),
        ("CREATE INDEX t_pkey ON t (a)", "42P07", "2:14: \"t_pkey\" already exists, of table \"t\""),
        ("CREATE INDEX i ON tt (a)", "42P01", "2:19: table \"tt\" does not exist"),
        (
            "CREATE INDEX CONCURRENTLY i ON t (a)",
            "25001",
            "2:14: CONCURRENTLY cannot run inside the transaction that a migration is",
        ),
        ("DROP INDEX t_pkey", "2BP01", "2:12: index \"t_pkey\" belongs to a constraint of table \"t\""),
        ("DROP INDEX nothing", "42704", "2:12: index \"nothing\" does not exist"),
        ("DROP TABLE u", "42P01", "2:12: table \"u\" does not exist"),
        ("ALTER TABLE u ADD a int", "42P01", "2:13: table \"u\" does not exist"),
        ("ALTER TABLE t ADD a int", "42701", "2:19: column \"a\" of table \"t\" already exists"),
        ("ALTER TABLE t DROP c", "42703", "2:20: column \"c\" of table \"t\" does not exist"),
        ("ALTER TABLE t RENAME a TO b", "42701", "2:27: column \"b\" of table \"t\" already exists"),
        ("ALTER TABLE t DROP CONSTRAINT c", "42704", "2:31: constraint \"c\" of table \"t\" does not exist"),
        (
            "ALTER TABLE t ALTER a TYPE int USING length(a)",
            "0A000",
            "2:21: column \"a\": USING with more than a cast of the column itself",
        ),
        (
            "ALTER TABLE t ALTER id DROP NOT NULL",
            "42P16",
            "2:21: column \"id\" is part of the primary key or an identity",
        ),
        (
            "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
            "0A000",
            "2:1: ALTER TABLE … ENABLE ROW LEVEL SECURITY cannot be kept on every engine",
        ),
        (
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$",
            "0A000",
            "2:1: CREATE FUNCTION cannot be kept on every engine",
        ),
        ("DO $$ BEGIN END $$", "0A000", "2:1: DO cannot be kept on every engine"),
        ("CREATE POLICY p ON t USING (true)", "0A000", "2:1: CREATE POLICY cannot be kept on every engine"),
        ("CREATE SEQUENCE s", "0A000", "2:1: CREATE SEQUENCE cannot be kept on every engine"),
        ("SET search_path = app, public", "3F000", "2:1: a schema other than public"),
        ("DROP SCHEMA app", "0A000", "2:1: DROP SCHEMA cannot be kept on every engine"),
        ("BEGIN", "25001", "2:1: BEGIN in a migration"),
        ("  COMMIT", "25001", "2:3: COMMIT in a migration"),
        ("SAVEPOINT a", "25001", "2:1: SAVEPOINT in a migration"),
        ("VACUUM t", "25001", "2:1: VACUUM in a migration"),
    ] {
        wrong(&format!("{made}{text}"), code, &format!("0001_t.sql:{message}"));
    }
}

#[test]
fn a_script_for_postgresql_leaves_the_model_alone() {
    let apply = |text: &str| {
        let file = |name: &str, text: &str| MigrationFile { name: name.to_string(), text: text.to_string() };
        let common =
            "CREATE TYPE m AS ENUM ('a'); CREATE TABLE t (a int); CREATE INDEX i ON t (a); CREATE VIEW v AS SELECT 1";
        let files = vec![file("0001_t.sql", common), file("0001_t.postgres.sql", text)];
        Model::default().apply(&migrations(files).unwrap()[0])
    };
    apply("DROP INDEX IF EXISTS other; CREATE VIEW w AS SELECT 1; CREATE TYPE c AS (a int)").unwrap();
    for (text, place) in [
        ("DROP INDEX i", "1:12: \"i\""),
        ("DROP VIEW x, v", "1:14: \"v\""),
        ("DROP TYPE m", "1:11: \"m\""),
        ("ALTER INDEX i RENAME TO j", "1:13: \"i\""),
        ("ALTER TYPE m RENAME TO n", "1:12: \"m\""),
        ("CREATE OR REPLACE VIEW v AS SELECT 2", "1:24: \"v\""),
    ] {
        let error = apply(text).expect_err(text);
        let message =
            format!("0001_t.postgres.sql:{place} belongs to all engines: the model would not know of the change");
        assert_eq!((error.code(), error.message()), ("0A000", message.as_str()));
    }
}
