//! `verify` finds every difference and no other; `repair` puts right just those.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use brigade_core::{
    data::{Layout, LayoutColumn, SqlType, Value, code},
    engine::CopyStore,
    projection::{DIFFERENCES_MAX, DifferenceKind},
};
use brigade_testing::{memory_truth::Write, torn::TornCopy};
use engine_memory::MemoryCopy;
use engine_sqlite::SqliteCopy;

use crate::world::{Faulty, World, reached, row, rows};

fn layout() -> Layout {
    let column = |name: &str, ty| LayoutColumn { name: name.into(), ty };
    Layout {
        table: "a".into(),
        columns: vec![column("id", SqlType::BigInt), column("name", SqlType::Text)],
        key: vec![0],
    }
}

#[tokio::test]
async fn every_injected_difference_is_found_and_just_that_is_mended() {
    let folder = tempfile::tempdir().unwrap();
    let stores: [Arc<dyn CopyStore>; 3] = [
        Arc::new(MemoryCopy::new()),
        Arc::new(SqliteCopy::open(folder.path().join("copy.db")).unwrap()),
        Arc::new(TornCopy::new(1, 20)),
    ];
    for store in stores {
        let (engine, world) = (store.engine(), World::new());
        let writes: Vec<Write> = (0..5_000).map(|i| Write::Put("a", row(i, "row"))).collect();
        world.truth.write(&writes);
        let copy = Faulty::new(Shared(store));
        let projections = world.start(&[("c", copy.clone())]).await;
        let tip = world.put(5_000, "row");
        reached(&projections, "copy.c", tip).await;
        let found = projections.verify("copy.c", None).await.unwrap();
        assert!(found.equal() && found.rows == 5_001, "{engine}: {found:?}");

        let injected = [
            (vec![Value::Int(7)], None, DifferenceKind::Missing),
            (vec![Value::Int(4_999)], None, DifferenceKind::Missing),
            (vec![Value::Int(-5)], Some(row(-5, "extra")), DifferenceKind::Extra),
            (vec![Value::Int(2_500)], Some(row(2_500, "other")), DifferenceKind::Different),
            (vec![Value::Int(0)], Some(row(0, "")), DifferenceKind::Different),
        ];
        for (key, row, _) in &injected {
            copy.inner.put(&layout(), &[(key.clone(), row.clone())]).await.unwrap();
        }
        let found = projections.verify("copy.c", None).await.unwrap();
        let by_key = |key: &[(String, Value)]| format!("{key:?}");
        let kinds: BTreeMap<String, DifferenceKind> =
            found.differences.iter().map(|d| (by_key(&d.key), d.kind)).collect();
        let wanted: BTreeMap<String, DifferenceKind> =
            injected.iter().map(|(key, _, kind)| (by_key(&[("id".into(), key[0].clone())]), *kind)).collect();
        assert_eq!(kinds, wanted, "{engine}");
        assert_eq!(copy.puts.load(Ordering::Relaxed), 0, "verify only looks");
        assert_eq!(projections.repair("copy.c", None).await.unwrap(), 5, "{engine}");
        assert_eq!(copy.puts.load(Ordering::Relaxed), 5, "{engine}: no other row is touched");
        assert!(projections.verify("copy.c", None).await.unwrap().equal(), "{engine}");
    }
}

#[tokio::test]
async fn writes_meanwhile_give_no_false_difference() {
    let world = World::new();
    let (copy, torn) = (Arc::new(MemoryCopy::new()), Arc::new(TornCopy::new(3, 20)));
    for i in 0..2_000 {
        world.put(i, "row");
    }
    let projections = world.start(&[("memory", copy), ("torn", torn)]).await;
    let ended = Arc::new(AtomicBool::new(false));
    let (truth, stop) = (world.truth.clone(), ended.clone());
    let writer = tokio::spawn(async move {
        let mut i = 0;
        while !stop.load(Ordering::Relaxed) {
            i += 1;
            truth.write(&[
                Write::Put("a", row(i * 7 % 2_000, &i.to_string())),
                Write::Remove("a", vec![Value::Int(i * 11 % 2_000)]),
                Write::Put("a", row(3, &i.to_string())),
            ]);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    for _ in 0..5 {
        for name in ["copy.memory", "copy.torn"] {
            let found = projections.verify(name, None).await.unwrap();
            assert!(found.equal(), "{name}: {found:?}");
        }
    }
    ended.store(true, Ordering::Relaxed);
    writer.await.unwrap();
}

#[tokio::test]
async fn more_differences_than_are_listed_are_counted() {
    let world = World::new();
    let writes: Vec<Write> = (0..3_000).map(|i| Write::Put("a", row(i, "row"))).collect();
    world.truth.write(&writes);
    let copy = MemoryCopy::new();
    let projections = world.start(&[("c", Arc::new(copy.clone()))]).await;
    let tip = world.put(3_000, "row");
    reached(&projections, "copy.c", tip).await;
    let gone: Vec<_> = (0..2_500).map(|i| (vec![Value::Int(i)], None)).collect();
    copy.put(&layout(), &gone).await.unwrap();
    let found = projections.verify("copy.c", None).await.unwrap();
    assert_eq!((found.differences.len(), found.more), (DIFFERENCES_MAX, 2_500 - DIFFERENCES_MAX as u64));
    assert_eq!(projections.repair("copy.c", None).await.unwrap(), 2_500);
    assert_eq!(rows(&copy).await.len(), 3_001);
}

#[tokio::test]
async fn one_that_does_not_move_cannot_be_compared() {
    let world = World::new();
    let projections = world.start(&[("c", Arc::new(MemoryCopy::new()))]).await;
    let tip = world.put(1, "one");
    reached(&projections, "copy.c", tip).await;
    projections.pause("copy.c").await.unwrap();
    assert!(projections.verify("copy.c", None).await.unwrap().equal(), "where it stands it can be");
    world.put(2, "two");
    assert_eq!(projections.verify("copy.c", None).await.unwrap_err().code(), code::NOT_REACHED);
}

/// A store behind a pointer.
struct Shared(Arc<dyn CopyStore>);

mod shared {
    use async_trait::async_trait;
    use brigade_core::{
        data::{Change, Checkpoint, Key, Layout, Result, Row},
        engine::{CopyStore, Filling},
    };

    #[async_trait]
    impl CopyStore for super::Shared {
        fn engine(&self) -> &'static str {
            self.0.engine()
        }
        async fn checkpoint(&self) -> Result<Option<Checkpoint>> {
            self.0.checkpoint().await
        }
        async fn layouts(&self) -> Result<Vec<Layout>> {
            self.0.layouts().await
        }
        async fn apply(&self, changes: &[Change], checkpoint: Option<&Checkpoint>) -> Result<()> {
            self.0.apply(changes, checkpoint).await
        }
        async fn get(&self, layout: &Layout, keys: &[Key]) -> Result<Vec<Row>> {
            self.0.get(layout, keys).await
        }
        async fn scan(&self, layout: &Layout, after: Option<&Key>, limit: usize) -> Result<Vec<Row>> {
            self.0.scan(layout, after, limit).await
        }
        async fn put(&self, layout: &Layout, rows: &[(Key, Option<Row>)]) -> Result<()> {
            self.0.put(layout, rows).await
        }
        async fn fill(&self) -> Result<Box<dyn Filling>> {
            self.0.fill().await
        }
    }
}
