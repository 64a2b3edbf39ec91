//! Live reads: all rows, then what enters, changes in and leaves the filter, on every engine that can be the truth.

mod exact;
mod subscriber;

use std::{collections::BTreeMap, time::Duration};

use brigade_server::ServerLimits;
use serde_json::{Value, json};

use crate::harness::{Answer, Running, TOKEN, engines};
use subscriber::{Subscriber, follow};

const TABLES: &str = "
CREATE TABLE rooms (id integer PRIMARY KEY, name text NOT NULL);
CREATE TABLE people (
    id integer PRIMARY KEY,
    name text NOT NULL,
    age integer,
    score numeric(6, 2),
    seen timestamptz,
    tags text[],
    room integer REFERENCES rooms (id) ON DELETE CASCADE
);
CREATE VIEW adults AS SELECT id, name FROM people WHERE age >= 18;
";

async fn commit(server: &Running, statements: Value) {
    let answer = server.commit(&json!({ "statements": statements }).to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

fn insert(rows: Value) -> Value {
    json!({"insert": {"table": "people", "rows": rows}})
}

fn update(id: i64, set: Value) -> Value {
    json!({"update": {"table": "people", "where": {"id": id}, "set": set}})
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_come_first_then_what_enters_changes_and_leaves() {
    for (engine, settings, _held) in engines() {
        let mut server = Running::start_on(TABLES, &settings).await;
        commit(
            &server,
            json!([insert(json!([{"id": 1, "name": "Ann", "age": 40}, {"id": 2, "name": "Bob", "age": 7}]))]),
        )
        .await;
        let path = "/rest/v1/people?select=id,called:name,score::text&age=gte.18&order=id";
        let mut live = Subscriber::open(&server, path, None).await;
        let row = |id: i64, name: &str, score: Value| json!({"id": id, "called": name, "score": score});
        live.expect(engine, &[("snapshot", json!([row(1, "Ann", Value::Null)]))]).await;

        // One enters, one comes that does not belong, one changes, and one changes in what is not shown.
        commit(&server, json!([insert(json!([{"id": 3, "name": "Cid", "age": 18}, {"id": 4, "name": "Dot"}]))])).await;
        commit(&server, json!([update(1, json!({"score": "12.5"})), update(1, json!({"age": 41}))])).await;
        let place = live
            .expect(engine, &[("insert", row(3, "Cid", Value::Null)), ("update", row(1, "Ann", json!("12.50")))])
            .await;
        // One grows into it, one leaves by changing, one by going; a refused transaction is nothing.
        commit(&server, json!([update(2, json!({"age": 18}))])).await;
        commit(&server, json!([update(3, json!({"age": null}))])).await;
        server.commit(&json!({"statements": [update(1, json!({"name": null}))]}).to_string()).await;
        commit(&server, json!([{"delete": {"table": "people", "where": {"id": 1}}}])).await;
        let rest = [
            ("insert", row(2, "Bob", Value::Null)),
            ("delete", row(3, "Cid", Value::Null)),
            ("delete", row(1, "Ann", json!("12.50"))),
        ];
        live.expect(engine, &rest).await;

        // Whoever lost the connection goes on, without the rows.
        let mut again = Subscriber::open(&server, path, Some(&place)).await;
        again.expect(engine, &rest).await;
        commit(&server, json!([update(2, json!({"name": "Rob"}))])).await;
        for one in [&mut live, &mut again] {
            one.expect(engine, &[("update", row(2, "Rob", Value::Null))]).await;
        }
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_for_words_goes_on_too() {
    for (engine, settings, _held) in engines() {
        let mut server = Running::start_on(TABLES, &settings).await;
        commit(&server, json!([insert(json!([{"id": 1, "name": "fat cats"}, {"id": 2, "name": "a rat"}]))])).await;
        let mut live = Subscriber::open(&server, "/rest/v1/people?select=id&name=wfts.cat%20-dog", None).await;
        live.expect(engine, &[("snapshot", json!([{"id": 1}]))]).await;
        commit(&server, json!([update(2, json!({"name": "the cat"})), update(1, json!({"name": "cats, dogs"}))])).await;
        live.expect(engine, &[("insert", json!({"id": 2})), ("delete", json!({"id": 1}))]).await;
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_program_is_heard_and_every_type_is_judged_as_a_read_judges_it() {
    for (engine, settings, _held) in engines() {
        let mut server = Running::start_on(TABLES, &settings).await;
        commit(&server, json!([{"insert": {"table": "rooms", "rows": [{"id": 1, "name": "a"}]}}])).await;
        let filters = [
            "name=ilike.*A*",
            "score=gt.9.5",
            "tags=cs.{x}",
            "seen=lt.2026-01-01",
            "or=(age.is.null,name.eq.Bob)",
            "and=(room.eq.1,age.not.is.null)",
            "tags=ov.{x,y}&age=in.(1,2)",
        ];
        let mut live = Vec::new();
        for filter in filters {
            let mut one = Subscriber::open(&server, &format!("/people?select=id&{filter}"), None).await;
            one.expect(filter, &[("snapshot", json!([]))]).await;
            live.push(one);
        }
        // A cascade takes the first one away later; SQL is another way in.
        commit(
            &server,
            json!([insert(json!([
                {"id": 1, "name": "Bob", "age": 1, "score": "10.00", "tags": ["x"], "seen": "2025-05-05T00:00:00Z", "room": 1},
                {"id": 2, "name": "Änna", "score": "9.50", "tags": ["y"], "seen": "2026-05-05T00:00:00Z"},
            ]))]),
        )
        .await;
        server.brigade.query("DELETE FROM rooms WHERE id = 1", true, 1).await.unwrap();
        commit(
            &server,
            json!([insert(json!([{"id": 99, "name": "amen", "age": 1, "score": "99", "tags": ["x"],
            "seen": "2020-01-01T00:00:00Z"}]))]),
        )
        .await;
        commit(&server, json!([update(99, json!({"age": null}))])).await;
        for (filter, one) in filters.iter().zip(&mut live) {
            let held = server.get(&format!("/people?select=id&{filter}")).await.json();
            let mut known = BTreeMap::new();
            // The last row ends each list: what came before has been told by then.
            let last = if *filter == "and=(room.eq.1,age.not.is.null)" { 1 } else { 99 };
            let end = if last == 1 || filter.contains("age=in") { "delete" } else { "insert" };
            loop {
                let event = one.next().await.expect("an event");
                let id = event.data["id"].as_i64().unwrap();
                follow(&mut known, &event.name, id, event.data.clone(), filter);
                if id == last && event.name == end {
                    break;
                }
            }
            let known: Vec<Value> = known.into_values().collect();
            assert_eq!(Value::from(known), held, "{engine}: {filter}");
        }
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_live_is_refused_with_its_reason() {
    for (engine, settings, _held) in engines() {
        let settings = format!("{settings}[rest]\naggregates = true\nmax_rows = 3\n");
        let mut server = Running::start_on(TABLES, &settings).await;
        let ask = async |path: &str| {
            let request = server.request("GET", path).header("accept", "text/event-stream");
            Answer::of(request.send().await.expect("an answer")).await
        };
        for (path, status, code) in [
            ("/adults", 400, "PGRST127"),
            ("/people?select=id,rooms(name)", 400, "PGRST127"),
            ("/people?select=age.sum()", 400, "PGRST127"),
            ("/people?limit=1", 400, "PGRST127"),
            ("/people?offset=1", 400, "PGRST127"),
            ("/people?ages=eq.1", 400, "42703"),
            ("/people?age=eq.x", 400, "22P02"),
            ("/peoples", 404, "PGRST205"),
        ] {
            let body = ask(path).await.is_error(status, code);
            assert!(code != "PGRST127" || body["hint"].is_string(), "{engine}: {path}: {body}");
        }
        for (header, value) in
            [("last-event-id", "nonsense"), ("last-event-id", "12;1:2"), ("brigade-after", "nonsense")]
        {
            let request = server.request("GET", "/people").header("accept", "text/event-stream");
            let sent = request.header(header, value).send().await.expect("an answer");
            Answer::of(sent).await.is_error(400, "BRG400");
        }
        let rows: Vec<Value> = (0..4).map(|id| json!({"id": id, "name": "x"})).collect();
        commit(&server, json!([insert(rows.into())])).await;
        ask("/people").await.is_error(413, "BRG413");
        let mut few = Subscriber::open(&server, "/people?select=id&id=lt.2", None).await;
        few.expect(engine, &[("snapshot", json!([{"id": 0}, {"id": 1}]))]).await;
        server.stop().await;
        assert_eq!(few.next().await, None, "{engine}: the server's end is the answer's");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_too_slow_is_cut_off_and_places_are_bounded() {
    let limits = ServerLimits { live_max: 2, ..ServerLimits::default() };
    let mut server = Running::start_limited_on(TABLES, "", limits).await;
    let mut quick = Subscriber::open(&server, "/people?select=id", None).await;
    quick.expect("quick", &[("snapshot", json!([]))]).await;
    let head = "GET /people HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nConnection: close\r\n\r\n";
    let slow = server.socket(head, Duration::from_secs(20));
    while server.metric("brigade_http_live_reads").await < 2.0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let refused = server.request("GET", "/people").header("accept", "text/event-stream").send().await.unwrap();
    assert_eq!(refused.headers()["retry-after"], "1");
    Answer::of(refused).await.is_error(503, "BRG503");
    // More than sockets and batches hold, while one of the two takes nothing.
    let name = "x".repeat(200_000);
    for id in 0..200 {
        commit(&server, json!([insert(json!([{"id": id, "name": name}]))])).await;
        quick.expect("quick", &[("insert", json!({"id": id}))]).await;
    }
    let told = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut &slow, &mut text).expect("an end");
        text
    });
    let told = told.await.unwrap();
    let end = told.rsplit("event: ").next().unwrap();
    assert!(end.starts_with("error\ndata: {") && end.contains("too slow"), "{end}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_emptied_at_once_is_read_anew() {
    for (engine, settings, held) in engines() {
        if held.is_none() {
            continue;
        }
        let mut server = Running::start_on(TABLES, &settings).await;
        commit(&server, json!([insert(json!([{"id": 1, "name": "x"}]))])).await;
        let mut live = Subscriber::open(&server, "/people?select=id", None).await;
        live.expect(engine, &[("snapshot", json!([{"id": 1}]))]).await;
        server.brigade.query("TRUNCATE people", true, 1).await.unwrap();
        live.expect(engine, &[("snapshot", json!([]))]).await;
        commit(&server, json!([insert(json!([{"id": 2, "name": "y"}]))])).await;
        live.expect(engine, &[("insert", json!({"id": 2}))]).await;
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_log_has_forgotten_comes_as_all_rows() {
    for (engine, settings, _held) in engines() {
        let mut server = Running::start_on(TABLES, &settings).await;
        let mut live = Subscriber::open(&server, "/people?select=id", None).await;
        let place = live.expect(engine, &[("snapshot", json!([]))]).await;
        commit(&server, json!([insert(json!([{"id": 1, "name": "x"}]))])).await;
        live.expect(engine, &[("insert", json!({"id": 1}))]).await;
        let tip = *server.brigade.tip().borrow();
        assert!(server.brigade.log().trim(tip).await.unwrap() > 0, "{engine}");
        let mut late = Subscriber::open(&server, "/people?select=id", Some(&place)).await;
        late.expect(engine, &[("snapshot", json!([{"id": 1}]))]).await;
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_ends_it_and_the_rows_come_anew() {
    for (engine, settings, _held) in engines() {
        let mut server = Running::start_on(TABLES, &settings).await;
        commit(&server, json!([insert(json!([{"id": 1, "name": "x"}]))])).await;
        let mut live = Subscriber::open(&server, "/people?select=id", None).await;
        let place = live.expect(engine, &[("snapshot", json!([{"id": 1}]))]).await;
        let file = server.folder().join("migrations/0002_note.sql");
        std::fs::write(file, "ALTER TABLE people ADD COLUMN note text;").unwrap();
        let asked = server.request("POST", "/admin/migrate").header("authorization", format!("Bearer {TOKEN}"));
        assert_eq!(asked.send().await.unwrap().status(), 200, "{engine}");
        let end = live.next().await.expect("an end with its reason");
        assert_eq!((end.name.as_str(), &end.data["code"]), ("error", &json!("BRG503")), "{engine}");
        assert!(end.data["hint"].as_str().unwrap().contains("ask again"), "{engine}: {end:?}");
        let mut again = Subscriber::open(&server, "/people?select=id,note", Some(&place)).await;
        again.expect(engine, &[("snapshot", json!([{"id": 1, "note": null}]))]).await;
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_tells_only_keys_is_refused() {
    for (engine, settings, held) in engines() {
        // On SQLite images are always whole.
        if held.is_none() {
            continue;
        }
        let mut server = Running::start_on(TABLES, &format!("{settings}[tables.people]\nimages = \"key\"\n")).await;
        let request = server.request("GET", "/people").header("accept", "text/event-stream");
        let body = Answer::of(request.send().await.unwrap()).await.is_error(400, "PGRST127");
        assert!(body["hint"].as_str().unwrap().contains("images = \"key\""), "{engine}: {body}");
        server.stop().await;
    }
}
