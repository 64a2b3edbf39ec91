//! The spool suite on its engine, and how many changes a second it takes in.

use std::{sync::Arc, time::Instant};

use brigade_core::engine::{Log as _, Spool as _};
use brigade_testing::suites::spool::{self, place, transaction};
use engine_sqlite::SqliteSpool;

#[tokio::test]
async fn sqlite() {
    spool::run(&|folder| Arc::new(SqliteSpool::open(folder.join("log.db")).unwrap())).await;
}

/// The bar is 50,000 changes a second on two quiet cores; a busy machine must not fail the build for it.
#[tokio::test]
async fn it_takes_changes_faster_than_postgresql_writes_them() {
    let folder = tempfile::tempdir().unwrap();
    let spool = SqliteSpool::open(folder.path().join("log.db")).unwrap();
    spool.publish(place(1, 0)).await.unwrap();
    let chunks: Vec<_> = (0..200).map(|i| (0..100).flat_map(|j| transaction(2 + i * 100 + j, 5)).collect()).collect();
    let began = Instant::now();
    for (i, chunk) in chunks.into_iter().enumerate() {
        spool.append(chunk).await.unwrap();
        if i % 10 == 9 {
            spool.flush().await.unwrap();
            spool.publish(place(2 + i as u64 * 100 + 99, 4)).await.unwrap();
        }
    }
    let rate = 100_000.0 / began.elapsed().as_secs_f64();
    println!("spool: {rate:.0} changes/s appended and flushed");
    let began = Instant::now();
    let (mut after, mut count) = (None, 0);
    loop {
        let chunk = spool.read(after, 1_000).await.unwrap();
        let Some(last) = chunk.last() else { break };
        after = Some(last.position);
        count += chunk.len();
    }
    println!("spool: {:.0} changes/s read", count as f64 / began.elapsed().as_secs_f64());
    assert_eq!(count, 100_000);
    assert!(rate > 5_000.0, "{rate:.0} changes/s");
}
