//! Every type through a STRICT column and back.

use std::sync::Arc;

use rusqlite::Connection;

use super::*;

fn numeric(precision: Option<u32>, scale: u32) -> SqlType {
    SqlType::Numeric { precision, scale }
}

/// Writes `text` (PostgreSQL's form) into a column of `storage`, and expects the same value back and `stored` inside.
fn check(ty: &SqlType, storage: &str, text: &str, stored: &str) {
    let value = Value::from_text(ty, text).unwrap_or_else(|e| panic!("{ty} {text}: {e:?}"));
    let conn = Connection::open_in_memory().unwrap();
    conn.execute_batch(&format!("CREATE TABLE t(c {storage}) STRICT")).unwrap();
    conn.execute("INSERT INTO t VALUES(?1)", [to_sql(&value, ty).unwrap()]).unwrap();
    let (back, inside): (Value, String) = conn
        .query_row("SELECT c, CAST(c AS TEXT) FROM t", [], |row| {
            Ok((from_sql(row.get_ref(0)?, ty).unwrap(), row.get(1)?))
        })
        .unwrap();
    assert_eq!(back, value, "{ty} {text}");
    assert_eq!(inside, stored, "{ty} {text}");
}

#[test]
fn every_type_comes_back_as_it_went() {
    let array = |of: SqlType| SqlType::Array(Box::new(of));
    for (ty, storage, text, stored) in [
        (SqlType::Bool, "INTEGER", "true", "1"),
        (SqlType::SmallInt, "INTEGER", "-32768", "-32768"),
        (SqlType::Int, "INTEGER", "2147483647", "2147483647"),
        (SqlType::BigInt, "INTEGER", "-9223372036854775808", "-9223372036854775808"),
        (SqlType::Real, "REAL", "0.1", "0.10000000149011612"),
        (SqlType::Double, "REAL", "Infinity", "Inf"),
        (numeric(Some(10), 2), "TEXT", "12.5", "12.50"),
        (
            numeric(Some(40), 10),
            "TEXT",
            "-123456789012345678901234567890.0000000001",
            "-123456789012345678901234567890.0000000001",
        ),
        (numeric(None, 0), "TEXT", "12.500", "12.500"),
        (numeric(None, 0), "TEXT", "NaN", "NaN"),
        (SqlType::Text, "TEXT", "käse 🧀\n", "käse 🧀\n"),
        (SqlType::VarChar(3), "TEXT", "äöü", "äöü"),
        (SqlType::Char(4), "TEXT", "ab", "ab  "),
        (SqlType::Uuid, "TEXT", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        (SqlType::Date, "TEXT", "2024-02-29", "2024-02-29"),
        (SqlType::Date, "TEXT", "-infinity", "-infinity"),
        (SqlType::Time, "TEXT", "23:59:59.5", "23:59:59.5"),
        (SqlType::Timestamp, "TEXT", "2026-11-21 10:00:00", "2026-11-21T10:00:00.000000"),
        (SqlType::TimestampTz, "TEXT", "2026-11-21T10:00:00.123456+02:00", "2026-11-21T08:00:00.123456+00:00"),
        (SqlType::TimestampTz, "TEXT", "infinity", "infinity"),
        (SqlType::TimestampTz, "TEXT", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999+00:00"),
        (SqlType::Timestamp, "TEXT", "0001-01-01", "0001-01-01T00:00:00.000000"),
        (SqlType::Interval, "TEXT", "1 year 2 mons 3 days 04:05:06.5", "P1Y2M3DT4H5M6.5S"),
        (SqlType::Json, "TEXT", "{ \"b\" : 1,\"a\":2}", "{ \"b\" : 1,\"a\":2}"),
        (SqlType::Jsonb, "TEXT", "{ \"b\" : 1.50,\"a\":2}", "{\"a\": 2, \"b\": 1.50}"),
        (SqlType::Enum(Arc::from("mood")), "TEXT", "ok", "ok"),
        (array(SqlType::Text), "TEXT", "{a,\"b,c\",NULL}", "[\"a\",\"b,c\",null]"),
        (array(SqlType::Int), "TEXT", "{{1,2},{3,4}}", "[[1,2],[3,4]]"),
        (array(numeric(Some(6), 2)), "TEXT", "{1.50}", "[1.50]"),
        (array(SqlType::TimestampTz), "TEXT", "{2026-11-21T10:00:00Z}", "[\"2026-11-21T10:00:00+00:00\"]"),
    ] {
        check(&ty, storage, text, stored);
    }
    check(&SqlType::Bytea, "BLOB", "\\x0041", "\0A");
}

#[test]
fn doubles_come_back_to_the_last_bit() {
    let conn = Connection::open_in_memory().unwrap();
    conn.execute_batch("CREATE TABLE t(c REAL) STRICT; CREATE TABLE image(c)").unwrap();
    let mut bits = 0x9E37_79B9_7F4A_7C15_u64;
    for _ in 0..2_000 {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let n = f64::from_bits(bits);
        if n.is_nan() {
            continue;
        }
        let value = Value::Double(n);
        conn.execute("DELETE FROM t", []).unwrap();
        conn.execute("INSERT INTO t VALUES(?1)", [to_sql(&value, &SqlType::Double).unwrap()]).unwrap();
        conn.execute("INSERT INTO image SELECT c FROM t", []).unwrap();
        let back = conn
            .query_row("SELECT c FROM image WHERE rowid = last_insert_rowid()", [], |row| {
                Ok(from_sql(row.get_ref(0)?, &SqlType::Double).unwrap())
            })
            .unwrap();
        let Value::Double(back) = back else { panic!("{back:?}") };
        assert_eq!(back.to_bits(), n.to_bits(), "{n:?}");
    }
}

#[test]
fn what_sqlite_cannot_keep_is_refused() {
    for (value, ty, code) in [
        (Value::Double(f64::NAN), SqlType::Double, "22003"),
        (Value::Real(f32::NAN), SqlType::Real, "22003"),
        (Value::from_text(&SqlType::Date, "0044-03-15 BC").unwrap(), SqlType::Date, "22008"),
        (Value::from_text(&SqlType::TimestampTz, "10000-01-01").unwrap(), SqlType::TimestampTz, "22008"),
        (Value::Timestamp(i64::MAX - 1), SqlType::Timestamp, "22008"),
    ] {
        assert_eq!(to_sql(&value, &ty).unwrap_err().code(), code, "{value:?}");
    }
}

#[test]
fn what_outside_programs_wrote_is_read_leniently_and_damage_is_named() {
    let text = |t: &'static str| ValueRef::Text(t.as_bytes());
    assert_eq!(
        from_sql(text("{\"bb\":1, \"a\":2}"), &SqlType::Jsonb).unwrap(),
        Value::Json("{\"a\": 2, \"bb\": 1}".to_owned())
    );
    assert_eq!(from_sql(ValueRef::Integer(3), &SqlType::Double).unwrap(), Value::Double(3.0));
    for (value, ty) in [
        (ValueRef::Integer(2), SqlType::Bool),
        (text("2026-02-31T00:00:00.000000+00:00"), SqlType::TimestampTz),
        (text("x"), SqlType::Uuid),
        (text("{\"a\":1}"), SqlType::Array(Box::new(SqlType::Int))),
        (ValueRef::Text(b"\xff"), SqlType::Text),
    ] {
        let layout = Layout {
            table: "t".to_owned(),
            columns: vec![brigade_core::data::LayoutColumn { name: "c".to_owned(), ty }],
            key: Vec::new(),
        };
        let error = from_sql_at(value, &layout, 0).unwrap_err();
        assert_eq!((error.code(), error.get_details()), ("XX001", Some("table t, column c")));
    }
}
