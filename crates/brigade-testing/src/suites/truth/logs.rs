//! What happened, in which order.

use std::time::{Duration, Instant};

use brigade_core::{
    commit::{Builder, filter},
    data::{Image, Op, Position, Value},
};

use super::{Fixture, json};
use crate::suites::row;

fn account(id: i32) -> brigade_core::commit::Row {
    row().set("id", id).set("owner", format!("owner {id}"))
}

pub(super) async fn changes_come_in_order_with_marks(f: Fixture) {
    let start = f.start().await;
    f.commit(Builder::new().insert_all("accounts", [account(1), account(2)])).await;
    f.commit(Builder::new().update("accounts", filter("id", 2), row().set("note", "x"))).await;
    let end = f.commit(Builder::new().delete("accounts", filter("id", 1)).insert("accounts", account(3))).await;
    let changes = f.changes(Some(start), end.position, 100).await;
    let shown: Vec<String> = changes
        .iter()
        .map(|c| {
            let key = c.key().map(|k| json(&k)).unwrap_or_default();
            let before = c.before.as_ref().and_then(Image::row).map(|r| json(&r[8..]));
            let after = c.after.as_ref().map(|r| json(&r[8..]));
            format!("{} {key} {before:?} {after:?} {}", c.op.as_str(), c.last)
        })
        .collect();
    assert_eq!(
        shown,
        [
            "insert 1 None Some(\"null\") false",
            "insert 2 None Some(\"null\") true",
            "update 2 Some(\"null\") Some(\"\\\"x\\\"\") true",
            "delete 1 Some(\"null\") None false",
            "insert 3 None Some(\"null\") true",
        ]
    );
    assert!(changes.windows(2).all(|w| w[0].position < w[1].position), "positions rise");
    assert!(changes.windows(2).all(|w| w[0].position.to_string() < w[1].position.to_string()), "as text too");
    let marks: Vec<Position> = changes.iter().map(|c| c.transaction.position).collect();
    assert_eq!((marks[0], marks[3]), (changes[1].position, changes[4].position), "the mark is the last change's place");
    assert!(end.position.order >= changes[4].position.order);
}

pub(super) async fn reading_resumes_at_every_change(f: Fixture) {
    let start = f.start().await;
    let mut end = start;
    for i in 0..7 {
        let rows = (0..=i).map(|j| account(i * 10 + j));
        end = f.commit(Builder::new().insert_all("accounts", rows)).await.position;
    }
    let whole = f.changes(Some(start), end, 1000).await;
    assert_eq!(whole.len(), 28);
    for piece in [1, 2, 5] {
        assert_eq!(f.changes(Some(start), end, piece).await, whole, "in pieces of {piece}");
    }
    for (i, change) in whole.iter().enumerate() {
        let rest = f.changes(Some(change.position), end, 4).await;
        assert_eq!(rest[..], whole[i + 1..], "from change {i}");
    }
}

pub(super) async fn an_update_of_the_key_is_a_delete_and_an_insert(f: Fixture) {
    f.commit(Builder::new().insert("accounts", account(1))).await;
    let start = f.start().await;
    let end = f.commit(Builder::new().update("accounts", filter("id", 1), row().set("id", 2))).await;
    let changes = f.changes(Some(start), end.position, 1).await;
    let shown: Vec<_> = changes.iter().map(|c| (c.op, c.key().unwrap(), c.last)).collect();
    assert_eq!(shown, [(Op::Delete, vec![Value::Int(1)], false), (Op::Insert, vec![Value::Int(2)], true)]);
}

pub(super) async fn cascades_are_changes(f: Fixture) {
    let entry = |id: i32| row().set("id", id).set("account_id", 1).set("amount", "1.0");
    f.commit(Builder::new().insert("accounts", account(1)).insert_all("entries", [entry(1), entry(2)])).await;
    let start = f.start().await;
    let end = f.commit(Builder::new().delete("accounts", filter("id", 1)).expect(1)).await;
    let changes = f.changes(Some(start), end.position, 100).await;
    let mut shown: Vec<String> = changes.iter().map(|c| format!("{} {}", c.op.as_str(), c.layout.table)).collect();
    shown.sort();
    assert_eq!(shown, ["delete accounts", "delete entries", "delete entries"]);
    assert!(f.rows("entries").await.is_empty());
}

pub(super) async fn a_commit_wakes_readers(f: Fixture) {
    f.start().await;
    let mut slowest = Duration::ZERO;
    for i in 0..20 {
        let began = Instant::now();
        let receipt = f.commit(Builder::new().insert("accounts", account(i))).await;
        f.reached(receipt.position).await;
        slowest = slowest.max(began.elapsed());
    }
    assert!(slowest < Duration::from_secs(2), "a reader waited {slowest:?}");
}

pub(super) async fn a_snapshot_stands_at_its_position(f: Fixture) {
    // Replaying what comes after a snapshot onto it gives the same as a later snapshot.
    let writer = {
        let f = f.clone();
        tokio::spawn(async move {
            for i in 0..60 {
                f.commit(Builder::new().insert("accounts", account(i)).update(
                    "accounts",
                    filter("id", i / 2),
                    row().add("hits", 1),
                ))
                .await;
            }
        })
    };
    let table = f.model.table("accounts").unwrap().clone();
    let mut snapshots = Vec::new();
    while !writer.is_finished() {
        let mut snapshot = f.truth.snapshot().await.unwrap();
        let rows = snapshot.scan(&table, None, 1000).await.unwrap();
        snapshots.push((snapshot.checkpoint().clone(), rows));
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    writer.await.unwrap();
    let end = f.start().await;
    let last = f.rows("accounts").await;
    assert!(!snapshots.is_empty());
    for (checkpoint, rows) in snapshots {
        let mut state: std::collections::BTreeMap<String, Vec<Value>> =
            rows.into_iter().map(|r| (json(&r[..1]), r)).collect();
        for change in f.changes(Some(checkpoint.position), end, 1000).await {
            let seen = match (&checkpoint.seen, change.transaction.xid) {
                (Some(seen), Some(xid)) => seen.contains(xid),
                _ => false,
            };
            if change.layout.table == "accounts" && !seen {
                let row = change.after.expect("no row goes here");
                let new = state.insert(json(&row[..1]), row).is_none();
                assert_eq!(new, change.op == Op::Insert, "a change twice, or one missing");
            }
        }
        let mut rows: Vec<Vec<Value>> = state.into_values().collect();
        rows.sort_by_key(|r| match r[0] {
            Value::Int(n) => n,
            _ => 0,
        });
        assert_eq!(rows, last);
    }
}

pub(super) async fn positions_of_another_history_are_refused(f: Fixture) {
    let start = f.start().await;
    let other = Position { tag: start.tag ^ 1, ..start };
    assert_eq!(f.log.read(Some(other), 10).await.unwrap_err().code(), "BRG412");
    assert_eq!(f.log.check(other).await.unwrap_err().code(), "BRG412");
    let ahead = Position { order: start.order + (1 << 100), tag: start.tag };
    assert_eq!(f.log.read(Some(ahead), 10).await.unwrap_err().code(), "BRG412");
    assert!(f.log.check(start).await.is_ok());
}

pub(super) async fn what_was_trimmed_is_gone_and_said_so(f: Fixture) {
    let start = f.start().await;
    let mut receipts = Vec::new();
    for i in 0..10 {
        receipts
            .push(f.commit(Builder::new().insert_all("accounts", [account(2 * i), account(2 * i + 1)])).await.position);
    }
    let changes = f.changes(Some(start), receipts[9], 100).await;
    let middle = changes[9].position;
    assert!(f.log.trim(middle).await.unwrap() >= 10);
    let error = f.log.read(Some(start), 10).await.unwrap_err();
    assert_eq!(error.code(), "BRG410");
    assert!(error.get_details().is_some() && error.get_hint().is_some(), "{error:?}");
    assert_eq!(f.log.read(Some(middle), 100).await.unwrap(), changes[10..], "what is retained is as it was");
    let oldest = f.log.status().await.unwrap().oldest;
    assert_eq!(f.log.read(Some(oldest), 100).await.unwrap(), changes[10..]);
    assert_eq!(f.log.read(None, 100).await.unwrap(), changes[10..]);
    // Trimming everything gives no position twice.
    f.log.trim(receipts[9]).await.unwrap();
    let next = f.commit(Builder::new().insert("accounts", account(99))).await.position;
    f.reached(next).await;
    assert!(next.order > receipts[9].order);
    assert_eq!(f.log.read(Some(changes[19].position), 10).await.unwrap().len(), 1);
}
