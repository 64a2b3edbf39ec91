//! More transactions than the queue holds, while nothing can be written.

use std::{sync::Arc, time::Duration};

use brigade_core::limits::{GROUP_MAX, QUEUE_MAX};

use crate::support::store;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn past_the_queue_a_caller_is_told_to_come_back_and_nothing_is_lost() {
    const SURPLUS: usize = 500;
    let store = Arc::new(store().await);
    let outside = store.outside();
    outside.execute_batch("BEGIN IMMEDIATE").unwrap();
    let sent = GROUP_MAX + QUEUE_MAX + SURPLUS;
    let tasks: Vec<_> = (0..sent)
        .map(|id| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.commit(vec![store.account(id as i64)]).await })
        })
        .collect();
    // Those that are refused are answered at once, while the others still wait.
    let refused = async {
        while tasks.iter().filter(|task| task.is_finished()).count() < SURPLUS {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(4), refused).await.expect("some are refused");
    outside.execute_batch("ROLLBACK").unwrap();
    let (mut committed, mut refused) = (0, 0);
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => committed += 1,
            Err(error) => {
                assert_eq!(error.code(), "BRG503", "{error}");
                assert!(error.get_retry_after().is_some() && error.get_details().unwrap().contains("safe to repeat"));
                refused += 1;
            }
        }
    }
    assert_eq!(committed + refused, sent);
    assert!(refused >= SURPLUS && committed >= QUEUE_MAX, "{committed} committed, {refused} refused");
    let rows: i64 = store.outside().query_row("SELECT count(*) FROM accounts", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, committed as i64, "what was acknowledged, and nothing else");
}
