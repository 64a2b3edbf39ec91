//! ALTER, DROP, enums and views: what goes along, and what is in the way.

use super::{check, model, wrong};

#[test]
fn altering_a_table() {
    check(
        "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE t (a int, b int CHECK (b > 0), c text, UNIQUE (a, c));
         ALTER TABLE t ADD COLUMN d int NOT NULL DEFAULT 1 REFERENCES p, ADD COLUMN IF NOT EXISTS a int, DROP COLUMN b;
         ALTER TABLE t ADD PRIMARY KEY (a), ALTER c TYPE varchar(5) USING c::varchar(5), ALTER COLUMN c SET NOT NULL;
         ALTER TABLE t ADD CONSTRAINT positive CHECK (a > 0); ALTER TABLE t RENAME COLUMN a TO z;
         ALTER TABLE t RENAME CONSTRAINT t_a_c_key TO u; ALTER TABLE t ALTER d DROP DEFAULT;
         CREATE INDEX i ON t (z) WHERE z > 1; ALTER TABLE t RENAME TO r; ALTER TABLE IF EXISTS t ADD COLUMN x int;
         ALTER TABLE r DROP CONSTRAINT IF EXISTS nothing; ALTER TABLE p RENAME COLUMN id TO pid;
         CREATE TABLE dropped (a int); DROP TABLE dropped; DROP TABLE IF EXISTS dropped",
        "r",
        &[
            "z integer not null",
            "c varchar(5) not null",
            "d integer not null",
            "primary t_pkey (z)",
            "unique u (z,c)",
            "foreign t_d_fkey (d) p(pid) NoAction NoAction No",
            "check positive z > 0",
            "index i (z) where z > 1",
        ],
    );
}

#[test]
fn dropping_a_column_takes_its_keys_indexes_and_checks() {
    check(
        "CREATE TABLE t (a int PRIMARY KEY, b int, c int, UNIQUE (b, c), CHECK (b < c), CHECK (c > 0));
         CREATE INDEX i ON t (c); CREATE INDEX j ON t (a) WHERE b > 0; CREATE UNIQUE INDEX k ON t ((b + 1));
         CREATE TABLE u (b int REFERENCES t (a)); ALTER TABLE t DROP COLUMN b",
        "t",
        &["a integer not null", "c integer", "primary t_pkey (a)", "check t_c_check c > 0", "index i (c)"],
    );
    let pointed =
        "CREATE TABLE t (a int PRIMARY KEY, b int); CREATE TABLE u (a int REFERENCES t);\nALTER TABLE t DROP a";
    wrong(pointed, "2BP01", "0001_t.sql:2:20: foreign key \"u_a_fkey\" of table \"u\" points at \"t\"");
    check(&format!("{pointed} CASCADE"), "u", &["a integer"]);
    let generated = "CREATE TABLE t (a int, b int, g int GENERATED ALWAYS AS (a + 1) STORED);\nALTER TABLE t DROP a";
    wrong(generated, "2BP01", "0001_t.sql:2:20: generated column \"g\" rests on \"a\"");
    check(&format!("{generated} CASCADE"), "t", &["b integer"]);
}

#[test]
fn enums_grow_and_their_labels_are_renamed() {
    let made = "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE t (m mood NOT NULL DEFAULT 'ok', l mood[]);";
    let grown = format!(
        "{made} ALTER TYPE mood ADD VALUE 'happy'; ALTER TYPE mood ADD VALUE 'so' BEFORE 'ok';
         ALTER TYPE mood ADD VALUE IF NOT EXISTS 'so'; ALTER TYPE mood ADD VALUE 'best' AFTER 'happy';
         ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'; ALTER TYPE mood RENAME TO feeling;"
    );
    check(&grown, "t", &["m feeling not null default 'fine'", "l feeling[]"]);
    assert_eq!(model(&grown).enums["feeling"].labels, ["sad", "so", "fine", "happy", "best"]);
    for (text, code, message) in [
        ("ALTER TYPE mod ADD VALUE 'x'", "42704", "2:12: type \"mod\" does not exist"),
        ("ALTER TYPE mood ADD VALUE 'ok'", "42710", "2:27: enum mood already has the label \"ok\""),
        ("ALTER TYPE mood ADD VALUE 'x' AFTER 'y'", "22023", "2:37: \"y\" is no label of enum mood"),
        (
            "ALTER TABLE t ALTER m SET DEFAULT 'sda'",
            "22P02",
            "2:21: the default of column \"m\": \"sda\" is no label of enum mood",
        ),
        ("DROP TYPE mood", "2BP01", "2:11: column \"m\" of table \"t\" is of type mood"),
        ("CREATE TABLE x (m mooood)", "42704", "2:19: column \"m\": type \"mooood\" does not exist"),
        ("CREATE TYPE mood AS ENUM ('a')", "42710", "2:13: type \"mood\" already exists"),
        ("CREATE TYPE m AS ENUM ('a', 'a')", "42710", "2:29: enum m already has the label \"a\""),
    ] {
        wrong(&format!("{made}\n{text}"), code, &format!("0001_t.sql:{message}"));
    }
}

#[test]
fn views_rest_on_tables_and_views() {
    let made = "CREATE TABLE t (a int, b int, c int); CREATE VIEW v (x) AS SELECT a FROM t;
        CREATE VIEW w AS WITH q AS (SELECT x FROM v) SELECT q.x, count(*) FROM q, generate_series(1, 2) GROUP BY 1;\n";
    let m = model(made);
    assert_eq!((m.views["v"].order, m.views["w"].order), (0, 1));
    assert_eq!(
        (m.views["v"].sql.as_str(), m.views["v"].columns.as_slice()),
        ("SELECT a FROM t", &["x".to_string()][..])
    );
    assert_eq!(model(&format!("{made} DROP VIEW v CASCADE")).views.len(), 0);
    assert_eq!(model(&format!("{made} DROP TABLE t CASCADE")).views.len(), 0);
    assert_eq!(model(&format!("{made} ALTER TABLE t DROP b")).views.len(), 2);
    let replaced = model(&format!("{made} CREATE OR REPLACE VIEW v AS SELECT b AS x FROM t"));
    assert_eq!((replaced.views["v"].order, replaced.views["v"].sql.as_str()), (0, "SELECT b AS x FROM t"));
    for (text, code, message) in [
        ("CREATE VIEW z AS SELECT * FROM tt", "42P01", "3:32: table or view \"tt\" does not exist"),
        ("CREATE OR REPLACE VIEW v AS SELECT x FROM w", "0A000", "3:43: view \"v\" reads view \"w\", which is newer"),
        ("CREATE VIEW v AS SELECT 1", "42P07", "3:13: view \"v\" already exists"),
        ("DROP VIEW v", "2BP01", "3:11: view \"w\" rests on \"v\""),
        ("DROP TABLE t", "2BP01", "3:12: view \"v\" rests on \"t\""),
        ("ALTER TABLE t RENAME a TO z", "2BP01", "3:22: view \"v\" rests on \"a\""),
        ("CREATE MATERIALIZED VIEW z AS SELECT 1", "0A000", "3:1: a materialized view cannot be kept on every engine"),
        ("INSERT INTO t VALUES (1", "42601", "3:24: syntax error: expected ), found the end of the statement"),
    ] {
        wrong(&format!("{made}{text}"), code, &format!("0001_t.sql:{message}"));
    }
}
