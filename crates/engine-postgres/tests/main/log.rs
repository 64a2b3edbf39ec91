//! What the log says: every change once, in commit order, and not before it can be seen.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use brigade_core::{
    data::{Image, Op, Position, SqlType, Value, code},
    engine::{Log, Spool, Truth},
    schema::TableSettings,
};
use brigade_testing::servers::Postgres;
use engine_postgres::PostgresSource;

use crate::{spool::MemorySpool, world::*};

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < Duration::from_secs(20), "{what} does not come");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_brigade_and_of_psql_are_in_the_log() {
    let Some(server) = shared() else { return };
    let world = World::new(server).await;
    let receipt =
        world.commit(vec![world.insert("accounts", &["id", "name"], &[&[1.into(), "a".into()]])]).await.unwrap();
    server
        .psql(&world.database, "UPDATE accounts SET id = 2; UPDATE accounts SET balance = 7;  DELETE FROM accounts")
        .unwrap();
    server.psql(&world.database, "TRUNCATE accounts CASCADE").unwrap();
    let changes = world.changes().await;
    let ops: Vec<Op> = changes.iter().map(|c| c.op).collect();
    use Op::{Delete, Insert, Schema, Truncate, Update};
    assert_eq!(ops[..6], [Schema, Insert, Delete, Insert, Update, Delete], "{:?}", world.log.status().await);
    assert!(ops[6..].iter().all(|op| *op == Truncate) && ops.len() >= 7);
    assert!(changes.is_sorted_by_key(|c| c.position));
    assert!(changes[1].position <= receipt.position && receipt.position < changes[2].position);
    assert_eq!(changes[4].before, Some(Image::Whole(vec![2.into(), "a".into(), 0.into()])));
    assert_eq!(changes[4].after, Some(vec![2.into(), "a".into(), 7.into()]));
    assert_eq!(changes.iter().map(|c| c.last).collect::<Vec<_>>()[..3], [true, true, false]);
    assert_eq!(changes[0].schema.as_ref().unwrap().number, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_14_a_commit_that_cannot_be_seen_yet_is_not_published() {
    let Some(server) = Postgres::start_own() else { return };
    let world = World::new(&server).await;
    server.psql("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'nobody'").unwrap();
    server.psql("postgres", "SELECT pg_reload_conf()").unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let url = server.url_of(&world.database);
    let mut writer = std::process::Command::new("psql")
        .args(["-X", "-q", "-d", &url, "-c", "INSERT INTO accounts VALUES (1)"])
        .spawn()
        .unwrap();
    until("the change in the spool", async || world.spool.all().iter().any(|c| c.op == Op::Insert)).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let published = world.log.read(None, 100).await.unwrap();
    assert!(published.iter().all(|c| c.op != Op::Insert), "it is published, and SELECT does not show it");
    assert_eq!(server.psql(&world.database, "SELECT count(*) FROM accounts").unwrap(), "0");
    server.psql("postgres", "ALTER SYSTEM RESET synchronous_standby_names").unwrap();
    server.psql("postgres", "SELECT pg_reload_conf()").unwrap();
    until("the published change", async || world.log.read(None, 100).await.unwrap().iter().any(|c| c.op == Op::Insert))
        .await;
    writer.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_15_a_snapshot_knows_which_later_transactions_it_sees() {
    let Some(server) = shared() else { return };
    let world = World::new(server).await;
    world.changes().await;
    world.spool.refuse_flushes(true);
    let row = |id: i32| vec![world.insert("accounts", &["id"], &[&[id.into()]])];
    world.commit(row(1)).await.unwrap();
    let mut snapshot = world.truth.snapshot().await.unwrap();
    world.commit(row(2)).await.unwrap();
    let table = world.table("accounts");
    assert_eq!(snapshot.scan(&table, None, 10).await.unwrap().len(), 1);
    world.spool.refuse_flushes(false);
    let changes = world.changes().await;
    let inserts: Vec<_> = changes.iter().filter(|c| c.op == Op::Insert).collect();
    assert!(inserts[0].position > snapshot.checkpoint().position);
    assert_eq!(inserts.iter().map(|c| snapshot.contains(&c.transaction)).collect::<Vec<_>>(), [true, false]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_16_what_was_not_acknowledged_comes_again_at_the_same_positions() {
    let Some(server) = shared() else { return };
    let mut world = World::new(server).await;
    world.changes().await;
    world.spool.refuse_flushes(true);
    let rows: Vec<[Value; 1]> = (1..=50).map(|i| [Value::Int(i)]).collect();
    let rows: Vec<&[Value]> = rows.iter().map(|r| &r[..]).collect();
    world.commit(vec![world.insert("accounts", &["id"], &rows)]).await.unwrap();
    until("the changes", async || world.spool.all().iter().filter(|c| c.op == Op::Insert).count() == 50).await;
    let first: Vec<_> = world.spool.all().into_iter().filter(|c| c.op == Op::Insert).collect();
    world.spool.lose();
    world.spool.refuse_flushes(false);
    world.reopen().await;
    let again: Vec<_> = world.changes().await.into_iter().filter(|c| c.op == Op::Insert).collect();
    assert_eq!(first, again);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_17_a_receipt_is_reached_on_an_idle_server_and_a_foreign_position_is_not_waited_for() {
    let Some(server) = shared() else { return };
    let world = World::new(server).await;
    let receipt = world.commit(vec![world.insert("accounts", &["id"], &[&[1.into()]])]).await.unwrap();
    let looked = world.commit(vec![check(&world.model, "accounts", vec![], Some(1))]).await.unwrap();
    let began = Instant::now();
    world.reach(receipt.position.max(looked.position)).await;
    assert!(began.elapsed() < Duration::from_secs(2), "it took {:?}", began.elapsed());
    // WAL that no change is in: the end of it is reached all the same.
    server.psql(&world.database, "CREATE TEMP TABLE t AS SELECT 1; CHECKPOINT").unwrap();
    let looked = world.commit(vec![check(&world.model, "accounts", vec![], Some(1))]).await.unwrap();
    assert!(world.log.read(Some(looked.position), 10).await.unwrap().is_empty(), "one handed out is never BRG412");
    world.reach(looked.position).await;
    let ahead = Position { order: looked.position.order + (1 << 72), ..looked.position };
    assert_eq!(world.log.read(Some(ahead), 10).await.unwrap_err().code(), code::OTHER_HISTORY);
    let foreign = Position { order: ahead.order, tag: 7 };
    assert_eq!(world.log.check(foreign).await.unwrap_err().code(), code::OTHER_HISTORY);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_21_a_table_is_captured_from_its_first_row_on() {
    let Some(server) = shared() else { return };
    let world = World::with(
        server,
        "CREATE TABLE accounts (id int PRIMARY KEY); INSERT INTO accounts VALUES (1); INSERT INTO accounts VALUES (2)",
        model_of(vec![table("accounts", &[("id", SqlType::Int)])]),
    )
    .await;
    assert_eq!(world.changes().await.iter().map(|c| c.op).collect::<Vec<_>>(), [Op::Schema, Op::Insert, Op::Insert]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_22_a_table_without_a_key_is_taken_in_with_whole_images() {
    let Some(server) = shared() else { return };
    let mut keyless = table("plain", &[("a", SqlType::Int)]);
    keyless.primary_key = None;
    keyless.settings = TableSettings { touch: None, key_images: true };
    let model = model_of(vec![keyless, table("accounts", &[("id", SqlType::Int)])]);
    let world =
        World::with(server, "CREATE TABLE plain (a int); CREATE TABLE accounts (id int PRIMARY KEY)", model).await;
    server.psql(&world.database, "INSERT INTO plain VALUES (1); UPDATE plain SET a = 2").unwrap();
    let changes = world.changes().await;
    assert_eq!(changes[2].before, Some(Image::Whole(vec![1.into()])));
    assert_eq!(changes[2].key(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_23_a_second_process_is_told_who_holds_the_log() {
    let Some(server) = shared() else { return };
    let world = World::new(server).await;
    let second = PostgresSource::start(world.truth.clone(), Arc::new(MemorySpool::default())).await.unwrap();
    let stopped = second.status().await.unwrap().stopped.unwrap();
    assert!(stopped.contains("another brigade") && stopped.contains("server process "), "{stopped}");
    second.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_large_value_arrives_whole() {
    let Some(server) = shared() else { return };
    for key_images in [false, true] {
        let mut accounts = table("accounts", &[("id", SqlType::Int), ("body", SqlType::Text), ("n", SqlType::Int)]);
        accounts.settings.key_images = key_images;
        let sql = "CREATE TABLE accounts (id int PRIMARY KEY, body text, n int)";
        let world = World::with(server, sql, model_of(vec![accounts])).await;
        let large = "SELECT string_agg(md5(i::text), '') FROM generate_series(1, 32768) i";
        server.psql(&world.database, &format!("INSERT INTO accounts VALUES (1, ({large}), 0)")).unwrap();
        server.psql(&world.database, "UPDATE accounts SET n = 1").unwrap();
        let changes = world.changes().await;
        let update = changes.iter().find(|c| c.op == Op::Update).unwrap();
        let Value::Text(body) = &update.after.as_ref().unwrap()[1] else { panic!("{key_images}") };
        assert_eq!(body.len(), 1 << 20);
        assert_eq!(update.before.as_ref().unwrap().row().is_some(), !key_images);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_is_the_same_in_the_table_in_the_log_and_in_a_snapshot() {
    let Some(server) = shared() else { return };
    let columns = [
        ("id", SqlType::Int),
        ("b", SqlType::Bool),
        ("n", SqlType::Numeric { precision: Some(12), scale: 2 }),
        ("d", SqlType::Double),
        ("u", SqlType::Uuid),
        ("t", SqlType::TimestampTz),
        ("day", SqlType::Date),
        ("i", SqlType::Interval),
        ("j", SqlType::Jsonb),
        ("raw", SqlType::Bytea),
        ("mood", SqlType::Enum("mood".into())),
        ("list", SqlType::Array(Box::new(SqlType::Text))),
        ("c", SqlType::Char(4)),
        ("twice", SqlType::Int),
    ];
    let sql = "CREATE TYPE mood AS ENUM ('glad', 'sad'); CREATE TABLE accounts (id int PRIMARY KEY, b bool, n numeric(12,2), \
        d double precision, u uuid, t timestamptz, day date, i interval, j jsonb, raw bytea, mood mood, list text[], c char(4), \
        twice int GENERATED ALWAYS AS (id * 2) STORED)";
    let world = World::with(server, sql, model_of(vec![table("accounts", &columns)])).await;
    let texts = [
        "7",
        "true",
        "12.50",
        "0.1",
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "2026-01-02 03:04:05.123456+00",
        "2026-01-02",
        "P1Y2M3DT4H5M6.7S",
        r#"{"a": [1, "x"]}"#,
        "\\xdeadbeef",
        "sad",
        r#"{a,"b c",NULL}"#,
        "ab  ",
    ];
    let row: Vec<Value> = texts.iter().zip(&columns).map(|(t, (_, ty))| Value::from_text(ty, t).unwrap()).collect();
    let names: Vec<&str> = columns[..13].iter().map(|c| c.0).collect();
    let all: Vec<&str> = columns.iter().map(|c| c.0).collect();
    let mut second = row.clone();
    second[0] = Value::Int(8);
    let one = returning(world.insert("accounts", &names, &[&row]), &all);
    let receipt = world.commit(vec![one]).await.unwrap();
    world
        .commit(vec![world.insert(
            "accounts",
            &names,
            &[&second, &{
                let mut r = row.clone();
                r[0] = Value::Int(9);
                r
            }],
        )])
        .await
        .unwrap();
    let mut whole = row.clone();
    whole.push(Value::Int(14));
    assert_eq!(receipt.results[0].returned.as_ref().unwrap().rows[0], whole);
    let changes = world.changes().await;
    assert_eq!(changes[1].after.as_ref(), Some(&whole));
    assert_eq!(*changes[1].layout, world.table("accounts").layout());
    let mut snapshot = world.truth.snapshot().await.unwrap();
    let table = world.table("accounts");
    assert_eq!(snapshot.scan(&table, None, 1).await.unwrap(), [whole.clone()]);
    assert_eq!(snapshot.scan(&table, Some(&vec![7.into()]), 5).await.unwrap().len(), 2);
    assert_eq!(snapshot.get(&table, &[vec![7.into()], vec![70.into()]]).await.unwrap(), [whole]);
    assert_eq!(snapshot.estimate(&table).await.unwrap(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_of_any_size_is_spooled_in_chunks() {
    let Some(server) = shared() else { return };
    let world = World::new(server).await;
    server.psql(&world.database, "INSERT INTO accounts SELECT i FROM generate_series(1, 50000) i").unwrap();
    let began = Instant::now();
    let changes = world.changes().await;
    eprintln!("50,000 changes: reached after {:?}", began.elapsed());
    assert_eq!(changes.len(), 50_001);
    assert!(changes.is_sorted_by_key(|c| c.position));
    assert!(world.spool.largest_append() <= brigade_core::limits::CHUNK_MAX + 1, "{}", world.spool.largest_append());
    assert_eq!(changes[1..].iter().filter(|c| c.last).count(), 1);
    assert_eq!(changes[1].transaction.position, changes[50_000].position);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_is_gone_is_named_and_never_made_again() {
    let Some(server) = shared() else { return };
    let mut world = World::new(server).await;
    world.log.close().await;
    let slots = "SELECT slot_name FROM pg_replication_slots WHERE database = current_database()";
    let name = server.psql(&world.database, slots).unwrap();
    until("the slot's end", async || {
        server.psql(&world.database, &format!("SELECT pg_drop_replication_slot('{name}')")).is_ok()
    })
    .await;
    world.reopen().await;
    let stopped = world.log.status().await.unwrap().stopped.unwrap();
    assert!(stopped.contains(&name) && stopped.contains("brigade rebuild log"), "{stopped}");
    assert_eq!(server.psql(&world.database, slots).unwrap(), "");
}

/// Killed between the new slot and the emptied log, both look whole and there is a gap between them.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_half_made_anew_is_not_followed() {
    let Some(server) = shared() else { return };
    let mut world = World::new(server).await;
    let row = |id: i32| vec![world.insert("accounts", &["id"], &[&[id.into()]])];
    world.commit(row(1)).await.unwrap();
    assert_eq!(world.log.rebuild().await.unwrap_err().code(), code::UNSUPPORTED, "there is no gap");
    assert_eq!(world.changes().await.len(), 2, "and it goes on");
    let second = row(2);
    world.spool.set_note("postgres.unfinished", "yes").await.unwrap();
    world.reopen().await;
    let stopped = world.log.status().await.unwrap().stopped.unwrap();
    assert!(stopped.contains("brigade rebuild log"), "{stopped}");
    world.log.rebuild().await.unwrap();
    assert_eq!(world.log.status().await.unwrap().stopped, None);
    world.commit(second).await.unwrap();
    assert_eq!(world.changes().await.len(), 1, "what was before it is gone");
    world.reopen().await;
    assert_eq!(world.log.status().await.unwrap().stopped, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_wal_level_and_a_missing_right_are_named_with_the_mend() {
    let Some(server) = Postgres::start_with(&["wal_level=replica"]) else { return };
    let truth = engine_postgres::PostgresTruth::connect(config(server.url.clone())).await.unwrap();
    let log = PostgresSource::start(truth, Arc::new(MemorySpool::default())).await.unwrap();
    let stopped = log.status().await.unwrap().stopped.unwrap();
    assert!(stopped.contains("ALTER SYSTEM SET wal_level"), "{stopped}");
    log.close().await;
    let Some(server) = Postgres::start_own() else { return };
    server.psql("postgres", "CREATE ROLE plain LOGIN").unwrap();
    server.psql("postgres", "CREATE DATABASE plain OWNER plain").unwrap();
    let url = server.url_of("plain").replace("postgres@", "plain@");
    let truth = engine_postgres::PostgresTruth::connect(config(url)).await.unwrap();
    let log = PostgresSource::start(truth.clone(), Arc::new(MemorySpool::default())).await.unwrap();
    let stopped = log.status().await.unwrap().stopped.unwrap();
    assert!(stopped.contains("ALTER ROLE \"plain\" REPLICATION"), "{stopped}");
    // Once mended, it goes on without a restart, and the role needs no more than that.
    server.psql("postgres", "ALTER ROLE plain REPLICATION").unwrap();
    until("the log", async || log.status().await.unwrap().stopped.is_none()).await;
    log.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn touch_keeps_the_time_of_the_newest_change() {
    let Some(server) = shared() else { return };
    let mut accounts = table("accounts", &[("id", SqlType::Int), ("n", SqlType::Int), ("at", SqlType::TimestampTz)]);
    accounts.settings.touch = Some("at".to_owned());
    let sql = "CREATE TABLE accounts (id int PRIMARY KEY, n int, at timestamptz DEFAULT '2020-01-01')";
    let world = World::with(server, sql, model_of(vec![accounts])).await;
    server.psql(&world.database, "INSERT INTO accounts VALUES (1); UPDATE accounts SET n = 1").unwrap();
    assert_eq!(server.psql(&world.database, "SELECT at > now() - interval '1 minute' FROM accounts").unwrap(), "t");
    let changes = world.changes().await;
    assert_eq!(changes.iter().filter(|c| c.op == Op::Update).count(), 1, "a touched row is one change");
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_were_there_before_are_read_from_the_catalog() {
    let Some(server) = shared() else { return };
    let world = World::new(server).await;
    server
        .psql(
            &world.database,
            "CREATE TYPE mood AS ENUM ('glad', 'sad'); CREATE TABLE c (a int, b varchar(5) DEFAULT 'x', m mood, \
             twice int GENERATED ALWAYS AS (a * 2) STORED, PRIMARY KEY (b, a), CHECK (a > 0)); \
             CREATE UNIQUE INDEX c_m ON c (m DESC) WHERE a > 1; CREATE VIEW v AS SELECT a FROM c",
        )
        .unwrap();
    let model = world.truth.read_catalog(&["public".to_owned()]).await.unwrap();
    assert_eq!(model.tables.keys().collect::<Vec<_>>(), ["accounts", "c", "notes"]);
    let c = model.table("c").unwrap();
    assert_eq!(c.key(), [1, 0]);
    let types: Vec<String> = c.columns.iter().map(|c| c.ty.to_string()).collect();
    assert_eq!(types, ["integer", "varchar(5)", "mood", "integer"]);
    assert!(c.columns[3].generated.is_some() && c.columns[1].default.is_some());
    assert_eq!((c.checks.len(), c.indexes.len(), c.indexes[0].unique), (1, 1, true));
    assert_eq!(model.enums["mood"].labels, ["glad", "sad"]);
    assert_eq!(model.table("notes").unwrap().foreign_keys[0].references, ["id"]);
    assert!(model.views.contains_key("v"));
    world.truth.use_model(world.model.clone()).await.unwrap();
    assert!(world.truth.status().notes.iter().any(|n| n.contains("table c was made from outside")));
}
