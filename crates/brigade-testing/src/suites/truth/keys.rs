//! One idempotency key, one effect, one receipt.

use std::{sync::Arc, time::Duration};

use brigade_core::{
    commit::{Builder, filter},
    data::{IdempotencyKey, Transaction},
};

use super::{Fixture, json, show};
use crate::suites::row;

fn key(name: &str, body: u8) -> Option<IdempotencyKey> {
    let keep = Duration::from_secs(3600);
    Some(IdempotencyKey { key: name.to_owned(), principal: String::new(), body_hash: [body; 32], keep })
}

fn mark(note: &str) -> Transaction {
    Builder::new().insert("marks", row().set("note", note)).returning(&["*"]).build()
}

pub(super) async fn a_repeated_key_has_one_effect_and_one_receipt(f: Fixture) {
    let first = f.try_commit(mark("a"), key("k", 1)).await.unwrap();
    let again = f.try_commit(mark("a"), key("k", 1)).await.unwrap();
    assert!(!first.replayed && again.replayed);
    assert!(again.position.order >= first.position.order);
    let rows = |r: &brigade_core::data::Receipt| json(&r.results[0].returned.as_ref().unwrap().rows[0]);
    assert_eq!(rows(&first), rows(&again));
    assert_eq!(first.results[0].rows, again.results[0].rows);
    let other = IdempotencyKey { principal: "somebody else".into(), ..key("k", 2).unwrap() };
    assert!(!f.try_commit(mark("b"), Some(other)).await.unwrap().replayed, "keys of principals do not meet");
    assert_eq!(f.rows("marks").await.len(), 2);
}

pub(super) async fn a_key_with_another_body_is_refused(f: Fixture) {
    f.try_commit(mark("a"), key("k", 1)).await.unwrap();
    assert_eq!(f.try_commit(mark("b"), key("k", 2)).await.unwrap_err().code(), "BRG422");
    assert_eq!(f.rows("marks").await.len(), 1);
}

pub(super) async fn a_hundred_at_once_have_one_effect(f: Fixture) {
    let f = Arc::new(f);
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let f = Arc::clone(&f);
            tokio::spawn(async move { f.try_commit(mark("a"), key("k", 1)).await })
        })
        .collect();
    let mut fresh = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(receipt) => fresh += u32::from(!receipt.replayed),
            Err(error) => assert_eq!(error.code(), "BRG420", "{}", show(&error)),
        }
    }
    assert_eq!(fresh, 1);
    assert_eq!(f.rows("marks").await.len(), 1);
}

pub(super) async fn a_refused_transaction_leaves_its_key_free(f: Fixture) {
    let wrong = Builder::new().insert("marks", row()).check("marks", filter("id", 77)).expect(1).build();
    assert_eq!(f.try_commit(wrong, key("k", 1)).await.unwrap_err().code(), "BRG409");
    assert!(!f.try_commit(mark("a"), key("k", 2)).await.unwrap().replayed);
}
