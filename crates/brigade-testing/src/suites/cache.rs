//! What every [`EntryStore`] promises. Each check bears the sentence of the contract that it holds the engine to.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use brigade_core::{
    data::{Checkpoint, Position},
    engine::{Entry, EntryStore, Gone},
};
use bytes::Bytes;

/// Makes stores without entries, each on a store of its own or under names of its own.
pub type Make<'m> = &'m (dyn Fn() -> Arc<dyn EntryStore> + Sync);

/// Runs every check.
pub async fn run(make: Make<'_>) {
    what_is_put_is_there_until_it_expires(make().as_ref()).await;
    nothing_from_before_an_invalidation_is_put_after_it(make).await;
    a_newer_entry_stays(make().as_ref()).await;
    an_invalidation_removes_what_is_older_and_nothing_else(make().as_ref()).await;
    one_of_everything_or_of_a_prefix_leaves_nothing_older(make).await;
    the_checkpoint_moves_where_one_is_given(make().as_ref()).await;
    of_several_that_concern_the_same_the_newest_counts(make().as_ref()).await;
    beginning_forgets_everything(make().as_ref()).await;
    an_entry_is_removed_whatever_its_position(make().as_ref()).await;
    a_scan_meets_every_entry_once(make().as_ref()).await;
    invalidations_and_values_at_the_same_moment(make()).await;
}

/// A place in the log.
pub fn at(order: u128) -> Position {
    Position { order, tag: 7 }
}

/// An entry as of a place in the log, that lives for a minute.
pub fn entry(value: Option<&str>, order: u128) -> Arc<Entry> {
    lasting(value, order, Duration::from_secs(60))
}

fn lasting(value: Option<&str>, order: u128, ttl: Duration) -> Arc<Entry> {
    let loaded = Instant::now();
    let value = value.map(|value| Bytes::copy_from_slice(value.as_bytes()));
    let cost = Duration::from_micros(300);
    Arc::new(Entry { value, position: at(order), loaded, expires: loaded + ttl, cost })
}

/// What is answered under a key: the value, or that there is nothing.
pub async fn value(store: &dyn EntryStore, key: &str) -> Option<Option<String>> {
    let entry = store.get(key).await.expect("the store is there")?;
    Some(entry.value.as_ref().map(|value| String::from_utf8_lossy(value).into_owned()))
}

async fn begin(store: &dyn EntryStore, order: u128) {
    store.begin(&Checkpoint::at(at(order))).await.expect("the store is there");
}

async fn put(store: &dyn EntryStore, key: &str, entry: Arc<Entry>) -> bool {
    store.put(key, entry).await.expect("the store is there")
}

async fn gone(store: &dyn EntryStore, order: u128, gone: Gone) -> u64 {
    store.invalidate(&[(at(order), gone)], None).await.expect("the store is there")
}

fn key(key: &str) -> Gone {
    Gone::Key(key.to_owned())
}

async fn what_is_put_is_there_until_it_expires(store: &dyn EntryStore) {
    begin(store, 1).await;
    assert_eq!(value(store, "k:1").await, None);
    for (name, text) in [("k:1", Some("{\"n\":1}")), ("k:2", None), ("k:{a}b", Some("{}")), ("k:ä}", Some("[]"))] {
        let given = entry(text, 5);
        assert!(put(store, name, Arc::clone(&given)).await, "{name}");
        let found = store.get(name).await.unwrap().expect(name);
        assert_eq!((&found.value, found.position, found.cost), (&given.value, given.position, given.cost), "{name}");
        assert!(found.loaded.elapsed() < Duration::from_secs(5) && found.expires > Instant::now(), "{name}");
    }
    for (name, text) in [("k:3", Some("short")), ("k:4", None)] {
        assert!(put(store, name, lasting(text, 5, Duration::from_millis(150))).await);
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(value(store, name).await, None, "an expired entry is none");
    }
}

async fn nothing_from_before_an_invalidation_is_put_after_it(make: Make<'_>) {
    for what in [key("k:1"), Gone::Prefix("k:".to_owned()), Gone::All] {
        let store = make();
        begin(store.as_ref(), 1).await;
        assert!(put(store.as_ref(), "k:1", entry(Some("old"), 5)).await);
        gone(store.as_ref(), 10, what.clone()).await;
        assert!(store.fence("k:1") >= at(10), "{what:?}");
        assert!(!put(store.as_ref(), "k:1", entry(Some("late"), 9)).await, "{what:?}");
        assert_eq!(value(store.as_ref(), "k:1").await, None, "{what:?}");
        assert!(put(store.as_ref(), "k:1", entry(Some("new"), 10)).await, "{what:?}");
        assert_eq!(value(store.as_ref(), "k:1").await, Some(Some("new".to_owned())), "{what:?}");
    }
}

async fn a_newer_entry_stays(store: &dyn EntryStore) {
    begin(store, 1).await;
    assert!(put(store, "k:1", entry(Some("new"), 8)).await);
    assert!(!put(store, "k:1", entry(Some("old"), 7)).await);
    assert_eq!(value(store, "k:1").await, Some(Some("new".to_owned())));
    assert!(put(store, "k:1", entry(None, 8)).await, "of the same place the later one counts");
    assert_eq!(value(store, "k:1").await, Some(None));
}

async fn an_invalidation_removes_what_is_older_and_nothing_else(store: &dyn EntryStore) {
    begin(store, 1).await;
    for name in ["k:1", "k:2", "k:3"] {
        assert!(put(store, name, entry(Some("v"), 5)).await);
    }
    assert!(put(store, "k:4", entry(None, 5)).await);
    let many = [(at(6), key("k:1")), (at(5), key("k:2")), (at(6), key("k:4")), (at(6), key("k:9"))];
    assert_eq!(store.invalidate(&many, None).await.unwrap(), 2, "how many went");
    assert_eq!(value(store, "k:1").await, None);
    assert_eq!(value(store, "k:4").await, None);
    assert!(value(store, "k:2").await.is_some(), "what is at the invalidation stays");
    assert!(value(store, "k:3").await.is_some(), "others stay");
    // Again, as after an error; and more of them than go at once.
    assert_eq!(store.invalidate(&many, None).await.unwrap(), 0);
    let all: Vec<_> = (0..1_000).map(|n| (at(20), key(&format!("k:{n}")))).collect();
    assert_eq!(store.invalidate(&all, None).await.unwrap(), 2);
    assert_eq!(value(store, "k:3").await, None);
}

async fn one_of_everything_or_of_a_prefix_leaves_nothing_older(make: Make<'_>) {
    for what in [Gone::Prefix("k:".to_owned()), Gone::All] {
        let store = make();
        begin(store.as_ref(), 1).await;
        for n in 0..50 {
            assert!(put(store.as_ref(), &format!("k:{n}"), entry(Some("v"), 5)).await);
        }
        assert!(put(store.as_ref(), "k:new", entry(Some("v"), 9)).await);
        gone(store.as_ref(), 9, what.clone()).await;
        for n in 0..50 {
            assert_eq!(value(store.as_ref(), &format!("k:{n}")).await, None, "{what:?}");
        }
        assert!(value(store.as_ref(), "k:new").await.is_some(), "{what:?}");
    }
}

async fn the_checkpoint_moves_where_one_is_given(store: &dyn EntryStore) {
    assert_eq!(store.checkpoint().await.unwrap(), None, "none before the first begin");
    begin(store, 3).await;
    assert_eq!(store.checkpoint().await.unwrap(), Some(Checkpoint::at(at(3))));
    gone(store, 4, key("k:1")).await;
    assert_eq!(store.checkpoint().await.unwrap(), Some(Checkpoint::at(at(3))));
    let seen = brigade_core::data::Seen { xmin: 10, xmax: 20, in_progress: vec![12, 15] };
    let next = Checkpoint { position: at(5), seen: Some(seen) };
    store.invalidate(&[(at(5), key("k:1"))], Some(&next)).await.unwrap();
    assert_eq!(store.checkpoint().await.unwrap(), Some(next));
}

async fn of_several_that_concern_the_same_the_newest_counts(store: &dyn EntryStore) {
    for (from, gone) in [(0, Gone::All), (10, Gone::Prefix("k:".to_owned()))] {
        begin(store, from + 1).await;
        assert!(put(store, "k:1", entry(Some("v"), from + 5)).await);
        let both = [(at(from + 9), gone.clone()), (at(from + 3), gone)];
        store.invalidate(&both, Some(&Checkpoint::at(at(from + 9)))).await.unwrap();
        assert_eq!(value(store, "k:1").await, None);
        assert!(!put(store, "k:1", entry(Some("late"), from + 8)).await);
    }
}

async fn beginning_forgets_everything(store: &dyn EntryStore) {
    begin(store, 1).await;
    for order in [5, 50] {
        assert!(put(store, &format!("k:{order}"), entry(Some("v"), order)).await);
    }
    begin(store, 10).await;
    for order in [5, 50] {
        assert_eq!(value(store, &format!("k:{order}")).await, None);
    }
    assert!(store.scan(None, 10).await.unwrap().is_empty());
    assert!(!put(store, "k:1", entry(Some("late"), 9)).await, "loads from before it do not count either");
    assert!(put(store, "k:1", entry(Some("new"), 10)).await);
}

async fn an_entry_is_removed_whatever_its_position(store: &dyn EntryStore) {
    begin(store, 1).await;
    for text in [Some("v"), None] {
        assert!(put(store, "k:1", entry(text, 9)).await);
        assert!(store.remove("k:1").await.unwrap());
        assert!(!store.remove("k:1").await.unwrap(), "there is none any more");
        assert_eq!(value(store, "k:1").await, None);
    }
}

async fn a_scan_meets_every_entry_once(store: &dyn EntryStore) {
    begin(store, 1).await;
    let mut put_there = BTreeSet::new();
    for n in 0..300 {
        let name = format!("k:{n}");
        assert!(put(store, &name, entry((n % 3 > 0).then_some("v"), 5)).await);
        put_there.insert(name);
    }
    assert!(store.remove("k:7").await.unwrap());
    put_there.remove("k:7");
    let (mut met, mut after) = (BTreeSet::new(), None::<String>);
    loop {
        let next = store.scan(after.as_deref(), 64).await.unwrap();
        assert!(next.len() <= 64);
        let Some((last, _)) = next.last() else { break };
        after = Some(last.clone());
        for (name, entry) in next {
            assert_eq!(entry.position, at(5));
            assert!(met.insert(name.clone()), "{name} twice");
        }
    }
    assert_eq!(met, put_there);
}

async fn invalidations_and_values_at_the_same_moment(store: Arc<dyn EntryStore>) {
    begin(store.as_ref(), 1).await;
    for round in 1..=100_u128 {
        let order = round * 10;
        let putting = tokio::spawn({
            let store = Arc::clone(&store);
            async move { put(store.as_ref(), "k:1", entry(Some("old"), order - 1)).await }
        });
        gone(store.as_ref(), order, key("k:1")).await;
        assert_eq!(value(store.as_ref(), "k:1").await, None, "round {round}: it was applied");
        putting.await.unwrap();
        assert_eq!(value(store.as_ref(), "k:1").await, None, "round {round}: what came late is not there");
    }
}
