//! A change becomes the object that both formats carry.

use brigade::data::{Change, Image, timestamptz};

use crate::json::{Object, record};

/// Writes a change: images with their columns in order, an image of the key with those of the key.
pub fn write_change(out: &mut String, change: &Change) {
    let layout = &change.layout;
    let name = |index: usize| layout.columns[index].name.as_str();
    let mut object = Object::begin(out);
    object
        .quoted("position", change.position)
        .quoted("transaction", change.transaction.position)
        .plain("last", change.last);
    object.text_or_null("table", (!layout.table.is_empty()).then_some(layout.table.as_str()));
    object.text("op", change.op.as_str());
    match change.key() {
        Some(key) => record(object.key("key"), layout.key.iter().map(|&i| name(i)).zip(&key)),
        None => object.key("key").push_str("null"),
    }
    match &change.before {
        Some(Image::Whole(row)) => record(object.key("before"), (0..row.len()).map(name).zip(row)),
        Some(Image::Key(key)) => record(object.key("before"), layout.key.iter().map(|&i| name(i)).zip(key)),
        None => object.key("before").push_str("null"),
    }
    match &change.after {
        Some(row) => record(object.key("after"), (0..row.len()).map(name).zip(row)),
        None => object.key("after").push_str("null"),
    }
    if let Some(schema) = &change.schema {
        let mut migration = Object::begin(object.key("schema"));
        migration.plain("number", schema.number).text("name", &schema.name);
        migration.end();
    }
    object.quoted("time", timestamptz::format(change.transaction.time));
    object.end();
}

#[cfg(test)]
pub mod tests {
    use std::sync::Arc;

    use brigade::data::{Layout, LayoutColumn, Op, Position, SchemaChange, SqlType, TransactionMark, Value};

    use super::*;

    /// A change of table `t` at a place, of the transaction that ends at another.
    pub fn change(table: &str, at: u128, ends: u128) -> Change {
        let column = |name: &str| LayoutColumn { name: name.to_owned(), ty: SqlType::Text };
        let position = |order| Position { order, tag: 1 };
        Change {
            position: position(at),
            transaction: Arc::new(TransactionMark { position: position(ends), time: 1_000_001, xid: None }),
            last: at == ends,
            op: Op::Update,
            layout: Arc::new(Layout {
                table: table.to_owned(),
                columns: vec![column("v"), column("id")],
                key: vec![1],
            }),
            before: Some(Image::Key(vec![Value::Int(7)])),
            after: Some(vec![Value::Text("x\n".to_owned()), Value::Int(7)]),
            schema: None,
        }
    }

    fn check(change: &Change, expected: &str) {
        let mut out = String::new();
        write_change(&mut out, change);
        let tail = out.split_once("\"last\":").unwrap().1;
        assert_eq!(tail, expected);
        serde_json::from_str::<serde_json::Value>(&out).unwrap();
    }

    #[test]
    fn writes_what_is_known_and_null_for_the_rest() {
        let update = change("t", 1, 2);
        check(
            &update,
            "false,\"table\":\"t\",\"op\":\"update\",\"key\":{\"id\":7},\"before\":{\"id\":7},\
             \"after\":{\"v\":\"x\\n\",\"id\":7},\"time\":\"1970-01-01T00:00:01.000001+00:00\"}",
        );
        let mut keyless = change("t", 2, 2);
        Arc::make_mut(&mut keyless.layout).key.clear();
        keyless.op = Op::Delete;
        keyless.before = keyless.after.take().map(Image::Whole);
        check(
            &keyless,
            "true,\"table\":\"t\",\"op\":\"delete\",\"key\":null,\"before\":{\"v\":\"x\\n\",\"id\":7},\
             \"after\":null,\"time\":\"1970-01-01T00:00:01.000001+00:00\"}",
        );
        let mut schema = change("", 2, 2);
        schema.layout = Layout::none();
        (schema.op, schema.before, schema.after) = (Op::Schema, None, None);
        schema.schema = Some(SchemaChange { number: 2, name: "tags".to_owned() });
        check(
            &schema,
            "true,\"table\":null,\"op\":\"schema\",\"key\":null,\"before\":null,\"after\":null,\
             \"schema\":{\"number\":2,\"name\":\"tags\"},\"time\":\"1970-01-01T00:00:01.000001+00:00\"}",
        );
    }
}
