//! PostgreSQL's expressions, as SQLite answers them.

use super::{Store, shown};

const ROWS: &str = "
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE t (id integer PRIMARY KEY, name text, mood mood, price numeric(10,2), at timestamptz, day date, flag boolean,
  meta jsonb, tags text[], score double precision);
INSERT INTO t VALUES
  (1, 'Anna', 'ok', 9.5, '2026-01-01 10:00:00.5+02', '2026-01-01', true, '{\"a\": {\"b\": 1}, \"s\": \"x\", \"t\": true}', '{x,y}', 1.5),
  (2, 'bob', 'sad', 10, '2026-06-01T00:00:00Z', '2026-06-01', false, '{}', ARRAY['z'], NULL),
  (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
";

#[test]
fn conditions_choose_the_rows_that_postgresql_would() {
    let mut store = Store::with(ROWS);
    for (condition, ids) in [
        ("price > 9.75", "2"),
        ("price IN (9.50, 3)", "1"),
        ("price = 9.5", "1"),
        ("price * 2 BETWEEN 19 AND 19.5", "1"),
        ("at < '2026-01-01T08:00:01Z'", "1"),
        ("at = '2026-01-01 10:00:00.5+02'::timestamptz", "1"),
        ("at > day", "1"),
        ("at + interval '1 day' > '2026-06-01T12:00:00Z'", "2"),
        ("at < now() - interval '1 day 2 hours'", "1,2"),
        ("EXTRACT(YEAR FROM at) = 2026 AND EXTRACT(MONTH FROM at) = 6", "2"),
        ("EXTRACT(EPOCH FROM (at - '2026-01-01T08:00:00Z'::timestamptz)) = 0.5", "1"),
        ("date_trunc('month', at) = '2026-01-01'", "1"),
        ("name LIKE 'a%'", ""),
        ("name LIKE 'A_n%'", "1"),
        ("name ILIKE 'an%'", "1"),
        ("name NOT LIKE '%b'", "1"),
        ("lower(name) = 'anna' OR char_length(name) = 3", "1,2"),
        ("name IS DISTINCT FROM 'bob'", "1,3"),
        ("coalesce(name, 'x') || 'y' = 'xy'", "3"),
        ("concat(name, '-', id) = '-3'", "3"),
        ("mood = 'ok'", "1"),
        ("mood IN ('ok', 'sad') AND NOT flag", "2"),
        ("flag = true", "1"),
        ("flag IS NOT TRUE", "2,3"),
        ("name = ANY (ARRAY['bob', 'x'])", "2"),
        ("'x' = ANY (tags)", "1"),
        ("id <> ALL ('{1,2}')", "3"),
        ("meta ->> 's' = 'x' AND meta ->> 't' = 'true'", "1"),
        ("(meta -> 'a') ->> 'b' = '1'", "1"),
        ("CASE WHEN id = 1 THEN 'one' WHEN flag THEN 'f' ELSE name END = 'one'", "1"),
        ("round(score) = 2 AND score::integer = 2", "1"),
        ("EXISTS (SELECT 1 FROM t AS u WHERE u.id = t.id + 1 AND u.flag = false)", "1"),
        ("id IN (SELECT max(id) FROM t)", "3"),
        ("nullif(id, 1) IS NULL", "1"),
        ("greatest(id, 2) = 2", "1,2"),
        ("substring(name from 2 for 2) = 'nn'", "1"),
    ] {
        let version = store.model.version + 1;
        store
            .migrate(&format!("CREATE VIEW v{version} AS SELECT id FROM t WHERE {condition} ORDER BY id"), "")
            .unwrap_or_else(|e| panic!("{condition}: {}", shown(&e)));
        let found: Option<String> = store
            .outside(false, false)
            .query_row(&format!("SELECT group_concat(id) FROM v{version}"), [], |row| row.get(0))
            .unwrap_or_else(|e| panic!("{condition}: {e}"));
        assert_eq!(found.unwrap_or_default(), ids, "{condition}");
    }
}

#[test]
fn statements_of_migrations_run_translated() {
    let mut store = Store::with(ROWS);
    store
        .migrate(
            "INSERT INTO t (id, name) VALUES (1, 'x'), (4, 'd') ON CONFLICT (id) DO UPDATE SET name = t.name || EXCLUDED.name;
             UPDATE t SET price = price * 1.1, at = '2026-01-02' WHERE id = 1;
             INSERT INTO t (id, name, price) SELECT id + 10, name, price FROM t WHERE price IS NOT NULL ON CONFLICT DO NOTHING;
             DELETE FROM t WHERE id IN (SELECT id FROM t WHERE id = 12);
             UPDATE t SET mood = 'ok', tags = '{q}', meta = '{\"z\":1}' FROM (SELECT 4 AS id) AS s WHERE t.id = s.id",
            "",
        )
        .unwrap_or_else(|e| panic!("{}", shown(&e)));
    let row = |id: i64| -> String {
        store
            .own()
            .query_row("SELECT printf('%s|%s|%s|%s', name, price, at, tags) FROM t WHERE id = ?1", [id], |row| {
                row.get(0)
            })
            .unwrap_or_default()
    };
    assert_eq!(row(1), "Annax|10.45|2026-01-02T00:00:00.000000+00:00|[\"x\",\"y\"]");
    assert_eq!(row(11), "Annax|10.45||");
    assert_eq!(row(4), "d|||[\"q\"]");
    store.verify();
}

#[test]
fn what_sqlite_cannot_say_is_named() {
    for (condition, what) in [
        ("name ~ '^a'", "the operator ~"),
        ("similarity(name, 'a') > 0.3", "the function similarity("),
        ("meta @> '{}'", "the operator @>"),
        ("mood > 'sad'", "the order of labels of the enum mood"),
        ("at + interval '1 month' > now()", "an interval of months"),
        ("at AT TIME ZONE 'Europe/Berlin' > '2026-01-01'", "the time zone"),
        ("name LIKE name", "LIKE with a pattern that is no literal"),
    ] {
        let mut store = Store::with(ROWS);
        let error =
            store.migrate(&format!("SELECT 1;\nCREATE VIEW v AS SELECT id FROM t WHERE {condition}"), "").unwrap_err();
        assert_eq!(error.code(), "0A000", "{condition}: {}", shown(&error));
        assert!(error.message().starts_with("0002_m.sql:2:") && error.message().contains(what), "{}", error.message());
        assert!(error.get_hint().is_some());
    }
}
