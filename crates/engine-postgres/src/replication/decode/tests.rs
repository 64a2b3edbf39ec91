//! The decoder turns pgoutput bytes into changes, and damaged bytes into errors, never into other changes.

use brigade_core::data::LayoutColumn;

use super::*;

fn relation() -> Relation {
    let column = |name: &str, ty| LayoutColumn { name: name.to_owned(), ty };
    Relation {
        sql: "public.t".to_owned(),
        layout: Arc::new(Layout {
            table: "t".to_owned(),
            columns: vec![column("id", SqlType::Int), column("body", SqlType::Text)],
            key: vec![0],
        }),
        places: vec![0, 1],
        generated: Vec::new(),
    }
}

fn tuple(columns: &[Option<&str>]) -> TupleData {
    TupleData::new(
        columns
            .iter()
            .map(|c| match c {
                None => ColumnData::null(),
                Some("(unchanged)") => ColumnData::unchanged(),
                Some(text) => ColumnData::text(text.as_bytes().to_vec()),
            })
            .collect(),
    )
}

#[test]
fn an_unchanged_column_comes_from_the_old_row() {
    let relation = relation();
    let new = tuple(&[Some("1"), Some("(unchanged)")]);
    let merged = relation.row(&new, Some(&tuple(&[Some("1"), Some("long")])));
    assert_eq!(merged, Decoded { row: vec![Value::Int(1), "long".into()], unchanged: vec![] });
    assert_eq!(relation.row(&new, None).unchanged, vec![1]);
}

#[test]
fn an_update_of_the_key_is_a_delete_and_an_insert() {
    let layout = relation().layout;
    let row = |id: i64| vec![Value::Int(id), Value::from("x")];
    for (before, ops) in [
        (Some(Image::Whole(row(1))), vec![Op::Update]),
        (None, vec![Op::Update]),
        (Some(Image::Whole(row(2))), vec![Op::Delete, Op::Insert]),
        (Some(Image::Key(vec![Value::Int(2)])), vec![Op::Delete, Op::Insert]),
    ] {
        let found: Vec<Op> = update(&layout, before.clone(), row(1)).iter().map(|s| s.op).collect();
        assert_eq!(found, ops, "{before:?}");
    }
}

fn identity() -> Identity {
    Identity {
        version: String::new(),
        version_number: 150_000,
        system: "7".to_owned(),
        database: 5,
        timeline: 1,
        life: 0,
    }
}

#[test]
fn positions_behind_a_server_that_was_put_back_are_later() {
    let (before, given) = (identity(), identity().position_before(0x9000));
    assert_eq!(before.era(), 1);
    assert!(before.position_before(0x1000) < given, "the same places of the WAL come again");
    let after = before.later_than(given);
    assert!(after.position_before(0x1000) > given);
    assert_eq!((after.life, after.position_before(0x1000).lsn()), (1, 0xfff));
    let again = after.clone().later_than(after.position_before(0x9000));
    let promoted = Identity { timeline: 2, ..after };
    assert!(again.position_before(1) > promoted.position_before(0x9000));
}

#[test]
fn positions_come_out_the_same_when_decoded_again() {
    let identity = identity();
    let decode = |reference| {
        let mut assembly = Assembly::new(&identity, 0x1000, 9, 0, reference);
        let mut out = Vec::new();
        for id in 0..3 {
            let steps = insert(vec![Value::Int(id), Value::Null]);
            for step in steps {
                out.extend(assembly.push(relation().layout, step, None));
            }
        }
        out.extend(assembly.end());
        out
    };
    let first = decode(10);
    assert_eq!(first, decode(1000));
    assert!(first.is_sorted_by_key(|c| c.position));
    assert_eq!(first.iter().map(|c| c.last).collect::<Vec<_>>(), [false, false, true]);
    assert_eq!(first[2].position, first[0].transaction.position);
    // Its receipt lies at or after it, and before whatever commits later.
    assert!(first[2].position <= identity.position_before(0x1030));
    assert!(identity.position_before(0x1030) < Assembly::new(&identity, 0x1030, 10, 0, 10).mark().position);
}

#[test]
fn a_transaction_id_of_32_bits_becomes_the_nearest_of_64() {
    for (xid, reference, full) in [
        (9, 10, 9),
        (12, 10, 12),
        (u32::MAX, (1 << 32) + 3, u64::from(u32::MAX)),
        (2, (1 << 32) - 5, (1 << 32) + 2),
        (7, (3 << 32) + 9, (3 << 32) + 7),
    ] {
        assert_eq!(full_xid(xid, reference), full, "{xid} near {reference}");
    }
}

#[test]
fn a_migration_s_message_is_read_and_a_strangers_is_not() {
    let expected = SchemaChange { number: 3, name: "a \"b\"".to_owned() };
    let table = |name: &str| Layout::named(name.to_owned());
    assert_eq!(schema_change(br#"{"number":3,"name":"a \"b\""}"#), Some((expected.clone(), table(""))));
    assert_eq!(schema_change(br#"{"number":3,"name":"a \"b\"","table":"t"}"#), Some((expected, table("t"))));
    for stranger in [&b"hello"[..], b"{}", br#"{"number":"3","name":"x"}"#] {
        assert_eq!(schema_change(stranger), None);
    }
}
