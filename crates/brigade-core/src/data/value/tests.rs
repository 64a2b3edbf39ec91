//! Values go in and out of JSON and text exactly, and nothing is guessed.

use super::*;

fn json_of(value: &Value) -> String {
    let mut out = String::new();
    value.write_json(&mut out);
    out
}

#[test]
fn json_goes_in_and_out_exactly() {
    let numeric = SqlType::Numeric { precision: Some(10), scale: 2 };
    let any_numeric = SqlType::Numeric { precision: None, scale: 0 };
    let cases: &[(SqlType, &str, &str)] = &[
        (SqlType::Bool, "true", "true"),
        (SqlType::BigInt, "9223372036854775807", "9223372036854775807"),
        (SqlType::BigInt, "\"-9223372036854775808\"", "-9223372036854775808"),
        (SqlType::Int, "\"7\"", "7"),
        (SqlType::Real, "0.1", "0.1"),
        (SqlType::Double, "0.1", "0.1"),
        (SqlType::Double, "1e300", "1e300"),
        (SqlType::Double, "3", "3"),
        (SqlType::Double, "\"NaN\"", "\"NaN\""),
        (SqlType::Double, "\"-Infinity\"", "\"-Infinity\""),
        (numeric.clone(), "12.5", "12.50"),
        (numeric, "\"1.005\"", "1.01"),
        (any_numeric, "123456789012345678901234567890.10", "123456789012345678901234567890.10"),
        (SqlType::Text, "\"a\\\"b\"", "\"a\\\"b\""),
        (SqlType::VarChar(3), "\"äöü   \"", "\"äöü\""),
        (SqlType::Char(3), "\"a\"", "\"a  \""),
        (SqlType::Uuid, "\"6F9619FF-8B86-D011-B42D-00CF4FC964FF\"", "\"6f9619ff-8b86-d011-b42d-00cf4fc964ff\""),
        (SqlType::Bytea, "\"\\\\x00FF\"", "\"\\\\x00ff\""),
        (SqlType::Date, "\"2026-11-21\"", "\"2026-11-21\""),
        (SqlType::Time, "\"10:00\"", "\"10:00:00\""),
        (SqlType::TimestampTz, "\"2026-11-21 10:00:00+02\"", "\"2026-11-21T08:00:00+00:00\""),
        (SqlType::Timestamp, "\"2026-11-21T10:00:00.5\"", "\"2026-11-21T10:00:00.5\""),
        (SqlType::Interval, "\"1 day\"", "\"P1D\""),
        (SqlType::Jsonb, "{\"b\": 1, \"a\": [true]}", "{\"a\": [true], \"b\": 1}"),
        (SqlType::Json, "{\"b\": 1.0}", "{\"b\":1.0}"),
        (SqlType::Array(SqlType::Int.into()), "[1,null,[2]]", "[1,null,[2]]"),
        (SqlType::Array(SqlType::Text.into()), "[\"a,b\",\"\"]", "[\"a,b\",\"\"]"),
    ];
    for (ty, given, shown) in cases {
        let value = Value::from_json(ty, &Json::parse(given.as_bytes()).unwrap())
            .unwrap_or_else(|e| panic!("{ty} {given}: {e:?}"));
        assert_eq!(json_of(&value), *shown, "{ty} {given}");
        let text = value.to_text().unwrap();
        assert_eq!(json_of(&Value::from_text(ty, &text).unwrap()), *shown, "{ty} {given} as text {text}");
    }
}

#[test]
fn nothing_is_guessed() {
    let cases: &[(SqlType, &str, &str)] = &[
        (SqlType::Int, "true", "22P02"),
        (SqlType::Int, "1.5", "22P02"),
        (SqlType::Int, "1e3", "22P02"),
        (SqlType::Int, "\"x\"", "22P02"),
        (SqlType::Int, "[1]", "22P02"),
        (SqlType::Int, "2147483648", "22003"),
        (SqlType::SmallInt, "40000", "22003"),
        (SqlType::BigInt, "9223372036854775808", "22003"),
        (SqlType::Text, "1", "22P02"),
        (SqlType::Text, "{}", "22P02"),
        (SqlType::Text, "\"a\\u0000\"", "22P05"),
        (SqlType::Jsonb, "[\"a\\u0000\"]", "22P05"),
        (SqlType::Bool, "1", "22P02"),
        (SqlType::VarChar(2), "\"abc\"", "22001"),
        (SqlType::Uuid, "\"x\"", "22P02"),
        (SqlType::Real, "1e39", "22003"),
        (SqlType::Double, "1e400", "22003"),
        (SqlType::Numeric { precision: Some(3), scale: 1 }, "100", "22003"),
        (SqlType::Date, "\"2026-02-30\"", "22008"),
        (SqlType::Date, "\"soon\"", "22007"),
        (SqlType::Bytea, "\"00\"", "22P02"),
        (SqlType::Bytea, "\"\\\\xzz\"", "22023"),
        (SqlType::Bytea, "\"\\\\x123\"", "22023"),
        (SqlType::Array(SqlType::Int.into()), "1", "22P02"),
        (SqlType::Array(SqlType::Int.into()), "[\"x\"]", "22P02"),
    ];
    for (ty, given, code) in cases {
        let error = Value::from_json(ty, &Json::parse(given.as_bytes()).unwrap()).unwrap_err();
        assert_eq!(error.code, *code, "{ty} {given}: {error:?}");
    }
    assert!(Value::from_json(&SqlType::Jsonb, &Json::parse(b"\"\\\\u0000\"").unwrap()).is_ok());
    assert_eq!(Value::from_json(&SqlType::Jsonb, &Json::parse(b"null").unwrap()), Ok(Value::Null));
}

#[test]
fn arrays_of_text_keep_every_character() {
    let ty = SqlType::Array(SqlType::Text.into());
    let items = ["", "NULL", "a,b", "q\"u\\o", " blank ", "{}", "ä"].map(Value::from).to_vec();
    let value = Value::Array([items, vec![Value::Null]].concat());
    assert_eq!(Value::from_text(&ty, &value.to_text().unwrap()), Ok(value));
    for bad in ["", "{", "{a", "{a}}", "a", "{\"a}"] {
        assert!(Value::from_text(&ty, bad).is_err(), "{bad}");
    }
}
