//! What every [`CopyStore`] promises. Each check bears the sentence of the contract that it holds the engine to.

use std::sync::Arc;

use brigade_core::{
    data::{
        Change, Checkpoint, Image, Key, Layout, LayoutColumn, Op, Position, Row, Seen, SqlType, TransactionMark, Value,
    },
    engine::CopyStore,
};

/// Makes an empty store of the engine.
pub type Make<'a> = &'a (dyn Fn() -> Arc<dyn CopyStore> + Sync);

/// Runs every check. `whole`: the engine has transactions.
pub async fn run(make: Make<'_>, whole: bool) {
    none_before_the_first_fill(make).await;
    a_generation_is_invisible_until_it_is_swapped_in(make).await;
    changes_are_applied_in_order_with_their_checkpoint(make).await;
    doing_it_twice_changes_nothing(make).await;
    a_large_transaction_becomes_visible_with_its_end(make, whole).await;
    an_aborted_part_leaves_nothing_behind(make).await;
    rows_come_in_a_stable_order_in_chunks(make).await;
    put_leaves_the_checkpoint(make).await;
    truncate_takes_all_rows_of_its_table(make).await;
    a_checkpoint_comes_back_with_what_was_seen(make).await;
}

fn layout(table: &str) -> Arc<Layout> {
    let column = |name: &str, ty| LayoutColumn { name: name.to_owned(), ty };
    Arc::new(Layout {
        table: table.to_owned(),
        columns: vec![column("id", SqlType::BigInt), column("name", SqlType::Text)],
        key: vec![0],
    })
}

fn row(id: i64, name: &str) -> Row {
    vec![Value::Int(id), name.into()]
}

fn at(order: u128) -> Checkpoint {
    Checkpoint::at(Position { order, tag: 1 })
}

/// A change at a place: with a row it is put, without one the key goes.
fn change(table: &str, order: u128, key: i64, name: Option<&str>) -> Change {
    let position = Position { order, tag: 1 };
    let after = name.map(|name| row(key, name));
    Change {
        position,
        transaction: Arc::new(TransactionMark { position, time: 0, xid: None }),
        last: true,
        op: if after.is_some() { Op::Update } else { Op::Delete },
        layout: layout(table),
        before: Some(Image::Key(vec![Value::Int(key)])),
        after,
        schema: None,
    }
}

/// Repeats until the answer comes, as the runner does from the last checkpoint.
async fn apply(store: &dyn CopyStore, changes: &[Change], checkpoint: Option<&Checkpoint>) {
    for _ in 0..1_000 {
        if store.apply(changes, checkpoint).await.is_ok() {
            return;
        }
    }
    panic!("the store never took the changes");
}

async fn filled(make: Make<'_>, rows: Vec<Row>) -> Arc<dyn CopyStore> {
    let store = make();
    let mut filling = store.fill().await.unwrap();
    filling.put(&layout("a"), rows).await.unwrap();
    filling.put(&layout("b"), Vec::new()).await.unwrap();
    filling.swap(&at(10)).await.unwrap();
    store
}

async fn all(store: &dyn CopyStore, table: &str) -> Vec<Row> {
    let mut rows = store.scan(&layout(table), None, 10_000).await.unwrap();
    rows.sort_by_key(|row| match row[0] {
        Value::Int(n) => n,
        _ => 0,
    });
    rows
}

async fn none_before_the_first_fill(make: Make<'_>) {
    let store = make();
    assert_eq!(store.checkpoint().await.unwrap(), None);
    assert_eq!(store.layouts().await.unwrap(), Vec::new());
    assert_eq!(all(store.as_ref(), "a").await, Vec::<Row>::new());
}

async fn a_generation_is_invisible_until_it_is_swapped_in(make: Make<'_>) {
    let store = filled(make, vec![row(1, "old")]).await;
    let mut filling = store.fill().await.unwrap();
    filling.put(&layout("a"), vec![row(2, "new")]).await.unwrap();
    filling.apply(&[change("a", 11, 3, Some("later"))], &at(11)).await.unwrap();
    assert_eq!(filling.scan(&layout("a"), None, 10).await.unwrap().len(), 2);
    assert_eq!(filling.get(&layout("a"), &[vec![Value::Int(3)]]).await.unwrap(), [row(3, "later")]);
    assert_eq!(all(store.as_ref(), "a").await, [row(1, "old")], "while it is filled");
    drop(filling);
    assert_eq!(all(store.as_ref(), "a").await, [row(1, "old")], "after it was dropped");

    let mut filling = store.fill().await.unwrap();
    filling.put(&layout("a"), vec![row(4, "new")]).await.unwrap();
    filling.swap(&at(20)).await.unwrap();
    assert_eq!(all(store.as_ref(), "a").await, [row(4, "new")], "after the swap");
    assert_eq!(store.checkpoint().await.unwrap(), Some(at(20)));
    assert_eq!(store.layouts().await.unwrap(), [(*layout("a")).clone()]);
}

async fn changes_are_applied_in_order_with_their_checkpoint(make: Make<'_>) {
    let store = filled(make, vec![row(1, "one"), row(2, "two")]).await;
    let changes = [
        change("a", 11, 1, Some("uno")),
        change("a", 12, 2, None),
        change("a", 13, 3, Some("tre")),
        change("a", 14, 3, Some("three")),
        change("b", 15, 3, Some("elsewhere")),
    ];
    apply(store.as_ref(), &changes, Some(&at(15))).await;
    assert_eq!(all(store.as_ref(), "a").await, [row(1, "uno"), row(3, "three")]);
    assert_eq!(all(store.as_ref(), "b").await, [row(3, "elsewhere")]);
    assert_eq!(store.checkpoint().await.unwrap(), Some(at(15)));
    apply(store.as_ref(), &[], Some(&at(16))).await;
    assert_eq!(store.checkpoint().await.unwrap(), Some(at(16)));
}

async fn doing_it_twice_changes_nothing(make: Make<'_>) {
    let store = filled(make, vec![row(1, "one")]).await;
    let changes = [change("a", 11, 1, None), change("a", 12, 1, Some("again")), change("a", 13, 2, Some("two"))];
    for _ in 0..3 {
        apply(store.as_ref(), &changes, Some(&at(13))).await;
        assert_eq!(all(store.as_ref(), "a").await, [row(1, "again"), row(2, "two")]);
    }
}

async fn a_large_transaction_becomes_visible_with_its_end(make: Make<'_>, whole: bool) {
    let store = filled(make, vec![row(1, "one"), row(2, "two")]).await;
    apply(store.as_ref(), &[change("a", 11, 1, None), change("a", 12, 5, Some("five"))], None).await;
    apply(store.as_ref(), &[change("a", 13, 5, Some("fem")), change("a", 14, 1, Some("ett"))], None).await;
    assert_eq!(store.checkpoint().await.unwrap(), Some(at(10)));
    if whole {
        assert_eq!(all(store.as_ref(), "a").await, [row(1, "one"), row(2, "two")], "before its end");
    }
    apply(store.as_ref(), &[change("a", 15, 2, None)], Some(&at(15))).await;
    assert_eq!(all(store.as_ref(), "a").await, [row(1, "ett"), row(5, "fem")]);
    assert_eq!(store.checkpoint().await.unwrap(), Some(at(15)));
}

async fn an_aborted_part_leaves_nothing_behind(make: Make<'_>) {
    let store = filled(make, vec![row(1, "one")]).await;
    apply(store.as_ref(), &[change("a", 11, 1, Some("uno"))], None).await;
    // The runner begins again from the checkpoint, now with the whole of it.
    apply(store.as_ref(), &[change("a", 11, 1, Some("uno")), change("a", 12, 1, None)], None).await;
    apply(store.as_ref(), &[change("a", 13, 9, Some("nine"))], Some(&at(13))).await;
    assert_eq!(all(store.as_ref(), "a").await, [row(9, "nine")]);
}

async fn rows_come_in_a_stable_order_in_chunks(make: Make<'_>) {
    let store = filled(make, (0..100).map(|i| row(i * 7 % 100, "x")).collect()).await;
    let (mut seen, mut after): (Vec<Row>, Option<Key>) = (Vec::new(), None);
    loop {
        let chunk = store.scan(&layout("a"), after.as_ref(), 9).await.unwrap();
        assert!(chunk.len() <= 9);
        let Some(last) = chunk.last() else { break };
        after = layout("a").key_of(last);
        seen.extend(chunk);
    }
    assert_eq!(seen, store.scan(&layout("a"), None, 1_000).await.unwrap());
    assert_eq!(seen.len(), 100);
    let keys: Vec<Key> = [5, 500, 6].map(|i| vec![Value::Int(i)]).into();
    assert_eq!(store.get(&layout("a"), &keys).await.unwrap().len(), 2);
}

async fn put_leaves_the_checkpoint(make: Make<'_>) {
    let store = filled(make, vec![row(1, "wrong"), row(2, "extra")]).await;
    let mend = [(vec![Value::Int(1)], Some(row(1, "right"))), (vec![Value::Int(2)], None)];
    store.put(&layout("a"), &mend).await.unwrap();
    assert_eq!(all(store.as_ref(), "a").await, [row(1, "right")]);
    assert_eq!(store.checkpoint().await.unwrap(), Some(at(10)));
    apply(store.as_ref(), &[change("a", 11, 1, Some("later"))], Some(&at(11))).await;
    assert_eq!(all(store.as_ref(), "a").await, [row(1, "later")]);
}

async fn truncate_takes_all_rows_of_its_table(make: Make<'_>) {
    for staged in [false, true] {
        let store = filled(make, vec![row(1, "one"), row(2, "two")]).await;
        apply(store.as_ref(), &[change("b", 11, 1, Some("stays"))], Some(&at(11))).await;
        let truncate = Change { op: Op::Truncate, before: None, after: None, ..change("a", 13, 0, None) };
        let first = [change("a", 12, 4, Some("goes too")), truncate, change("a", 14, 2, Some("comes after"))];
        if staged {
            apply(store.as_ref(), &first, None).await;
            apply(store.as_ref(), &[], Some(&at(14))).await;
        } else {
            apply(store.as_ref(), &first, Some(&at(14))).await;
        }
        assert_eq!(all(store.as_ref(), "a").await, [row(2, "comes after")], "staged: {staged}");
        assert_eq!(all(store.as_ref(), "b").await, [row(1, "stays")]);
    }
}

async fn a_checkpoint_comes_back_with_what_was_seen(make: Make<'_>) {
    let store = filled(make, Vec::new()).await;
    let seen = Seen::parse("10:20:12,15");
    let checkpoint = Checkpoint { position: Position { order: u128::MAX - 1, tag: u64::MAX }, seen };
    apply(store.as_ref(), &[], Some(&checkpoint)).await;
    assert_eq!(store.checkpoint().await.unwrap(), Some(checkpoint));
}
