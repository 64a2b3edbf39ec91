//! Exact beside writers, whenever a subscriber comes, loses its connection, and goes on.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    TABLES, commit, insert,
    subscriber::{Subscriber, follow},
    update,
};
use crate::harness::{Running, engines};

/// A subscriber of rows with an age of 50 or more, until it has seen the last row; it loses its connection at times.
async fn subscribe(server: Arc<Running>, number: u64, context: String) -> BTreeMap<i64, Value> {
    let path = "/people?select=id,age,name&age=gte.50";
    let mut random = Random(number);
    let (mut known, mut last): (BTreeMap<i64, Value>, Option<String>) = (BTreeMap::new(), None);
    loop {
        let mut live = Subscriber::open(&server, path, last.as_deref()).await;
        for _ in 0..1 + random.below(200) {
            let event = live.next().await.expect("an event");
            assert_ne!(event.name, "error", "{context}: {event:?}");
            last = Some(event.id.clone());
            if event.name == "snapshot" {
                let rows = event.data.as_array().unwrap().iter();
                known = rows.map(|row| (row["id"].as_i64().unwrap(), row.clone())).collect();
                // At times all rows are read anew, as by one who comes late.
                continue;
            }
            let id = event.data["id"].as_i64().unwrap();
            follow(&mut known, &event.name, id, event.data, &context);
        }
        if known.contains_key(&LAST) {
            return known;
        }
        if random.below(4) == 0 {
            last = None;
        }
    }
}

/// The row that ends the test.
const LAST: i64 = 1_000_000;

#[derive(Clone, Copy)]
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ (mixed >> 27)) >> 11) % n
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_exact_beside_writers_whenever_one_comes_and_goes() {
    const WRITERS: u64 = 4;
    const SUBSCRIBERS: u64 = 8;
    for (engine, settings, _held) in engines() {
        let server = Arc::new(Running::start_on(TABLES, &settings).await);
        let seed = rand::random::<u32>();
        let context = format!("{engine}, seed {seed}");
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (server, stop) = (Arc::clone(&server), Arc::clone(&stop));
                tokio::spawn(async move {
                    let mut random = Random(u64::from(seed) << 8 | writer);
                    while !stop.load(Ordering::Relaxed) {
                        let statements: Vec<Value> =
                            (0..1 + random.below(4)).map(|_| write(&mut random, writer)).collect();
                        let body = json!({ "statements": statements }).to_string();
                        let answer = server.commit(&body).await;
                        assert_eq!(answer.status, 200, "{}", answer.text);
                    }
                })
            })
            .collect();
        let subscribers: Vec<_> = (0..SUBSCRIBERS)
            .map(|n| tokio::spawn(subscribe(Arc::clone(&server), u64::from(seed) ^ n << 40, context.clone())))
            .collect();
        tokio::time::sleep(Duration::from_secs(4)).await;
        stop.store(true, Ordering::Relaxed);
        for writer in writers {
            writer.await.expect("no writer panics");
        }
        // Enough rows after the last one that nobody waits in the middle of his turn.
        let tail: Vec<Value> = (0..300).map(|n| json!({"id": LAST + n, "name": "z", "age": 99})).collect();
        for row in tail {
            commit(&server, json!([insert(json!([row]))])).await;
        }
        let held = server.get("/people?select=id,age,name&age=gte.50&order=id&id=lt.1000000").await.json();
        for subscriber in subscribers {
            let known = subscriber.await.expect("no subscriber panics");
            let known: Vec<Value> = known.into_iter().filter(|(id, _)| *id < LAST).map(|(_, row)| row).collect();
            assert_eq!(Value::from(known), held, "{context}");
        }
        println!("{context}: {} rows at the end", held.as_array().unwrap().len());
    }
}

/// A statement of one writer, on rows of its own.
fn write(random: &mut Random, writer: u64) -> Value {
    let id = (random.below(60) * 10 + writer) as i64;
    let (age, name) = (random.below(100), format!("n{}", random.below(3)));
    match random.below(4) {
        0 => json!({"delete": {"table": "people", "where": {"id": id}}}),
        1 => update(id, json!({"age": age})),
        _ => json!({"upsert": {"table": "people", "rows": [{"id": id, "name": name, "age": age}], "on": ["id"]}}),
    }
}
