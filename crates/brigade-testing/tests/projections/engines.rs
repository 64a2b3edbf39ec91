//! One suite, every engine of the role: with transactions, without them, and without them under fault.

use std::sync::Arc;

use brigade_core::{
    data::Position,
    engine::CopyStore,
    projection::{DeadLetter, Notes},
};
use brigade_testing::{suites::copy, torn::TornCopy};
use engine_memory::{MemoryCopy, MemoryNotes};
use engine_sqlite::{SqliteCopy, SqliteNotes};

#[tokio::test]
async fn memory() {
    copy::run(&|| Arc::new(MemoryCopy::new()), true).await;
}

#[tokio::test]
async fn sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let count = std::sync::atomic::AtomicU32::new(0);
    let make = || -> Arc<dyn CopyStore> {
        let n = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Arc::new(SqliteCopy::open(folder.path().join(format!("copy-{n}.db"))).unwrap())
    };
    copy::run(&make, true).await;
}

#[tokio::test]
async fn torn_writes() {
    for seed in 0..20 {
        copy::run(&|| Arc::new(TornCopy::new(seed, 50)), false).await;
    }
}

#[tokio::test]
async fn notes_survive_opening_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.db");
    let letter = DeadLetter {
        position: Position { order: 3, tag: 1 },
        table: "a".into(),
        key: vec![brigade_core::data::Value::Int(4)],
        reason: "refused".into(),
    };
    for notes in [Arc::new(MemoryNotes::new()) as Arc<dyn Notes>, Arc::new(SqliteNotes::open(&path).unwrap())] {
        assert!(!notes.paused("copy.a").await.unwrap());
        notes.set_paused("copy.a", true).await.unwrap();
        notes.set_paused("copy.a", true).await.unwrap();
        notes.add_dead_letter("copy.a", &letter).await.unwrap();
        notes.add_dead_letter("copy.a", &letter).await.unwrap();
        assert!(!notes.paused("copy.b").await.unwrap());
        assert_eq!(notes.dead_letters("copy.b").await.unwrap(), []);
    }
    let notes = SqliteNotes::open(&path).unwrap();
    assert!(notes.paused("copy.a").await.unwrap());
    assert_eq!(notes.dead_letters("copy.a").await.unwrap(), [letter]);
    notes.set_paused("copy.a", false).await.unwrap();
    notes.clear_dead_letters("copy.a").await.unwrap();
    assert!(!notes.paused("copy.a").await.unwrap());
    assert_eq!(notes.dead_letters("copy.a").await.unwrap(), []);
}
