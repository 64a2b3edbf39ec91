//! Reading, checking and trimming the log.

use brigade_core::{
    data::{Op, Position, Value, code},
    engine::{Assign, Log, Operand},
};

use crate::support::{NOON, shown, store};

#[tokio::test]
async fn any_chunk_size_gives_the_same_changes_and_any_position_resumes() {
    let store = store().await;
    store.commit(vec![store.account(1), store.account(2)]).await.unwrap();
    let key = [("id", Assign::Set(Operand::Value(5.into()))), ("email", Assign::Set(Operand::Value("5".into())))];
    store.commit(vec![store.update("accounts", 1, &key), store.delete("accounts", 2)]).await.unwrap();
    let all = store.changes().await;
    let expected = [
        "schema",
        "insert accounts 1",
        "insert accounts 2",
        "delete accounts 1",
        "insert accounts 5",
        "delete accounts 2",
    ];
    assert_eq!(shown(&all), expected);
    assert_eq!(all.iter().map(|c| c.last).collect::<Vec<_>>(), [true, false, true, false, false, true]);
    assert!(all.windows(2).all(|pair| pair[0].position < pair[1].position));
    for limit in 1..=all.len() {
        let (mut read, mut after) = (Vec::new(), None);
        loop {
            let chunk = store.truth.read(after, limit).await.unwrap();
            assert!(chunk.len() <= limit);
            let Some(last) = chunk.last() else { break };
            after = Some(last.position);
            read.extend(chunk);
        }
        assert_eq!(read, all, "in chunks of {limit}");
    }
    for (i, change) in all.iter().enumerate() {
        store.truth.check(change.position).await.unwrap();
        assert_eq!(store.truth.read(Some(change.position), 100).await.unwrap(), all[i + 1..], "after {i}");
    }
}

#[tokio::test]
async fn a_position_of_no_history_is_refused() {
    let store = store().await;
    let receipt = store.commit(vec![store.account(1)]).await.unwrap();
    let Position { order, tag } = receipt.position;
    for wrong in [
        Position { order, tag: tag ^ 1 },
        Position { order: order + 2, tag },
        Position { order: order + 1_000_000, tag },
        Position { order: u128::MAX, tag },
    ] {
        for error in [store.truth.check(wrong).await.unwrap_err(), store.truth.read(Some(wrong), 10).await.unwrap_err()]
        {
            assert_eq!(error.code(), code::OTHER_HISTORY, "{wrong}");
        }
    }
    store.truth.check(Position::START).await.unwrap();
}

#[tokio::test]
async fn rule_8_numbers_do_not_come_back_after_the_log_was_trimmed() {
    let mut store = store().await;
    let mut positions = Vec::new();
    for id in 1..=5 {
        positions.push(store.commit(vec![store.account(id)]).await.unwrap().position);
    }
    assert_eq!(store.truth.trim(positions[1]).await.unwrap(), 3, "the schema's change and two more");
    let status = store.truth.status_of_log().await;
    assert_eq!((status.oldest, status.changes), (positions[1], 3));
    assert_eq!(store.truth.check(positions[0]).await.unwrap_err().code(), code::POSITION_GONE);
    assert_eq!(store.truth.check(Position::START).await.unwrap_err().code(), code::POSITION_GONE);
    assert_eq!(shown(&store.truth.read(Some(positions[1]), 1).await.unwrap()), ["insert accounts 3"]);
    assert_eq!(shown(&store.changes().await).len(), 3);

    store.truth.trim(positions[4]).await.unwrap();
    assert!(store.changes().await.is_empty());
    store.reopen().await;
    let next = store.commit(vec![store.account(6)]).await.unwrap().position;
    assert!(next > positions[4], "{next} after {}", positions[4]);
    assert_eq!(shown(&store.truth.read(Some(positions[4]), 10).await.unwrap()), ["insert accounts 6"]);
    assert_eq!(store.truth.check(positions[3]).await.unwrap_err().code(), code::POSITION_GONE);
}

#[tokio::test]
async fn a_place_is_found_by_time_and_lag_is_counted() {
    let store = store().await;
    let mut receipts = Vec::new();
    for id in 1..=20 {
        receipts.push(store.commit(vec![store.account(id)]).await.unwrap().position);
    }
    let changes = store.changes().await;
    assert_eq!(store.truth.position_before(NOON).await.unwrap(), None);
    for change in &changes {
        let found = store.truth.position_before(change.transaction.time + 1).await.unwrap();
        assert_eq!(found, Some(change.transaction.position));
    }
    assert_eq!(store.truth.count_after(Some(receipts[14])).await.unwrap(), 5);
    assert_eq!(store.truth.count_after(None).await.unwrap(), 21);
    let status = store.truth.status_of_log().await;
    assert_eq!((status.changes, status.oldest_time), (21, Some(changes[0].transaction.time)));
    assert!(status.bytes > 21 * 20, "{}", status.bytes);
}

#[tokio::test]
async fn images_are_exact() {
    let store = store().await;
    let row = [
        ("id", Value::Int(1)),
        ("email", Value::from("ä–\u{1F980}")),
        ("amount", Value::Numeric("12.50".parse().unwrap())),
        ("created", Value::TimestampTz(NOON + 123_456)),
        ("note", Value::Null),
    ];
    store.commit(vec![store.insert("accounts", &[&row])]).await.unwrap();
    let change = store.changes().await.pop().unwrap();
    let after = change.after.unwrap();
    assert_eq!(change.op, Op::Insert);
    for (name, value) in row {
        assert_eq!(after[store.model.table("accounts").unwrap().column(name).unwrap()], value, "{name}");
    }
}

#[tokio::test]
async fn a_commit_wakes_a_reader_at_once() {
    let store = store().await;
    let mut tip = store.truth.tip();
    tip.mark_unchanged();
    let receipt = store.commit(vec![store.account(1)]).await.unwrap();
    assert!(tip.has_changed().unwrap(), "the tip has moved before the receipt is out");
    assert_eq!(*tip.borrow(), receipt.position);
}

trait LogFacts {
    async fn status_of_log(&self) -> brigade_core::engine::LogStatus;
}

impl LogFacts for engine_sqlite::SqliteTruth {
    async fn status_of_log(&self) -> brigade_core::engine::LogStatus {
        Log::status(self).await.unwrap()
    }
}
