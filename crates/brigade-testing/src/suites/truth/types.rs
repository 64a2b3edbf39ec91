//! Every type keeps PostgreSQL's meaning, in the table and in the log.

use brigade_core::commit::Builder;

use super::{Fixture, json};
use crate::suites::row;

/// Column, what is given in PostgreSQL's text form, what comes back as JSON.
const VALUES: &[(&str, &str, &str)] = &[
    ("b", "true", "true"),
    ("b", "false", "false"),
    ("s", "-32768", "-32768"),
    ("i", "2147483647", "2147483647"),
    ("l", "-9223372036854775808", "-9223372036854775808"),
    ("r", "0.1", "0.1"),
    ("r", "3.4028235e38", "340282350000000000000000000000000000000"),
    ("d", "0.1", "0.1"),
    ("d", "2.2250738585072014e-308", "2.2250738585072014e-308"),
    ("d", "1.7976931348623157e308", "1.7976931348623157e308"),
    ("d", "5e-324", "5e-324"),
    ("n", "123456789012345678901234567890.0987654321", "123456789012345678901234567890.0987654321"),
    ("n", "-0.50", "-0.50"),
    ("n", "1e3", "1000"),
    ("m", "1.5", "1.500"),
    ("m", "-99999.999", "-99999.999"),
    ("t", "tab\tquote\"back\\slash\u{1F600}\nline", "\"tab\\tquote\\\"back\\\\slash\u{1F600}\\nline\""),
    ("t", "", "\"\""),
    ("v", "äöüßé", "\"äöüßé\""),
    ("u", "6F9619FF-8B86-D011-B42D-00CF4FC964FF", "\"6f9619ff-8b86-d011-b42d-00cf4fc964ff\""),
    ("day", "2024-02-29", "\"2024-02-29\""),
    ("day", "0001-01-01", "\"0001-01-01\""),
    ("ts", "2026-11-21 10:00:00.000001", "\"2026-11-21T10:00:00.000001\""),
    ("tz", "2026-11-21 10:00:00.5+02", "\"2026-11-21T08:00:00.5+00:00\""),
    ("tz", "1969-12-31T23:59:59.999999Z", "\"1969-12-31T23:59:59.999999+00:00\""),
    ("span", "P1Y2M3DT4H5M6.5S", "\"P1Y2M3DT4H5M6.5S\""),
    ("span", "-1 days +02:00:00", "\"P-1DT2H\""),
    ("j", "{\"b\": 1.50, \"a\": [null, \"x\"]}", "{\"a\": [null, \"x\"], \"b\": 1.50}"),
    ("j", "\"text\"", "\"text\""),
    ("raw", "\\x00ff10", "\"\\\\x00ff10\""),
    ("raw", "\\x", "\"\\\\x\""),
    ("e", "busy", "\"busy\""),
    ("ti", "{1,NULL,3}", "[1,null,3]"),
    ("ti", "{}", "[]"),
    ("tt", "{\"a,b\",\"\",NULL,\"q\\\"\"}", "[\"a,b\",\"\",null,\"q\\\"\"]"),
];

pub(super) async fn every_type_comes_back_from_the_table_and_the_log(f: Fixture) {
    let start = f.start().await;
    let table = f.model.table("kinds").expect("a table of the suite").clone();
    let mut end = start;
    for (i, (column, given, _)) in VALUES.iter().enumerate() {
        let ty = &table.columns[table.column(column).unwrap()].ty;
        let value =
            brigade_core::data::Value::from_text(ty, given).unwrap_or_else(|e| panic!("{column} {given}: {e:?}"));
        let insert = Builder::new().insert("kinds", row().set("id", i as i32).set(column, value)).returning(&[column]);
        let receipt = f.commit(insert).await;
        let shown = json(&receipt.results[0].returned.as_ref().unwrap().rows[0]);
        assert_eq!(shown, VALUES[i].2, "{column} {given} returned");
        end = receipt.position;
    }
    let rows = f.rows("kinds").await;
    assert_eq!(rows.len(), VALUES.len());
    let changes = f.changes(Some(start), end, 7).await;
    assert_eq!(changes.len(), VALUES.len());
    for (i, (column, given, shown)) in VALUES.iter().enumerate() {
        let at = table.column(column).unwrap();
        let row = rows.iter().find(|r| r[0] == (i as i32).into()).unwrap();
        assert_eq!(json(&row[at..=at]), *shown, "{column} {given} in the table");
        let after = changes[i].after.as_ref().unwrap();
        assert_eq!(after, row, "{column} {given}: the image is the row");
    }
}
