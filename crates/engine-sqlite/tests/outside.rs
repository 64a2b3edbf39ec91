//! Other programs that write the same file.

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use brigade_core::{
    data::Change,
    engine::{Log, Truth},
};

use crate::support::{Store, shown, store};

async fn wait_for_changes(store: &Store, count: usize) -> Vec<Change> {
    let mut tip = store.truth.tip();
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let changes = store.changes().await;
        if changes.len() >= count || Instant::now() > deadline {
            return changes;
        }
        let _ = tokio::time::timeout(Duration::from_secs(1), tip.changed()).await;
    }
}

#[tokio::test]
async fn rule_10_outside_transactions_are_stamped_as_one_and_seen_within_100_ms() {
    let store = store().await;
    let outside = store.outside();
    let mut worst = Duration::ZERO;
    for round in 0..20_i64 {
        let begin = Instant::now();
        outside
            .execute_batch(&format!(
                "BEGIN; INSERT INTO nodes(id) VALUES({0}); INSERT OR REPLACE INTO nodes(id) VALUES({0}); COMMIT",
                round + 1
            ))
            .unwrap();
        let changes = wait_for_changes(&store, 1 + 3 * (round as usize + 1)).await;
        worst = worst.max(begin.elapsed());
        let last = &changes[changes.len() - 3..];
        let id = round + 1;
        assert_eq!(
            shown(last),
            [format!("insert nodes {id}"), format!("delete nodes {id}"), format!("insert nodes {id}")]
        );
        assert!(last.iter().all(|c| c.transaction.position == last[2].position), "one transaction");
    }
    assert!(worst < Duration::from_millis(2_000), "{worst:?}");
    assert_eq!(store.changes().await, store.changes().await, "the same for every reader");
}

#[tokio::test]
async fn rule_10_outside_rows_come_before_the_commit_that_found_them() {
    let store = store().await;
    let outside = store.outside();
    for id in 0..20_i64 {
        outside.execute("INSERT INTO nodes(id) VALUES(?)", [id]).unwrap();
        let receipt = store.commit(vec![store.account(id)]).await.unwrap();
        let changes = store.changes().await;
        let [.., outer, own] = changes.as_slice() else { panic!("{changes:?}") };
        assert_eq!((outer.layout.table.as_str(), own.position), ("nodes", receipt.position));
        assert_ne!(outer.transaction.position, own.transaction.position);
        assert!(outer.last && own.last);
    }
}

#[tokio::test]
async fn rule_10_a_writer_without_patience_gets_in() {
    let (store, writing) = (Arc::new(store().await), Arc::new(AtomicBool::new(true)));
    let busy: Vec<_> = (0..16)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for i in 0..200 {
                    store.commit(vec![store.account(n * 1_000 + i)]).await.unwrap();
                }
            })
        })
        .collect();
    let (path, writers) = (store.path(), Arc::clone(&writing));
    let got_in = tokio::task::spawn_blocking(move || {
        let conn = rusqlite::Connection::open(path).unwrap();
        conn.busy_timeout(Duration::ZERO).unwrap();
        let mut got_in: usize = 0;
        // As long as the others write: how many tries that takes is the machine's affair.
        while writers.load(Ordering::Relaxed) {
            got_in += usize::from(conn.execute("INSERT INTO nodes(id) VALUES(?)", [got_in as i64]).is_ok());
            std::thread::sleep(Duration::from_micros(100));
        }
        got_in
    });
    for task in busy {
        task.await.unwrap();
    }
    writing.store(false, Ordering::Relaxed);
    let got_in = got_in.await.unwrap();
    assert!(got_in > 0);
    assert_eq!(wait_for_changes(&store, 1 + 3_200 + got_in).await.len(), 1 + 3_200 + got_in);
}

#[tokio::test]
async fn rule_2_a_large_outside_transaction_is_read_in_bounded_chunks() {
    let store = store().await;
    let rows = if std::env::var_os("BRIGADE_LONG").is_some() { 2_000_000 } else { 200_000 };
    let insert = format!(
        "INSERT INTO nodes(id) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) SELECT i FROM n"
    );
    // The stock program where it is installed, else this build of SQLite with stock settings.
    match Command::new("sqlite3").arg(store.path()).arg(&insert).status() {
        Ok(status) => assert!(status.success()),
        Err(_) => store.outside().execute_batch(&insert).unwrap(),
    }
    let mut tip = store.truth.tip();
    let expected = rows as u128 * 2;
    tokio::time::timeout(Duration::from_secs(60), tip.wait_for(|p| p.order > expected)).await.unwrap().unwrap();
    let before = resident();
    let (mut after, mut read, mut marks) = (None, 0_u64, std::collections::HashSet::new());
    loop {
        let chunk = store.truth.read(after, brigade_core::limits::CHUNK_MAX).await.unwrap();
        let Some(last) = chunk.last() else { break };
        after = Some(last.position);
        read += chunk.len() as u64;
        marks.extend(chunk.iter().map(|c| c.transaction.position));
    }
    assert_eq!((read, marks.len()), (rows + 1, 2), "the schema's change, and one transaction");
    let grown = resident().saturating_sub(before);
    assert!(grown < 64 << 20, "memory grew by {grown} bytes");
}

/// Bytes of memory this process holds; 0 where the system does not say.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
}

#[tokio::test]
async fn rule_11_an_outside_write_is_touched_and_is_one_change() {
    let store = store().await;
    store.commit(vec![store.account(1)]).await.unwrap();
    store.outside().execute("UPDATE accounts SET note = 'outside' WHERE id = 1", []).unwrap();
    let changes = wait_for_changes(&store, 3).await;
    assert_eq!(shown(&changes), ["schema", "insert accounts 1", "update accounts 1"]);
    let after = changes[2].after.as_ref().unwrap();
    assert!(!after[6].is_null(), "touched: {after:?}");
    let stored: String = store.outside().query_row("SELECT updated_at FROM accounts", [], |row| row.get(0)).unwrap();
    assert!(stored.starts_with(after[6].to_text().unwrap().get(..19).unwrap()), "the image is the row: {stored}");
}

#[tokio::test]
async fn a_schema_change_from_outside_is_noticed() {
    let store = store().await;
    let outside = store.outside();
    outside.execute_batch("ALTER TABLE nodes ADD COLUMN extra TEXT").unwrap();
    outside.execute_batch("INSERT INTO nodes(id) VALUES(1)").unwrap();
    wait_for_changes(&store, 2).await;
    let notes = Truth::status(&*store.truth).notes.join("; ");
    assert!(notes.contains("nodes.extra"), "{notes}");
    store.commit(vec![store.account(1)]).await.unwrap();

    outside.execute_batch("DROP TABLE nodes").unwrap();
    let deadline = Instant::now() + Duration::from_secs(5);
    while Truth::status(&*store.truth).stopped.is_none() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let stopped = Truth::status(&*store.truth).stopped.unwrap();
    assert!(stopped.contains("nodes"), "{stopped}");
    assert_eq!(store.commit(vec![store.account(2)]).await.unwrap_err().code(), "BRG503");
}

#[tokio::test]
async fn orphans_left_by_other_programs_are_shown() {
    let mut store = store().await;
    store.outside().execute("INSERT INTO orders(id, account) VALUES(1, 99)", []).unwrap();
    store.reopen().await;
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut notes = Vec::new();
    while notes.is_empty() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
        notes = Truth::status(&*store.truth).notes;
    }
    assert!(notes.join("; ").contains("orders row 1 points at nothing in accounts"), "{notes:?}");
}
