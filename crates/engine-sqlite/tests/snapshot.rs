//! Views whose tables are exactly those of their place in the log.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use brigade_core::{
    data::{Key, Op, Value},
    engine::{Log, Truth},
};

use crate::support::store;

#[tokio::test]
async fn scans_by_key_and_gets_by_keys() {
    let store = store().await;
    for id in [5, 1, 4, 2, 3] {
        store.commit(vec![store.account(id)]).await.unwrap();
    }
    let table = store.model.table("accounts").unwrap();
    let mut view = store.truth.snapshot().await.unwrap();
    store.commit(vec![store.account(6)]).await.unwrap();
    let (mut ids, mut after): (Vec<Value>, Option<Key>) = (Vec::new(), None);
    loop {
        let rows = view.scan(table, after.as_ref(), 2).await.unwrap();
        let Some(last) = rows.last() else { break };
        after = Some(vec![last[0].clone()]);
        ids.extend(rows.iter().map(|row| row[0].clone()));
    }
    assert_eq!(ids, [1, 2, 3, 4, 5].map(Value::Int));
    let found = view.get(table, &[vec![2.into()], vec![6.into()], vec![9.into()]]).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(view.estimate(table).await.unwrap(), 5);
}

#[tokio::test]
async fn the_pool_shows_who_holds_a_view_and_who_waits_for_one() {
    let store = Arc::new(store().await);
    let views = || {
        let status = Truth::status(&*store.truth).pools.into_iter().find(|p| p.name == "views").unwrap();
        (status.max, status.open, status.in_use, status.waiting)
    };
    let (max, ..) = views();
    let mut held = Vec::new();
    for _ in 0..max {
        held.push(store.truth.snapshot().await.unwrap());
    }
    assert_eq!(views(), (max, max, max, 0));
    let other = Arc::clone(&store);
    let late = tokio::spawn(async move { other.truth.snapshot().await });
    while views().3 == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(views(), (max, max, max, 1));
    held.pop();
    held.push(late.await.unwrap().unwrap());
    assert_eq!(views(), (max, max, max, 0));
    drop(held);
    assert_eq!(views(), (max, 0, 0, 0));
}

#[tokio::test]
async fn a_view_is_exactly_the_log_up_to_its_checkpoint_while_others_write() {
    let store = Arc::new(store().await);
    let stop = Arc::new(AtomicBool::new(false));
    let (path, stopping) = (store.path(), Arc::clone(&stop));
    let outside = tokio::task::spawn_blocking(move || {
        let conn = rusqlite::Connection::open(path).unwrap();
        conn.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
        for id in 1_000_000.. {
            if stopping.load(Ordering::Relaxed) {
                break;
            }
            conn.execute("INSERT INTO nodes(id) VALUES(?)", [id]).unwrap();
        }
    });
    let own = {
        let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
        tokio::spawn(async move {
            for id in 1_i64.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                store.commit(vec![store.insert("nodes", &[&[("id", id.into())]])]).await.unwrap();
            }
        })
    };
    for _ in 0..20 {
        let mut view = store.truth.snapshot().await.unwrap();
        let place = view.checkpoint().position;
        let table = store.model.table("nodes").unwrap();
        let rows = view.scan(table, None, usize::MAX).await.unwrap();
        let mut tip = store.truth.tip();
        tip.wait_for(|tip| *tip >= place).await.unwrap();
        let mut replayed = BTreeMap::new();
        for change in store.changes().await.iter().filter(|c| c.position <= place && c.op == Op::Insert) {
            replayed.insert(change.key().unwrap()[0].to_text().unwrap().into_owned(), ());
        }
        let seen: BTreeMap<String, ()> = rows.iter().map(|row| (row[0].to_text().unwrap().into_owned(), ())).collect();
        assert_eq!(seen, replayed);
    }
    stop.store(true, Ordering::Relaxed);
    outside.await.unwrap();
    own.await.unwrap();
}
