//! A snapshot read in chunks gives every row once, on every engine and for every type of key: fills, `verify` and first
//! copies of other programs all rest on it.

use std::collections::BTreeSet;

use crate::support::{TestProject, on_every_engine};

/// A table of one key: its name, the key's type, and how a value of it is written for a number.
type Keyed = (&'static str, &'static str, fn(i64) -> String);

/// As texts the values have another order.
const KEYS: [Keyed; 8] = [
    ("ints", "integer", |i| (i - 40).to_string()),
    ("bigs", "bigint", |i| ((i - 40) * 100_000_000_007).to_string()),
    ("decimals", "numeric(12, 3)", |i| format!("{}.{:03}", i - 40, i * 7 % 1000)),
    ("doubles", "double precision", |i| format!("{}", (i - 40) as f64 * 1.5)),
    ("texts", "text", |i| format!("'{}{i}'", ["a", "B", "ä", "Z", " "][i as usize % 5])),
    ("days", "date", |i| format!("'{:04}-03-01'", 950 + i)),
    ("times", "timestamptz", |i| format!("'{:04}-03-01 12:00:00.{:06}+00'", 950 + i, i * 10)),
    ("bits", "bytea", |i| format!(r"'\x{:02x}{:02x}'", i * 37 % 256, i)),
];

const ROWS: i64 = 120;

#[test]
fn a_scan_in_chunks_passes_no_row_over() {
    on_every_engine(|engine| async move {
        let mut schema = String::from("CREATE TABLE pairs (a integer, b text, n integer, PRIMARY KEY (b, a));\n");
        for (table, ty, value) in KEYS {
            schema += &format!("CREATE TABLE {table} (id {ty} PRIMARY KEY, n integer);\n");
            for i in 0..ROWS {
                schema += &format!("INSERT INTO {table} VALUES ({}, {i});\n", value(i));
            }
        }
        for i in 0..ROWS {
            schema += &format!("INSERT INTO pairs VALUES ({i}, '{}', {i});\n", i % 3);
        }
        let project = TestProject::new(&engine, &schema, "");
        let brigade = project.open().await;
        let model = brigade.model();
        let mut snapshot = brigade.truth().snapshot().await.unwrap();
        for table in model.tables.values() {
            let layout = table.layout();
            let (mut after, mut count, mut seen) = (None, 0, BTreeSet::new());
            loop {
                let rows = snapshot.scan(table, after.as_ref(), 7).await.unwrap();
                let Some(last) = rows.last() else { break };
                after = layout.key_of(last);
                count += rows.len() as i64;
                seen.extend(rows.iter().map(|row| format!("{row:?}")));
            }
            assert_eq!((count, seen.len() as i64), (ROWS, ROWS), "{} {}", project.engine, table.name);
        }
        drop(snapshot);
        brigade.close().await;
    });
}
