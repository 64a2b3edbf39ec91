//! Migrations as files: their order, their checksums, what is pending, what is refused; and that no text makes the reader
//! panic.

use proptest::prelude::*;

use super::*;

fn file(name: &str, text: &str) -> MigrationFile {
    MigrationFile { name: name.to_string(), text: text.to_string() }
}

fn files(names: &[&str]) -> Vec<MigrationFile> {
    names.iter().map(|name| file(name, "SELECT 1")).collect()
}

#[test]
fn files_become_migrations_in_order() {
    let names = ["0002_b.sqlite.sql", "0001_a.sql", "0002_b.postgres.sql", "0003_c.sql"];
    let all = migrations(files(&names)).unwrap();
    let seen: Vec<_> = all
        .iter()
        .map(|m| (m.number, m.name.as_str(), m.common.is_some(), m.postgres.is_some(), m.sqlite.is_some()))
        .collect();
    assert_eq!(seen, [(1, "a", true, false, false), (2, "b", false, true, true), (3, "c", true, false, false)]);
    assert_eq!(all[0].checksum.len(), 64);
    assert_ne!(all[0].checksum, all[2].checksum);
    assert_eq!(migrations(Vec::new()).unwrap(), []);
}

#[test]
fn a_wrong_set_of_files_is_named() {
    for (names, message) in [
        (&["0001_a.sql", "0003_c.sql"][..], "migration 0002 is missing: after it comes 0003_c.sql"),
        (&["0002_b.sql"], "migration 0001 is missing: after it comes 0002_b.sql"),
        (&["0001_a.sql", "0001_b.sql"], "two migrations have the number 0001: 0001_a.sql and 0001_b.sql"),
        (
            &["0001_a.postgres.sql", "0001_b.sql"],
            "two migrations have the number 0001: 0001_a.postgres.sql and 0001_b.sql",
        ),
        (&["1_a.sql"], "migrations/1_a.sql: not the name of a migration"),
        (&["0000_a.sql"], "migrations/0000_a.sql: not the name of a migration"),
        (&["0001_a.mysql.sql"], "migrations/0001_a.mysql.sql: not the name of a migration"),
        (&["0001_.sql"], "migrations/0001_.sql: not the name of a migration"),
        (&["readme.md"], "migrations/readme.md: not the name of a migration"),
    ] {
        let error = migrations(files(names)).unwrap_err();
        assert_eq!((error.code(), error.message()), ("BRGCFG", message));
        assert!(error.get_hint().is_some());
    }
}

#[test]
fn pending_is_what_was_not_applied_and_nothing_may_have_changed() {
    let all = migrations(files(&["0001_a.sql", "0002_b.sql", "0003_c.sql"])).unwrap();
    let sum = |i: usize| all[i].checksum.as_str();
    let numbers = |applied: &[(u32, &str, &str)]| {
        pending(&all, applied.iter().copied()).map(|p| p.iter().map(|m| m.number).collect::<Vec<_>>())
    };
    assert_eq!(numbers(&[]).unwrap(), [1, 2, 3]);
    assert_eq!(numbers(&[(1, "a", sum(0)), (2, "b", sum(1))]).unwrap(), [3]);
    for (applied, message) in [
        (&[(1, "a", "0")][..], "0001_a.sql was changed after it was applied"),
        (&[(1, "z", sum(0))], "migration 0001 was applied as \"z\" and is now called \"a\""),
        (&[(4, "d", "0")], "0004_d.sql was applied, and the newest file is 0003"),
        (&[(2, "b", sum(1))], "0001_a.sql was not applied, and 0002_b.sql was"),
    ] {
        let error = numbers(applied).unwrap_err();
        assert_eq!((error.code(), error.message()), ("BRGCFG", message));
        assert!(error.get_hint().is_some());
    }
}

#[test]
fn scripts_for_one_engine_keep_to_what_the_model_need_not_know() {
    for (name, text) in [
        ("0001_a.postgres.sql", "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$; DO $$ BEGIN END $$"),
        ("0001_a.postgres.sql", "ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (true)"),
        ("0001_a.postgres.sql", "ALTER TABLE t ADD CONSTRAINT e EXCLUDE USING gist (a WITH =)"),
        (
            "0001_a.postgres.sql",
            "CREATE INDEX i ON t USING gist (a gist_trgm_ops(siglen=32)); CREATE TEMP TABLE x (a int)",
        ),
        (
            "0001_a.postgres.sql",
            "ALTER TABLE t ALTER a SET STORAGE EXTERNAL; CREATE MATERIALIZED VIEW m AS SELECT 1 WITH NO DATA",
        ),
        (
            "0001_a.sqlite.sql",
            "CREATE VIRTUAL TABLE f USING fts5(a); CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT RAISE(ABORT, 'x'); END",
        ),
        ("0001_a.sqlite.sql", "INSERT OR REPLACE INTO t VALUES (1) ON CONFLICT DO NOTHING"),
    ] {
        if let Err(e) = migrations(vec![file(name, text)]) {
            panic!("{text}: {e}");
        }
    }
    for (name, text, code, message) in [
        (
            "0001_a.postgres.sql",
            "CREATE TABLE t (a int)",
            "0A000",
            "1:1: CREATE TABLE in a script for one engine: the model would not know of it",
        ),
        (
            "0001_a.postgres.sql",
            "CREATE TABLE t (LIKE u INCLUDING ALL)",
            "0A000",
            "1:1: CREATE TABLE in a script for one engine: the model would not know of it",
        ),
        (
            "0001_a.postgres.sql",
            "ALTER TABLE t ADD a int",
            "0A000",
            "1:1: ALTER TABLE in a script for one engine: the model would not know of it",
        ),
        (
            "0001_a.postgres.sql",
            "SELECT 1;\nDROP TABLE t",
            "0A000",
            "2:1: DROP TABLE in a script for one engine: the model would not know of it",
        ),
        (
            "0001_a.postgres.sql",
            "ALTER TYPE m ADD VALUE 'x'",
            "0A000",
            "1:1: ALTER TYPE in a script for one engine: the model would not know of it",
        ),
        ("0001_a.postgres.sql", "ROLLBACK", "25001", "1:1: ROLLBACK in a migration"),
        (
            "0001_a.sqlite.sql",
            "ALTER TABLE t ADD a int",
            "0A000",
            "1:1: ALTER TABLE in a script for one engine: the model would not know of it",
        ),
        ("0001_a.sqlite.sql", "PRAGMA foreign_keys = OFF", "25001", "1:1: PRAGMA in a migration"),
        ("0001_a.sqlite.sql", "ATTACH 'x' AS y", "25001", "1:1: ATTACH in a migration"),
        ("0001_a.sqlite.sql", "END TRANSACTION", "25001", "1:1: END in a migration"),
        (
            "0001_a.sqlite.sql",
            "INSERT OR ROLLBACK INTO t VALUES (1)",
            "25001",
            "1:8: OR ROLLBACK would roll back transactions of others, too",
        ),
        (
            "0001_a.sqlite.sql",
            "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT RAISE( rollback, 'x'); END",
            "25001",
            "1:49: RAISE ( ROLLBACK would roll back transactions of others, too",
        ),
        (
            "0001_a.sqlite.sql",
            "CREATE INDEX i ON t(a ON CONFLICT ROLLBACK)",
            "25001",
            "1:26: CONFLICT ROLLBACK would roll back transactions of others, too",
        ),
    ] {
        let error = migrations(vec![file(name, text)]).expect_err(text);
        assert_eq!((error.code(), error.message()), (code, format!("{name}:{message}").as_str()));
        assert!(error.get_hint().is_some() && error.get_details().is_some_and(|d| d.contains('^')));
    }
}

#[test]
fn a_file_that_is_not_utf8_is_named_with_the_place() {
    let error = MigrationFile::from_bytes("0001_a.sql", b"SELECT 1;\nSELECT '\xff'".to_vec()).unwrap_err();
    assert_eq!((error.code(), error.message()), ("22P05", "0001_a.sql:2:9: not UTF-8: byte 0xff"));
}

#[test]
fn one_statement_is_parsed_or_says_why_not() {
    assert_eq!(
        split("SELECT 1; SELEKT 2").unwrap().iter().map(|s| s.parsed.is_some()).collect::<Vec<_>>(),
        [true, false]
    );
    let error = parse("SELECT a\n b c").unwrap_err();
    assert_eq!(error.message(), "2:4: syntax error: expected end of statement, found c");
    assert_eq!(error.get_details(), Some(" b c\n   ^"));
    assert_eq!(parse_expression("lower(a) || 'x'").unwrap().to_string(), "lower(a) || 'x'");
    assert!(parse_expression("1 FROM t").is_err());
}

#[test]
fn mysqls_inline_index_becomes_postgresqls() {
    let blank = |columns: usize| " ".repeat(columns);
    for (text, expected) in [
        ("CREATE TABLE t (a int)", "CREATE TABLE t (a int)".to_string()),
        (
            "CREATE TABLE t (a int, INDEX i (a DESC), b int)",
            format!(
                "CREATE TABLE t (a int{}, b int);\nCREATE INDEX i ON t (a DESC)",
                blank(", INDEX i (a DESC)".len())
            ),
        ),
        (
            "CREATE TABLE public.\"T\" (INDEX (a),\nKEY k USING hash (b), a int, b int)",
            format!(
                "CREATE TABLE public.\"T\" ({}\n{} a int, b int);\n\
                 CREATE INDEX  ON public.\"T\" (a);\nCREATE INDEX k ON public.\"T\" USING hash (b)",
                blank("INDEX (a),".len()),
                blank("KEY k USING hash (b),".len())
            ),
        ),
    ] {
        let statement = &split(text).unwrap()[0];
        assert!(statement.parsed.is_some(), "{text}");
        assert_eq!(statement.for_postgres(), expected);
    }
}

/// A chain of operators becomes a tree as deep as it is long: it must not end the process.
#[test]
fn no_depth_overflows_the_stack() {
    let chain = |link: &str, times: usize| format!("SELECT 1{}", link.repeat(times));
    for text in [
        chain("+1", 100_000),
        chain(" OR (1)", 100_000),
        chain(" UNION SELECT 1", 100_000),
        chain(", 1 UNION SELECT 1", 100_000),
        chain("::int", 100_000),
        format!("SELECT {}1{}", "(".repeat(100_000), ")".repeat(100_000)),
        format!("SELECT {}1", "NOT ".repeat(100_000)),
        format!("SELECT {}1", "- ".repeat(100_000)),
        format!("SELECT {}", "CASE WHEN 1 THEN ".repeat(10_000)),
        format!("SELECT {}", "a[".repeat(100_000)),
    ] {
        let error = migrations(vec![file("0001_a.sql", &text)]).unwrap_err();
        assert_eq!(error.code(), "42601", "{error}");
    }
    let wide = format!("INSERT INTO t VALUES {}(1, 'x')", "(1, 'x'), ".repeat(20_000));
    migrations(vec![file("0001_a.sql", &wide)]).unwrap();
    let deepest = format!("CREATE TABLE t (a int CHECK (a{} > 0))", " + a".repeat(280));
    let deepest = migrations(vec![file("0001_a.sql", &deepest)]).unwrap();
    assert_eq!(Model::default().apply(&deepest[0]).unwrap().tables.len(), 1);
}

fn read_all(text: &str) {
    for name in ["0001_a.sql", "0001_a.postgres.sql", "0001_a.sqlite.sql"] {
        if let Ok(all) = migrations(vec![file(name, text)]) {
            let _ = Model::default().apply(&all[0]);
        }
    }
    let _ = split(text);
    let _ = read_type(text, ["mood"]);
    let _ = Config::parse(text, "p", &|_| None);
}

/// What SQL is made of, so that random texts get past the first word.
const PIECES: [&str; 60] = [
    "CREATE",
    "TABLE",
    "TYPE",
    "ENUM",
    "AS",
    "INDEX",
    "VIEW",
    "ALTER",
    "DROP",
    "COLUMN",
    "ADD",
    "CONSTRAINT",
    "PRIMARY",
    "KEY",
    "UNIQUE",
    "REFERENCES",
    "FOREIGN",
    "CHECK",
    "DEFAULT",
    "NOT",
    "NULL",
    "IDENTITY",
    "GENERATED",
    "ALWAYS",
    "ON",
    "USING",
    "SELECT",
    "FROM",
    "WHERE",
    "INSERT",
    "INTO",
    "VALUES",
    "BEGIN",
    "END",
    "RENAME",
    "TO",
    "IF",
    "EXISTS",
    "CASCADE",
    "t",
    "u",
    "a",
    "b",
    "int",
    "text",
    "numeric(3,1)",
    "'x'",
    "\"q\"",
    "$$",
    "$f$",
    "(",
    ")",
    ",",
    ";",
    "'",
    "/*",
    "*/",
    "--",
    "\n",
    "é",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        read_all(&text);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(file) = MigrationFile::from_bytes("0001_a.sql", bytes) {
            read_all(&file.text);
        }
    }

    #[test]
    fn any_words_are_read_or_refused(words in proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..40)) {
        read_all(&words.join(" "));
        read_all(&format!("CREATE TABLE t (a int, b text); {}", words.join(" ")));
        read_all(&format!("CREATE TABLE t ({})", words.join(" ")));
    }
}
