//! What a commit means: effect, receipt, guards, keys, isolation.

use std::time::{Duration, Instant};

use brigade_core::{
    data::{Operator, Value, code},
    engine::{Assign, CheckedStatement, CheckedTransaction, Operand, Truth},
};
use brigade_testing::servers::Postgres;
use engine_postgres::PostgresTruth;

use crate::world::*;

async fn rows(world: &World, sql: &str) -> Vec<Vec<Value>> {
    world.truth.query(sql, false, 1_000).await.unwrap().rows
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_take_effect_together_or_not_at_all() {
    let Some(server) = shared() else { return };
    let world = World::new(server).await;
    let m = &world.model;
    let two = world.insert("accounts", &["id", "name"], &[&[1.into(), "a".into()], &[2.into(), "b".into()]]);
    let receipt = world
        .commit(vec![
            expecting(returning(two, &["id", "balance"]), 2),
            expecting(update(m, "accounts", vec![is("id", 1)], vec![("balance", Assign::Add(operand(5)))]), 1),
            check(m, "accounts", vec![("id", Operator::In, vec![1.into(), 2.into()])], Some(2)),
        ])
        .await
        .unwrap();
    assert_eq!(receipt.results.iter().map(|r| r.rows).collect::<Vec<_>>(), [2, 1, 2]);
    let returned = receipt.results[0].returned.as_ref().unwrap();
    assert_eq!(returned.rows, [[Value::Int(1), Value::Int(0)], [Value::Int(2), Value::Int(0)]]);
    let refused = world
        .commit(vec![
            update(m, "accounts", vec![is("id", 1)], vec![("balance", Assign::Set(operand(99)))]),
            expecting(delete(m, "accounts", vec![is("id", 7)]), 1),
        ])
        .await
        .unwrap_err();
    assert_eq!(
        (refused.code(), refused.get_details()),
        (code::EXPECT_FAILED, Some("statement 1 affected 0 rows, expected 1"))
    );
    let there = rows(&world, "SELECT id, balance FROM accounts ORDER BY id").await;
    assert_eq!(there, [[Value::Int(1), Value::Int(5)], [Value::Int(2), Value::Int(0)]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_may_use_what_an_earlier_one_returned() {
    let Some(server) = shared() else { return };
    let world = World::new(server).await;
    let of = |row| Operand::Returned { statement: 0, row, column: 0 };
    let insert = returning(world.insert("notes", &["body"], &[&["x".into()]]), &["id"]);
    let by_id = |row| {
        let mut update =
            update(&world.model, "notes", vec![is("id", 0_i64)], vec![("body", Assign::Set(operand("y")))]);
        if let brigade_core::engine::CheckedAction::Update { filter, .. } = &mut update.action {
            filter[0].operands = vec![of(row)];
        }
        expecting(update, 1)
    };
    world.commit(vec![insert.clone(), by_id(0)]).await.unwrap();
    assert_eq!(rows(&world, "SELECT body FROM notes").await, [["y".into()] as [Value; 1]]);
    assert_eq!(world.commit(vec![insert, by_id(1)]).await.unwrap_err().code(), "22023");
    assert_eq!(rows(&world, "SELECT body FROM notes").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_carry_the_sqlstate_and_the_place() {
    let Some(server) = shared() else { return };
    let world = World::new(server).await;
    let m = &world.model;
    let row = |id: i32, name: &str| world.insert("accounts", &["id", "name"], &[&[id.into(), name.into()]]);
    world.commit(vec![row(1, "a")]).await.unwrap();
    let more = || update(m, "accounts", vec![], vec![("balance", Assign::Add(operand(i64::MAX)))]);
    let cases: Vec<(Vec<CheckedStatement>, &str, &str)> = vec![
        (vec![row(1, "b")], "23505", "Key (id)=(1) already exists."),
        (vec![row(2, "a")], "23505", "Key (name)=(a) already exists."),
        (vec![world.insert("accounts", &["id", "balance"], &[&[3.into(), Value::Null]])], "23502", "column balance"),
        (vec![world.insert("notes", &["account"], &[&[77.into()]])], "23503", "Key (account)=(77) is not present"),
        (vec![world.insert("notes", &["account"], &[&[77.into()]]), row(9, "z")], "23503", "in table \"accounts\"."),
        (vec![more(), more()], "22003", ""),
    ];
    for (statements, code, place) in cases {
        let error = world.commit(statements).await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.get_details().unwrap_or_default().contains(place), "{:?} has no {place}", error.get_details());
    }
    assert_eq!(rows(&world, "SELECT count(*) FROM accounts").await, [[Value::Int(1)]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn upserts_change_or_leave_the_row_that_is_there() {
    let Some(server) = shared() else { return };
    let world = World::new(server).await;
    let row = |balance: i64| world.insert("accounts", &["id", "balance"], &[&[1.into(), balance.into()]]);
    for (update, balance, count, left) in
        [(Some(&["balance"][..]), 1, 1, 1), (Some(&["balance"]), 2, 1, 2), (None, 3, 0, 2)]
    {
        let receipt = world.commit(vec![upsert(row(balance), &["id"], update)]).await.unwrap();
        assert_eq!(receipt.results[0].rows, count);
        assert_eq!(rows(&world, "SELECT balance FROM accounts").await, [[Value::Int(left)]]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_has_one_effect_and_the_same_results() {
    let Some(server) = shared() else { return };
    let world = World::new(server).await;
    let note = || vec![returning(world.insert("notes", &["body"], &[&["x".into()]]), &["id", "body"])];
    let first = world.commit_keyed(note(), Some(key("k", 1))).await.unwrap();
    let again = world.commit_keyed(note(), Some(key("k", 1))).await.unwrap();
    assert!(!first.replayed && again.replayed && again.position >= first.position);
    assert_eq!(again.results[0].returned.as_ref().unwrap().rows, first.results[0].returned.as_ref().unwrap().rows);
    let other = world.commit_keyed(note(), Some(key("k", 2))).await.unwrap_err();
    assert_eq!(other.code(), code::KEY_REUSED);
    assert_eq!(rows(&world, "SELECT count(*) FROM notes").await, [[Value::Int(1)]]);
    // A refused transaction leaves its key free, and an expired key is free again.
    let refused = vec![expecting(delete(&world.model, "notes", vec![is("id", 99_i64)]), 1)];
    assert!(world.commit_keyed(refused, Some(key("free", 1))).await.is_err());
    world.commit_keyed(note(), Some(key("free", 2))).await.unwrap();
    server.psql(&world.database, "UPDATE brigade_idempotency SET expires_at = now() - interval '1 second'").unwrap();
    assert!(!world.commit_keyed(note(), Some(key("k", 3))).await.unwrap().replayed);
}

/// Whoever holds a session never waits for a second one: with a pool of one that would be for ever, and with a pool of
/// ten it is what a hundred callers do to each other.
#[tokio::test(flavor = "multi_thread")]
async fn no_commit_needs_a_second_session() {
    let Some(server) = shared() else { return };
    let world = World::new(server).await;
    let mut config = world.truth.config().clone();
    (config.store.pool_min, config.store.pool_max) = (0, 1);
    let narrow = PostgresTruth::connect(config).await.unwrap();
    narrow.use_model(world.model.clone()).await.unwrap();
    let commit = |id: i32, key| {
        let statements = vec![world.insert("accounts", &["id"], &[&[id.into()]])];
        narrow.commit(CheckedTransaction { model: world.model.clone(), statements, call: None, rolls_back: false }, key)
    };
    for replayed in [false, true, true] {
        assert_eq!(commit(1, Some(key("k", 1))).await.unwrap().replayed, replayed);
    }
    let pools = Truth::status(&*narrow).pools;
    let shown: Vec<_> = pools.iter().map(|p| (p.name, p.max, p.open, p.in_use, p.waiting)).collect();
    assert_eq!(shown, [("sessions", 1, 1, 0, 0)], "its figures are as it is");
    // The connection goes in the middle of COMMIT: what became of it is asked in another one.
    server
        .psql(
            &world.database,
            "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'; \
             CREATE CONSTRAINT TRIGGER die AFTER INSERT ON accounts DEFERRABLE INITIALLY DEFERRED \
             FOR EACH ROW WHEN (new.id = 13) EXECUTE FUNCTION die()",
        )
        .unwrap();
    for key in [None, Some(key("l", 1))] {
        let keyed = key.is_some();
        let error = commit(13, key).await.unwrap_err();
        assert_eq!(error.code(), code::UNAVAILABLE);
        if keyed {
            let details = error.get_details().unwrap_or_default();
            assert!(details.contains("nothing was written"), "{error}: {details}");
        }
        commit(if keyed { 15 } else { 14 }, None).await.unwrap();
    }
    narrow.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_20_a_key_that_runs_now_is_told_so() {
    let Some(server) = shared() else { return };
    let world = World::new(server).await;
    world.commit(vec![world.insert("accounts", &["id"], &[&[1.into()]])]).await.unwrap();
    let add = || vec![update(&world.model, "accounts", vec![is("id", 1)], vec![("balance", Assign::Add(operand(1)))])];
    let database = world.database.clone();
    let blocker = std::thread::spawn(move || {
        shared().unwrap().psql(&database, "BEGIN; SELECT 1 FROM accounts FOR UPDATE; SELECT pg_sleep(1.5); COMMIT")
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (first, second) = tokio::join!(world.commit_keyed(add(), Some(key("k", 1))), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let began = Instant::now();
        (world.commit_keyed(add(), Some(key("k", 1))).await.unwrap_err(), began.elapsed())
    });
    assert_eq!((second.0.code(), second.0.get_retry_after().is_some()), (code::KEY_RUNNING, true));
    assert!(second.1 < Duration::from_millis(500), "it was blocked for {:?}", second.1);
    first.unwrap();
    blocker.join().unwrap().unwrap();
    assert_eq!(rows(&world, "SELECT balance FROM accounts").await, [[Value::Int(1)]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_19_write_skew_is_refused() {
    let Some(server) = shared() else { return };
    let world = World::new(server).await;
    let m = &world.model;
    world
        .commit(vec![world.insert("accounts", &["id", "balance"], &[&[1.into(), 1.into()], &[2.into(), 1.into()]])])
        .await
        .unwrap();
    for _ in 0..20 {
        world.commit(vec![update(m, "accounts", vec![], vec![("balance", Assign::Set(operand(1)))])]).await.unwrap();
        let leave = |id: i32| {
            world.commit(vec![
                check(m, "accounts", vec![is("balance", 1)], Some(2)),
                update(m, "accounts", vec![is("id", id)], vec![("balance", Assign::Set(operand(0)))]),
            ])
        };
        let (a, b) = tokio::join!(leave(1), leave(2));
        assert!(a.is_ok() != b.is_ok(), "one of the two leaves: {a:?} {b:?}");
        assert_eq!(rows(&world, "SELECT sum(balance)::int FROM accounts").await, [[Value::Int(1)]]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_that_are_added_to_at_once_lose_nothing() {
    let Some(server) = shared() else { return };
    let world = World::new(server).await;
    world.commit(vec![world.insert("accounts", &["id"], &[&[1.into()]])]).await.unwrap();
    let add = || {
        // Two statements, so that it is a serializable transaction and not a single statement.
        let add = update(&world.model, "accounts", vec![is("id", 1)], vec![("balance", Assign::Add(operand(1)))]);
        world.commit(vec![add, check(&world.model, "notes", vec![], Some(0))])
    };
    let mut done = 0;
    for _ in 0..10 {
        let all = tokio::join!(add(), add(), add(), add());
        done += [all.0, all.1, all.2, all.3].iter().filter(|r| r.is_ok()).count() as i64;
    }
    assert!(done >= 20, "only {done} of 40 came through");
    assert_eq!(rows(&world, "SELECT balance FROM accounts").await, [[Value::Int(done)]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_sql_reads_one_statement_and_writes_only_when_asked() {
    let Some(server) = shared() else { return };
    let world = World::new(server).await;
    for (sql, write, code) in [
        ("INSERT INTO accounts VALUES (1)", false, code::READ_ONLY),
        ("COMMIT", true, code::TRANSACTION_STATE),
        ("/* x */ begin", false, code::TRANSACTION_STATE),
        ("SELECT 1; SELECT 2", false, code::SYNTAX),
        ("SET search_path = x", true, code::UNSUPPORTED),
        ("SELECT nothing", false, code::UNKNOWN_COLUMN),
    ] {
        assert_eq!(world.truth.query(sql, write, 10).await.unwrap_err().code(), code, "{sql}");
    }
    let written =
        world.truth.query("INSERT INTO accounts SELECT i FROM generate_series(1, 20) i", true, 10).await.unwrap();
    assert_eq!(written.affected, Some(20));
    let read = world.truth.query("SELECT id, name FROM accounts ORDER BY 1", false, 10).await.unwrap();
    assert_eq!((read.columns, read.rows.len()), (vec!["id".to_owned(), "name".to_owned()], 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_migration_says_where_and_leaves_nothing() {
    let Some(server) = shared() else { return };
    let mut world = World::new(server).await;
    let error = world
        .migrate("CREATE TABLE fine (id int PRIMARY KEY);\n\nCREATE TABLE broken (\n  id intt);")
        .await
        .unwrap_err();
    assert!(error.message().starts_with("0002_test.sql:4:6: "), "{error}");
    let error = world.migrate("CREATE TABLE fine (id int PRIMARY KEY);\nCOMMIT;").await.unwrap_err();
    assert_eq!(
        (error.code(), error.message().starts_with("0003_test.sql:2:1: ")),
        (code::TRANSACTION_STATE, true),
        "{error}"
    );
    assert_eq!(world.truth.applied().await.unwrap().len(), 1);
    assert_eq!(rows(&world, "SELECT to_regclass('fine')").await, [[Value::Null]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_said_at_once_and_comes_back_by_itself() {
    let Some(mut server) = Postgres::start_own() else { return };
    let world = World::new(&server).await;
    let row = |id: i32| vec![world.insert("accounts", &["id"], &[&[id.into()]])];
    world.commit(row(1)).await.unwrap();
    server.kill();
    for _ in 0..3 {
        let began = Instant::now();
        let error = world.commit(row(2)).await.unwrap_err();
        assert_eq!((error.code(), error.get_retry_after().is_some()), (code::UNAVAILABLE, true), "{error}");
        assert!(began.elapsed() < Duration::from_secs(5));
    }
    assert!(world.truth.status().stopped.is_some());
    server.restart().unwrap();
    let began = Instant::now();
    while let Err(error) = world.commit(row(3)).await {
        assert!(began.elapsed() < Duration::from_secs(30), "{error}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let changes = world.changes().await;
    assert_eq!(changes.last().unwrap().after.as_ref().unwrap()[0], Value::Int(3));
}
