//! What every [`Spool`] promises, as a log and as something that another engine's changes are written into.

use std::{path::Path, sync::Arc};

use brigade_core::{
    data::{Change, Image, Layout, LayoutColumn, Op, Position, SchemaChange, SqlType, TransactionMark, Value, code},
    engine::{Spool, SpoolTransaction},
};

/// Opens the spool in a folder, again if it was there.
pub type Open<'a> = &'a (dyn Fn(&Path) -> Arc<dyn Spool> + Sync);

/// The place where each test's stream begins.
const BEGIN: u64 = 100;

/// Runs every check.
pub async fn run(open: Open<'_>) {
    nothing_is_visible_before_it_is_published(open).await;
    every_kind_of_change_comes_back(open).await;
    what_is_there_already_is_left_as_it_is(open).await;
    a_transaction_without_an_end_is_discarded(open).await;
    reading_resumes_inside_a_transaction(open).await;
    trimming_removes_whole_transactions_and_is_told(open).await;
    another_history_is_recognised(open).await;
    an_idle_position_moves_the_tip(open).await;
    notes_are_durable(open).await;
    a_log_begun_anew_refuses_all_that_was_before(open).await;
}

async fn fresh(open: Open<'_>) -> (tempfile::TempDir, Arc<dyn Spool>) {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = open(folder.path());
    spool.publish(place(BEGIN, 0)).await.unwrap();
    (folder, spool)
}

/// A position of the change `index` of the transaction that committed at `lsn`.
pub fn place(lsn: u64, index: u32) -> Position {
    Position::from_lsn(1, lsn, index, 42)
}

/// A transaction of `n` inserts.
pub fn transaction(lsn: u64, n: u32) -> Vec<Change> {
    let layout = Arc::new(Layout {
        table: "links".to_owned(),
        columns: vec![
            LayoutColumn { name: "id".to_owned(), ty: SqlType::BigInt },
            LayoutColumn { name: "url".to_owned(), ty: SqlType::Text },
        ],
        key: vec![0],
    });
    let mark = Arc::new(TransactionMark { position: place(lsn, n - 1), time: lsn as i64 * 10, xid: Some(lsn + 5) });
    let change = |index: u32| Change {
        position: place(lsn, index),
        transaction: Arc::clone(&mark),
        last: index == n - 1,
        op: Op::Insert,
        layout: Arc::clone(&layout),
        before: None,
        after: Some(vec![Value::Int(i64::from(index)), "https://example.org/a/page/of/usual/length".into()]),
        schema: None,
    };
    (0..n).map(change).collect()
}

async fn all(spool: &dyn Spool) -> Vec<Change> {
    spool.read(None, 10_000).await.unwrap()
}

async fn nothing_is_visible_before_it_is_published(open: Open<'_>) {
    let (folder, spool) = fresh(open).await;
    let mut tip = spool.tip();
    tip.mark_unchanged();
    spool.append(transaction(101, 2)).await.unwrap();
    spool.append(transaction(102, 1)).await.unwrap();
    assert_eq!(all(spool.as_ref()).await, []);
    spool.flush().await.unwrap();
    assert_eq!(all(spool.as_ref()).await, []);
    let waiting = [
        SpoolTransaction { position: place(101, 1), xid: 106, time: 1_010 },
        SpoolTransaction { position: place(102, 0), xid: 107, time: 1_020 },
    ];
    assert_eq!(spool.unpublished().await.unwrap(), waiting);
    for (after, limit, expected) in
        [(place(BEGIN, 0), 10, &waiting[..]), (place(BEGIN, 0), 1, &waiting[..1]), (place(101, 1), 10, &waiting[1..])]
    {
        assert_eq!(spool.transactions_after(after, limit).await.unwrap(), expected, "after {after}");
    }
    assert!(!tip.has_changed().unwrap());
    spool.publish(place(101, 1)).await.unwrap();
    assert!(tip.has_changed().unwrap());
    assert_eq!(*tip.borrow(), place(101, 1));
    assert_eq!(all(spool.as_ref()).await, transaction(101, 2));
    assert_eq!(spool.unpublished().await.unwrap(), waiting[1..]);
    drop(spool);
    let spool = open(folder.path());
    assert_eq!(*spool.tip().borrow(), place(101, 1), "after opening again");
    assert_eq!(spool.unpublished().await.unwrap(), waiting[1..]);
    assert_eq!(spool.appended().await.unwrap(), Some(place(102, 0)));
}

async fn every_kind_of_change_comes_back(open: Open<'_>) {
    let (_folder, spool) = fresh(open).await;
    let row = vec![Value::Int(1), Value::Null];
    let mut changes = transaction(101, 6);
    changes[1].op = Op::Update;
    changes[1].before = Some(Image::Whole(row.clone()));
    changes[2].op = Op::Update;
    changes[2].before = Some(Image::Key(vec![Value::Int(1)]));
    (changes[3].op, changes[3].before, changes[3].after) = (Op::Delete, Some(Image::Whole(row)), None);
    (changes[4].op, changes[4].after) = (Op::Truncate, None);
    (changes[5].op, changes[5].after, changes[5].layout) = (Op::Schema, None, Layout::none());
    changes[5].schema = Some(SchemaChange { number: 3, name: "next".to_owned() });
    spool.append(changes.clone()).await.unwrap();
    spool.publish(place(101, 5)).await.unwrap();
    assert_eq!(all(spool.as_ref()).await, changes);
}

async fn what_is_there_already_is_left_as_it_is(open: Open<'_>) {
    let (_folder, spool) = fresh(open).await;
    for _ in 0..3 {
        spool.append(transaction(101, 3)).await.unwrap();
        spool.append(transaction(102, 3)).await.unwrap();
        spool.flush().await.unwrap();
    }
    // The source begins again in the middle of one that has not ended.
    let large = transaction(103, 9);
    spool.append(large[..5].to_vec()).await.unwrap();
    spool.append(large[..7].to_vec()).await.unwrap();
    spool.append(large[7..].to_vec()).await.unwrap();
    spool.publish(place(103, 8)).await.unwrap();
    let wanted: Vec<Change> = [transaction(101, 3), transaction(102, 3), large].concat();
    assert_eq!(all(spool.as_ref()).await, wanted);
    assert_eq!(spool.status().await.unwrap().changes, 15);
}

async fn a_transaction_without_an_end_is_discarded(open: Open<'_>) {
    let (folder, spool) = fresh(open).await;
    spool.append(transaction(101, 1)).await.unwrap();
    spool.append(transaction(102, 4)[..2].to_vec()).await.unwrap();
    spool.flush().await.unwrap();
    drop(spool);
    let spool = open(folder.path());
    assert_eq!(spool.appended().await.unwrap(), Some(place(101, 0)));
    spool.append(transaction(103, 3)[..2].to_vec()).await.unwrap();
    // It never ends: after a failover another one comes in its place.
    spool.append(transaction(104, 2)).await.unwrap();
    spool.publish(place(104, 1)).await.unwrap();
    assert_eq!(all(spool.as_ref()).await, [transaction(101, 1), transaction(104, 2)].concat());
}

async fn reading_resumes_inside_a_transaction(open: Open<'_>) {
    let (_folder, spool) = fresh(open).await;
    let wanted: Vec<Change> = (101..120).flat_map(|lsn| transaction(lsn, 7)).collect();
    spool.append(wanted.clone()).await.unwrap();
    spool.publish(place(119, 6)).await.unwrap();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let chunk = spool.read(after, 5).await.unwrap();
        let Some(last) = chunk.last() else { break };
        after = Some(last.position);
        assert!(chunk.len() <= 5);
        seen.extend(chunk);
    }
    assert_eq!(seen, wanted);
    assert_eq!(spool.count_after(None).await.unwrap(), 19 * 7);
    assert_eq!(spool.count_after(Some(place(110, 6))).await.unwrap(), 9 * 7);
    assert_eq!(spool.count_after(Some(place(119, 6))).await.unwrap(), 0);
}

async fn trimming_removes_whole_transactions_and_is_told(open: Open<'_>) {
    let (folder, spool) = fresh(open).await;
    spool.append((101..110).flat_map(|lsn| transaction(lsn, 3)).collect()).await.unwrap();
    spool.publish(place(108, 2)).await.unwrap();
    assert_eq!(spool.position_before(1_050).await.unwrap(), Some(place(104, 2)));
    let before = spool.status().await.unwrap();
    assert_eq!(spool.trim(place(103, 1)).await.unwrap(), 9);
    assert_eq!(spool.trim(place(103, 2)).await.unwrap(), 0);
    let error = spool.read(Some(place(102, 2)), 10).await.unwrap_err();
    assert_eq!(error.code(), code::POSITION_GONE);
    assert!(error.get_details().unwrap().contains(&place(103, 2).to_string()));
    assert_eq!(spool.read(Some(place(103, 2)), 1).await.unwrap()[0].position, place(104, 0));
    assert_eq!(all(spool.as_ref()).await[0].position, place(104, 0));
    let status = spool.status().await.unwrap();
    assert_eq!((status.oldest, status.changes, status.oldest_time), (place(103, 2), before.changes - 9, Some(1_040)));
    assert!(status.bytes < before.bytes);
    // What is not published is never trimmed, and an empty log gives no position twice.
    assert_eq!(spool.trim(place(200, 0)).await.unwrap(), 15);
    spool.publish(place(109, 2)).await.unwrap();
    assert_eq!(all(spool.as_ref()).await, transaction(109, 3));
    spool.trim(place(109, 2)).await.unwrap();
    drop(spool);
    let spool = open(folder.path());
    assert_eq!(spool.appended().await.unwrap(), Some(place(109, 2)));
    assert_eq!(spool.status().await.unwrap().changes, 0);
    spool.check(place(109, 2)).await.unwrap();
}

async fn another_history_is_recognised(open: Open<'_>) {
    let (_folder, spool) = fresh(open).await;
    spool.append(transaction(101, 1)).await.unwrap();
    spool.publish(place(101, 0)).await.unwrap();
    let other = Position { tag: 43, ..place(101, 0) };
    assert_eq!(spool.check(other).await.unwrap_err().code(), code::OTHER_HISTORY);
    assert_eq!(spool.read(Some(other), 1).await.unwrap_err().code(), code::OTHER_HISTORY);
    let before = spool.check(place(BEGIN - 1, 0)).await.unwrap_err();
    assert_eq!(before.code(), code::POSITION_GONE, "of the same history, from before the spool began");
    spool.check(place(500, 0)).await.expect("one that was handed out and is still to come");
}

async fn an_idle_position_moves_the_tip(open: Open<'_>) {
    let (_folder, spool) = fresh(open).await;
    spool.append(transaction(101, 1)).await.unwrap();
    spool.publish(place(101, 0)).await.unwrap();
    spool.publish(place(150, 0)).await.unwrap();
    assert_eq!(*spool.tip().borrow(), place(150, 0));
    spool.publish(place(140, 0)).await.unwrap();
    assert_eq!(*spool.tip().borrow(), place(150, 0), "it never moves back");
    assert_eq!(spool.read(Some(place(120, 0)), 1).await.unwrap(), []);
    assert_eq!(spool.trim(place(150, 0)).await.unwrap(), 1);
    spool.check(place(101, 0)).await.expect("nothing after it was removed");
}

async fn notes_are_durable(open: Open<'_>) {
    let (folder, spool) = fresh(open).await;
    assert_eq!(spool.note("slot").await.unwrap(), None);
    spool.set_note("slot", "a").await.unwrap();
    spool.set_note("slot", "b").await.unwrap();
    drop(spool);
    assert_eq!(open(folder.path()).note("slot").await.unwrap().as_deref(), Some("b"));
}

async fn a_log_begun_anew_refuses_all_that_was_before(open: Open<'_>) {
    let (folder, mut spool) = fresh(open).await;
    spool.append([transaction(101, 2), transaction(102, 1)].concat()).await.unwrap();
    // An idle server's position moved on behind the last transaction, and one transaction has no end yet.
    spool.publish(place(110, 0)).await.unwrap();
    spool.append(transaction(120, 3)[..2].to_vec()).await.unwrap();
    assert!(spool.begin_anew(place(110, 0)).await.is_err(), "never at or before what was published");
    spool.begin_anew(place(200, 0)).await.unwrap();
    for is_opened_again in [false, true] {
        if is_opened_again {
            drop(spool);
            spool = open(folder.path());
        }
        assert_eq!(all(spool.as_ref()).await, []);
        assert_eq!((*spool.tip().borrow(), spool.appended().await.unwrap()), (place(200, 0), Some(place(200, 0))));
        for old in [place(100, 0), place(101, 1), place(110, 0), place(199, 0)] {
            assert_eq!(spool.read(Some(old), 10).await.unwrap_err().code(), code::POSITION_GONE, "{old}");
        }
        assert_eq!(spool.read(Some(place(200, 0)), 10).await.unwrap(), []);
        let status = spool.status().await.unwrap();
        assert_eq!((status.oldest, status.changes), (place(200, 0), 0));
    }
    spool.append([transaction(120, 1), transaction(201, 2)].concat()).await.unwrap();
    spool.publish(place(201, 1)).await.unwrap();
    assert_eq!(all(spool.as_ref()).await, transaction(201, 2));
    assert_eq!(spool.count_after(Some(place(200, 0))).await.unwrap(), 2);
}
