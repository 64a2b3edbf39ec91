//! Every malformed body has its code and its place; no body panics.

use brigade::data::{Action, Expect, Input, Json, JsonValue, Statement, Transaction, Where, code};
use proptest::prelude::*;

use super::{Limits, parse};

const LIMITS: Limits = Limits { statements_max: 3, rows_max: 4 };

/// The body is refused with BRG400 at a place, and the message holds some words.
fn refused(body: &str, place: &str, words: &str) {
    let error = parse(body.as_bytes(), LIMITS).unwrap_err();
    assert_eq!(error.code(), code::MALFORMED, "{body}: {error}");
    assert_eq!(error.get_details(), Some(place), "{body}: {error}");
    assert!(error.message().contains(words), "{body}: {error}");
    assert!(error.get_hint().is_some(), "{body}: an error without a mend");
}

/// The same for the first statement of a body: `at` counts columns inside it.
fn refused_in(statement: &str, at: usize, field: Option<&str>, words: &str) {
    let body = format!("{{\"statements\":[{statement}]}}");
    refused(&body, &format!("line 1, column {}", at + 15), words);
    let error = parse(body.as_bytes(), LIMITS).unwrap_err();
    let problem = &error.get_problems()[0];
    assert_eq!((problem.statement, problem.field.as_deref()), (0, field), "{body}");
}

fn accepted(body: &str) -> Transaction {
    parse(body.as_bytes(), LIMITS).unwrap_or_else(|e| panic!("{body}: {e}: {:?}", e.get_details()))
}

#[test]
fn refuses_what_is_no_transaction() {
    refused("", "line 1, column 1", "no JSON");
    refused("{", "line 1, column 2", "no JSON");
    refused("nul", "line 1, column 4", "no JSON");
    refused("{} {}", "line 1, column 4", "no JSON");
    refused("[]", "line 1, column 1", "must be an object");
    refused("{}", "line 1, column 1", "no \"statements\"");
    refused("{\"statement\":[]}", "line 1, column 2", "unknown key \"statement\"");
    refused("{\"statements\":[],\n  \"mode\": 1}", "line 2, column 3", "unknown key \"mode\"");
    refused("{\"statements\":[],\"statements\":[]}", "line 1, column 18", "twice");
    refused("{\"statements\":[{\"insert\":{\"rows\":[{\"a\":1,\"a\":2}]}}]}", "line 1, column 42", "twice");
    refused("{\"statements\":{}}", "line 1, column 15", "must be an array");
    refused("{\"statements\":[]}", "line 1, column 15", "empty");
    refused("{\"statements\":[{\"check\":{\"table\":\"\\ud800\"}}]}", "line 1, column 41", "hex escape");
}

#[test]
fn refuses_malformed_statements() {
    refused_in("1", 1, None, "must be an object");
    refused_in("{}", 1, None, "here is none");
    refused_in("{\"insrt\":{}}", 1, None, "here is none");
    refused_in("{\"check\":{\"table\":\"t\"},\"delete\":{}}", 1, None, "check");
    refused_in("{\"check\":{\"table\":\"t\"},\"x\":1}", 24, None, "unknown key \"x\"");
    refused_in("{\"check\":[]}", 10, None, "must be an object");
    refused_in("{\"check\":{}}", 10, None, "no \"table\"");
    refused_in("{\"check\":{\"table\":1}}", 19, Some("table"), "a string");
    refused_in("{\"check\":{\"table\":\"\"}}", 19, Some("table"), "empty");
    refused_in("{\"check\":{\"table\":\"t\",\"rows\":[]}}", 23, None, "unknown key \"rows\"");
    refused_in("{\"insert\":{\"table\":\"t\"}}", 11, None, "no \"rows\"");
    refused_in("{\"insert\":{\"tabel\":\"t\",\"rows\":[{}]}}", 12, None, "unknown key \"tabel\"");
    refused_in("{\"insert\":{\"table\":\"t\",\"rows\":{}}}", 31, Some("rows"), "an array");
    refused_in("{\"insert\":{\"table\":\"t\",\"rows\":[]}}", 31, Some("rows"), "empty");
    refused_in("{\"insert\":{\"table\":\"t\",\"rows\":[{},7]}}", 35, Some("rows[1]"), "an object");
    refused_in("{\"insert\":{\"table\":\"t\",\"rows\":[{}],\"returning\":\"*\"}}", 48, Some("returning"), "an array");
    refused_in("{\"insert\":{\"table\":\"t\",\"rows\":[{}],\"returning\":[]}}", 48, Some("returning"), "empty");
    refused_in("{\"insert\":{\"table\":\"t\",\"rows\":[{}],\"returning\":[1]}}", 49, Some("returning[0]"), "a string");
    refused_in("{\"insert\":{\"table\":\"t\",\"rows\":[{}],\"where\":{}}}", 36, None, "unknown key \"where\"");
    refused_in("{\"upsert\":{\"table\":\"t\",\"rows\":[{}],\"action\":\"merge\"}}", 45, Some("action"), "\"merge\"");
    refused_in("{\"upsert\":{\"table\":\"t\",\"rows\":[{}],\"on\":\"a\"}}", 41, Some("on"), "an array");
}

#[test]
fn refuses_to_touch_every_row_unless_asked() {
    refused_in("{\"update\":{\"table\":\"t\",\"set\":{\"a\":1}}}", 11, Some("where"), "every row");
    refused_in("{\"update\":{\"table\":\"t\",\"where\":{},\"set\":{\"a\":1}}}", 32, Some("where"), "every row");
    refused_in("{\"delete\":{\"table\":\"t\",\"all\":false}}", 11, Some("where"), "every row");
    refused_in("{\"delete\":{\"table\":\"t\",\"all\":1}}", 30, Some("all"), "true or false");
    refused_in("{\"delete\":{\"table\":\"t\",\"where\":{\"a\":1},\"all\":true}}", 32, Some("where"), "contradict");
    refused_in("{\"delete\":{\"table\":\"t\",\"where\":[]}}", 32, Some("where"), "an object");
    refused_in("{\"update\":{\"table\":\"t\",\"all\":true}}", 11, None, "no \"set\"");
    refused_in("{\"update\":{\"table\":\"t\",\"all\":true,\"set\":{}}}", 41, Some("set"), "empty");
    refused_in("{\"update\":{\"table\":\"t\",\"all\":true,\"set\":[]}}", 41, Some("set"), "an object");
    let all = accepted(r#"{"statements":[{"delete":{"table":"t","all":true}},{"check":{"table":"t"}}]}"#);
    let Statement::Delete { filter, .. } = &all.statements[0] else { panic!("{all:?}") };
    assert_eq!(*filter, Where { conditions: Vec::new(), all: true });
}

#[test]
fn expect_is_a_number_or_bounds() {
    let of = |expect: &str| {
        let body = format!("{{\"statements\":[{{\"check\":{{\"table\":\"t\",\"expect\":{expect}}}}}]}}");
        parse(body.as_bytes(), LIMITS).map(|transaction| match &transaction.statements[0] {
            Statement::Check { expect, .. } => *expect,
            other => panic!("{other:?}"),
        })
    };
    for (given, min, max) in [
        ("1", 1, 1),
        ("\"2\"", 2, 2),
        ("{\"min\":1}", 1, u64::MAX),
        ("{\"max\":3}", 0, 3),
        ("{\"min\":1,\"max\":\"3\"}", 1, 3),
    ] {
        assert_eq!(of(given).unwrap(), Some(Expect { min, max }), "{given}");
    }
    for bad in [
        "-1",
        "1.0",
        "1e3",
        "\"x\"",
        "\"\"",
        "true",
        "null",
        "[]",
        "{}",
        "{\"min\":3,\"max\":1}",
        "{\"mn\":1}",
        "99999999999999999999",
    ] {
        let error = of(bad).unwrap_err();
        assert_eq!(error.code(), code::MALFORMED, "{bad}");
        assert!(error.get_details().unwrap().starts_with("line 1, column "), "{bad}");
        assert!(error.get_problems()[0].field.as_deref().unwrap().starts_with("expect"), "{bad}");
    }
}

#[test]
fn names_the_limit_that_is_passed() {
    let check = |body: String, details: &str| {
        let error = parse(body.as_bytes(), LIMITS).unwrap_err();
        assert_eq!((error.code(), error.get_details()), (code::LIMIT, Some(details)), "{body}");
    };
    let statement = "{\"check\":{\"table\":\"t\"}}";
    check(format!("{{\"statements\":[{}]}}", [statement; 4].join(",")), "statements_max is 3");
    let insert = |rows: usize| format!("{{\"insert\":{{\"table\":\"t\",\"rows\":[{}]}}}}", vec!["{}"; rows].join(","));
    check(format!("{{\"statements\":[{},{}]}}", insert(3), insert(2)), "rows_max is 4");
    accepted(&format!("{{\"statements\":[{},{}]}}", insert(2), insert(2)));
}

#[test]
fn keeps_values_as_they_were_written() {
    let transaction = accepted(
        r#"{"statements":[
          {"insert":{"table":"t","rows":[{"a":12.50,"b":{"add":1},"c":null}],"returning":["*"],"expect":1}},
          {"upsert":{"table":"t","rows":[{"a":"x"}],"on":["a"],"action":"ignore","update":["b"]}},
          {"update":{"table":"t","where":{"a":{"lt":5},"b":null},"set":{"b":{"returned":{"statement":0,"row":0,"column":"b"}}}}}
        ]}"#,
    );
    let [
        Statement::Insert { rows, returning, expect, .. },
        Statement::Upsert { on, action, update, .. },
        Statement::Update { filter, set, .. },
    ] = &transaction.statements[..]
    else {
        panic!("{transaction:?}")
    };
    assert_eq!((returning[0].as_str(), *expect), ("*", Some(Expect::exactly(1))));
    let is = |input: &Input, compact: &str| matches!(input, Input::Json(json) if json.to_compact() == compact);
    assert!(matches!(&rows[0][0].1, Input::Json(Json { value: JsonValue::Number(n), .. }) if n == "12.50"));
    assert!(is(&rows[0][1].1, "{\"add\":1}") && is(&rows[0][2].1, "null"));
    assert_eq!((&on[..], *action, &update[..]), (&["a".to_owned()][..], Action::Ignore, &["b".to_owned()][..]));
    assert_eq!(filter.conditions[0].column, "a");
    assert!(is(&filter.conditions[0].input, "{\"lt\":5}") && is(&filter.conditions[1].input, "null"));
    assert!(is(&set[0].1, "{\"returned\":{\"statement\":0,\"row\":0,\"column\":\"b\"}}"));
}

#[test]
fn a_mistake_in_a_far_line_is_named_there() {
    let body = "{\n \"statements\": [\n  {\"insert\": {\"table\": \"t\", \"rows\": [{}]}},\n  {\"insert\": {\"table\": \"é\", \"rwos\": [{}]}}\n ]\n}";
    let error = parse(body.as_bytes(), LIMITS).unwrap_err();
    assert_eq!(error.get_details(), Some("line 4, column 29"));
    assert_eq!(error.get_hint(), Some("did you mean \"rows\"?"));
    assert_eq!(error.get_problems()[0].statement, 1);
}

/// Bodies made of the words that the parser looks for, in any order.
fn nearly() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"statements\"",
        "\"insert\"",
        "\"update\"",
        "\"check\"",
        "\"table\"",
        "\"rows\"",
        "\"where\"",
        "\"set\"",
        "\"expect\"",
        "\"min\"",
        "\"all\"",
        "\"returning\"",
        "\"t\"",
        "1",
        "-0",
        "1e999",
        "null",
        "true",
        "\"\\ud83d\"",
        "\"é\\u0000\"",
        " ",
        "\n",
    ]);
    prop::collection::vec(words, 0..60).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&body, LIMITS);
    }

    #[test]
    fn no_words_panic(body in nearly(), cut in any::<prop::sample::Index>()) {
        let _ = parse(body.as_bytes(), LIMITS);
        let whole = r#"{"statements":[{"insert":{"table":"t","rows":[{"a":1.5,"b":"\u00e9"}],"returning":["*"],"expect":{"min":1}}}]}"#;
        let at = cut.index(whole.len());
        let _ = parse(&whole.as_bytes()[..at], LIMITS);
        let _ = parse(format!("{}{body}{}", &whole[..at], &whole[at..]).as_bytes(), LIMITS);
    }
}
