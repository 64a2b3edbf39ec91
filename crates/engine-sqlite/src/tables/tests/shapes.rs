//! Checks refuse values of the wrong shape from any program, with the column and PostgreSQL's code in their name.

use super::{Store, stock};

/// A column of `ty` takes `good` and refuses each of `bad` with its code.
fn check(ty: &str, good: &[&str], bad: &[(&str, &str)]) {
    let store = Store::with(&format!("CREATE TYPE mood AS ENUM ('ok', 'it''s'); CREATE TABLE t (c {ty})"));
    let conn = store.outside(false, false);
    for value in good.iter().chain(&["NULL"]) {
        conn.execute_batch(&format!("INSERT INTO t VALUES({value})")).unwrap_or_else(|e| panic!("{ty} {value}: {e}"));
    }
    for (value, code) in bad {
        let error = conn.execute_batch(&format!("INSERT INTO t VALUES({value})")).expect_err(value).to_string();
        let expected = if code.is_empty() { "cannot store".to_owned() } else { format!("brigade:c:{code}") };
        assert!(error.contains(&expected), "{ty} {value}: {error}");
        if let Some((_, complaint)) = stock(&store.path, &format!("INSERT INTO t VALUES({value});")) {
            assert!(complaint.contains(&expected), "stock: {ty} {value}: {complaint}");
        }
    }
    let all: Vec<String> = good.iter().map(|v| format!("INSERT INTO t VALUES({v});")).collect();
    if let Some((_, complaint)) = stock(&store.path, &all.join("\n")) {
        assert_eq!(complaint, "", "{ty}");
    }
    store.verify();
}

#[test]
fn each_type_refuses_other_shapes() {
    check("boolean", &["0", "TRUE"], &[("2", "22P02"), ("'yes'", "")]);
    check("smallint", &["-32768"], &[("32768", "22003"), ("'x'", ""), ("1.5", "")]);
    check("integer", &["2147483647"], &[("2147483648", "22003")]);
    check("real", &["1.5", "9e999"], &[("1e39", "22003"), ("'x'", "")]);
    check("varchar(3)", &["'äöü'", "''"], &[("'abcd'", "22001"), ("x'00'", "")]);
    check("char(2)", &["'ab'", "'a '"], &[("'a'", "22001")]);
    check("mood", &["'ok'", "'it''s'"], &[("'bad'", "22P02")]);
    check("bytea", &["x'00ff'"], &[("'text'", "")]);
    check("jsonb", &["'{\"a\": [1, null]}'", "'1'"], &[("'{'", "22P02")]);
    check("text[]", &["'[\"a\"]'", "'[]'"], &[("'{a}'", "22P02"), ("'1'", "22P02")]);
    check(
        "uuid",
        &["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"],
        &[("'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "22P02"), ("'a0eebc999c0b4ef8bb6d6bb9bd380a11'", "22P02")],
    );
    check(
        "timestamptz",
        &["'2026-11-21T10:00:00.123456+00:00'", "'infinity'", "'-infinity'", "'2024-02-29T00:00:00.000000+00:00'"],
        &[
            ("'2026-11-21 10:00:00'", "22007"),
            ("'2026-02-31T10:00:00.000000+00:00'", "22007"),
            ("'2026-11-21T10:00:00.123456+02:00'", "22007"),
            ("'2026-11-21T29:00:00.123456+00:00'", "22007"),
            ("'0000-01-01T00:00:00.000000+00:00'", "22007"),
            ("'now'", "22007"),
            ("1763719200", "22007"),
        ],
    );
    check("timestamp", &["'2026-11-21T10:00:00.123456'"], &[("'2026-11-21T10:00:00'", "22007")]);
    check("date", &["'2026-11-21'"], &[("'2026-11-31'", "22007"), ("'21.11.2026'", "22007")]);
    check(
        "time",
        &["'10:00:00'", "'23:59:59.5'", "'24:00:00'"],
        &[("'25:00:00'", "22007"), ("'10:00:00.50'", "22007")],
    );
    check("interval", &["'P1DT2H'"], &[("'1 day'", "22007")]);
    check(
        "numeric(5,2)",
        &["'12.50'", "'-0.01'", "'999.99'", "'NaN'"],
        &[("'12.5'", "22P02"), ("'1000.00'", "22003"), ("'007.00'", "22P02"), ("'1.2.34'", "22P02"), ("12.5", "22P02")],
    );
    check("numeric(3)", &["'999'", "'-1'"], &[("'1000'", "22003"), ("'1.0'", "22P02")]);
    check(
        "numeric",
        &["'12.50'", "'123456789012345678901234567890'", "'Infinity'"],
        &[("'x'", "22P02"), ("'1.'", "22P02")],
    );
}

#[test]
fn defaults_of_stock_functions_have_the_stored_form() {
    let store = Store::with(
        "CREATE TABLE t (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), other uuid DEFAULT uuid_generate_v4(),
           at timestamptz NOT NULL DEFAULT now(), local timestamp DEFAULT CURRENT_TIMESTAMP, day date DEFAULT CURRENT_DATE,
           later timestamptz DEFAULT now() + interval '30 days', meta jsonb NOT NULL DEFAULT '{\"b\":1,\"a\":2}'::jsonb,
           tags text[] NOT NULL DEFAULT '{}', price numeric(10,2) DEFAULT 0, ok boolean NOT NULL DEFAULT true,
           n bigint DEFAULT -5, ratio double precision DEFAULT 0.5)",
    );
    for (conn, seen) in [(store.own(), 1), (store.outside(false, false), 2)] {
        conn.execute_batch("INSERT INTO t DEFAULT VALUES").unwrap();
        assert_eq!(store.changes().len(), seen);
    }
    if let Some((out, complaint)) = stock(
        &store.path,
        "INSERT INTO t DEFAULT VALUES; SELECT id, substr(id, 15, 1), meta, tags, price, n FROM t WHERE rowid = 3;",
    ) {
        assert_eq!(complaint, "");
        assert!(out.trim().ends_with("|4|{\"a\": 2, \"b\": 1}|[]|0.00|-5"), "{out}");
    }
    let layout = store.model.tables["t"].layout();
    let conn = store.own();
    let mut rows = conn.prepare("SELECT * FROM t").unwrap();
    let mut rows = rows.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        for i in 0..layout.columns.len() {
            crate::encode::from_sql_at(row.get_ref(i).unwrap(), &layout, i).unwrap();
        }
    }
    store.verify();
}

#[test]
fn keys_number_themselves_only_where_postgresql_would() {
    let store = Store::with(
        "CREATE TABLE a (id bigserial PRIMARY KEY, x int); CREATE TABLE b (id integer PRIMARY KEY, x int);
         CREATE TABLE c (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY)",
    );
    let conn = store.outside(false, false);
    conn.execute_batch("INSERT INTO a(x) VALUES(1), (2); DELETE FROM a WHERE id = 2; INSERT INTO a(x) VALUES(3)")
        .unwrap();
    let newest: i64 = conn.query_row("SELECT max(id) FROM a", [], |row| row.get(0)).unwrap();
    assert_eq!(newest, 3, "a number comes back");
    assert!(conn.execute_batch("INSERT INTO b(x) VALUES(1)").unwrap_err().to_string().contains("NOT NULL"));
    conn.execute_batch("INSERT INTO c DEFAULT VALUES").unwrap();
    let error = conn.execute_batch("INSERT INTO c VALUES(3000000000)").unwrap_err().to_string();
    assert!(error.contains("brigade:id:22003"), "{error}");
    store.verify();
}
