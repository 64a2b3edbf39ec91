//! What survives: unclean ends, old files copied back, full and failing disks.

use std::{sync::Arc, time::Duration};

use brigade_core::{
    data::{Durability, code},
    engine::{Log, Truth},
};
use engine_sqlite::{SqliteConfig, SqliteTruth};

use crate::support::{Ticking, open, shown, store};

#[tokio::test]
async fn what_was_acknowledged_is_there_after_an_unclean_end() {
    let mut store = store().await;
    let receipt = store.commit(vec![store.account(1)]).await.unwrap();
    let history = Truth::status(&*store.truth).history;
    store.reopen().await;
    assert_eq!(shown(&store.changes().await), ["schema", "insert accounts 1"]);
    assert_eq!(*store.truth.tip().borrow(), receipt.position);
    store.truth.check(receipt.position).await.unwrap();
    assert_eq!(Truth::status(&*store.truth).history, history);
}

#[tokio::test]
async fn rule_9_an_older_file_that_was_copied_back_is_recognised() {
    let store = store().await;
    store.commit(vec![store.account(1)]).await.unwrap();
    store.truth.close().await;
    let older = store.folder.path().join("older.db");
    std::fs::copy(store.path(), &older).unwrap();

    let truth = open(&store.path(), false).await;
    let store = crate::support::Store { truth, ..store };
    let seen = store.commit(vec![store.account(2)]).await.unwrap().position;
    store.truth.close().await;

    std::fs::copy(&older, store.path()).unwrap();
    let truth = open(&store.path(), false).await;
    let store = crate::support::Store { truth, ..store };
    assert_eq!(store.truth.read(Some(seen), 10).await.unwrap_err().code(), code::OTHER_HISTORY, "ahead");
    for id in 3..6 {
        store.commit(vec![store.account(id)]).await.unwrap();
    }
    assert_eq!(store.truth.read(Some(seen), 10).await.unwrap_err().code(), code::OTHER_HISTORY, "passed");
}

#[tokio::test]
async fn rule_9_an_unclean_start_under_relaxed_durability_begins_a_new_history() {
    let store = store().await;
    let path = store.folder.path().join("relaxed.db");
    let truth = open(&path, true).await;
    assert_eq!(Truth::status(&*truth).durability, Durability::Relaxed);
    let store = crate::support::Store { truth, ..store };
    let before = store.commit(vec![store.account(1)]).await.unwrap();
    assert_eq!(before.durability, Durability::Relaxed);
    let history = Truth::status(&*store.truth).history;
    drop(store.truth);

    let truth = open(&path, true).await;
    assert_ne!(Truth::status(&*truth).history, history);
    assert_eq!(truth.check(before.position).await.unwrap_err().code(), code::OTHER_HISTORY);
    let tip = *truth.tip().borrow();
    truth.check(tip).await.unwrap();
    truth.close().await;

    let truth = open(&path, true).await;
    truth.check(tip).await.expect("after an orderly close the history goes on");
}

#[tokio::test]
async fn a_full_disk_is_refused_and_recovers_without_a_restart() {
    let store = store().await;
    let folder = tempfile::tempdir().unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=4m", "brigade-test"])
        .arg(folder.path())
        .stderr(std::process::Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !mounted {
        eprintln!("skipped: only root can mount a small disk");
        return;
    }
    let truth = open(&folder.path().join("truth.db"), false).await;
    let store = crate::support::Store { truth, ..store };
    store.commit(vec![store.account(0)]).await.unwrap();
    let ballast = folder.path().join("ballast");
    let (mut full, mut id) = (false, 1);
    while !full {
        let note = "x".repeat(64 << 10);
        let row = [("id", id.into()), ("email", id.to_string().into()), ("note", note.into())];
        let result = store.commit(vec![store.insert("accounts", &[&row])]).await;
        id += 1;
        match result {
            Ok(_) if id > 1_000 => panic!("the disk does not fill"),
            Ok(_) => {}
            Err(e) => {
                assert_eq!(e.code(), code::NO_SPACE, "{e}");
                full = true;
            }
        }
    }
    let rows = store.changes().await.len();
    assert!(rows > 1, "reads go on");
    assert_eq!(Truth::status(&*store.truth).stopped, None);
    drop(ballast);
    std::process::Command::new("mount").args(["-o", "remount,size=32m"]).arg(folder.path()).status().unwrap();
    store.commit(vec![store.account(id)]).await.expect("there is space again");
    assert_eq!(store.changes().await.len(), rows + 1);
    store.truth.close().await;
    std::process::Command::new("umount").arg(folder.path()).status().unwrap();
}

#[tokio::test]
async fn a_store_is_small_and_one_that_cannot_be_written_says_so() {
    let store = store().await;
    store.commit(vec![store.account(1)]).await.unwrap();
    let size: u64 = std::fs::read_dir(store.folder.path()).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
    assert!(size < 8 << 20, "{size} bytes");
    let nowhere = SqliteConfig::new(store.folder.path().join("missing/truth.db"));
    let error = SqliteTruth::open(nowhere, Arc::new(Ticking::default())).unwrap_err();
    assert_eq!(error.code(), code::CONFIG, "{error}");
    assert!(error.message().contains("cannot write"), "{error}");
    let other = store.folder.path().join("other.txt");
    std::fs::write(&other, "this is a letter and no database, however long it is made to be".repeat(20)).unwrap();
    let error = SqliteTruth::open(SqliteConfig::new(other), Arc::new(Ticking::default())).unwrap_err();
    assert!(error.message().contains("no SQLite database"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rule_13_the_write_ahead_log_stays_small_under_readers_that_overlap() {
    let store = Arc::new(store().await);
    let readers: Vec<_> = (0..3)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(30 * n)).await;
                let table = Arc::clone(store.model.table("accounts").unwrap());
                loop {
                    let mut view = store.truth.snapshot().await.unwrap();
                    view.scan(&table, None, 10).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(90)).await;
                }
            })
        })
        .collect();
    let note = "y".repeat(100_000);
    for id in 1..=800_i64 {
        let row = [("id", id.into()), ("email", id.to_string().into()), ("note", note.as_str().into())];
        store.commit(vec![store.insert("accounts", &[&row])]).await.unwrap();
    }
    let wal = store.path().with_file_name("truth.db-wal");
    let size = std::fs::metadata(wal).unwrap().len();
    readers.iter().for_each(tokio::task::JoinHandle::abort);
    // 800 rows and as many images are 160 MB and more.
    assert!(size < 400 << 20, "{size} bytes");
}
