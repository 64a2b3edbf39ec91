//! What is refused, with PostgreSQL's code and words, and what of it remains: nothing.

use std::sync::Arc;

use brigade_core::{
    data::{Value, code},
    engine::{Assign, CheckedStatement, Operand},
};

use crate::support::{Store, expecting, shown, store};

fn set(column: &str, value: impl Into<Value>) -> (&str, Assign) {
    (column, Assign::Set(Operand::Value(value.into())))
}

fn add(column: &str, value: impl Into<Value>) -> (&str, Assign) {
    (column, Assign::Add(Operand::Value(value.into())))
}

#[tokio::test]
async fn every_mistake_has_postgresqls_code_and_leaves_nothing() {
    let store = store().await;
    let hundred = Value::Numeric("99999999.99".parse().unwrap());
    store
        .commit(vec![
            store.insert("accounts", &[&[("id", 1.into()), ("email", "1".into()), ("amount", hundred.clone())]]),
            store.account(2),
            store.insert("orders", &[&[("id", 1.into()), ("account", 1.into())]]),
        ])
        .await
        .unwrap();
    let cases: Vec<(CheckedStatement, &str, &str, &str)> = vec![
        (
            store.insert("accounts", &[&[("id", 3.into()), ("email", "1".into())]]),
            code::UNIQUE,
            "accounts_email_key",
            "Key (email)=(1) already exists.",
        ),
        (
            store.insert("accounts", &[&[("id", 2.into()), ("email", "other".into())]]),
            code::UNIQUE,
            "accounts_pkey",
            "Key (id)=(2) already exists.",
        ),
        (store.insert("accounts", &[&[("id", 3.into()), ("email", Value::Null)]]), code::NOT_NULL, "email", ""),
        (store.update("accounts", 1, &[set("balance", -1)]), code::CHECK, "balance_not_negative", ""),
        (
            store.insert("orders", &[&[("id", 2.into()), ("account", 77.into())]]),
            code::FOREIGN_KEY,
            "orders_account_fkey",
            "Key (account)=(77) is not present in table \"accounts\".",
        ),
        (
            store.insert("orders", &[&[("id", 2.into()), ("later", 77.into())]]),
            code::FOREIGN_KEY,
            "orders_later_fkey",
            "Key (later)=(77) is not present",
        ),
        (
            store.delete("accounts", 1),
            code::FOREIGN_KEY,
            "orders_account_fkey",
            "Key (id)=(1) is still referenced from table \"orders\".",
        ),
        (
            store.update("accounts", 1, &[set("balance", i64::MAX), add("amount", hundred)]),
            code::OUT_OF_RANGE,
            "amount",
            "",
        ),
        (
            expecting(store.delete("orders", 9), 1),
            code::EXPECT_FAILED,
            "expectation",
            "statement 1 affected 0 rows, expected 1",
        ),
    ];
    let before = store.changes().await;
    for (statement, code, words, details) in cases {
        let shown = format!("{statement:?}");
        let error = store.commit(vec![store.account(50), statement]).await.unwrap_err();
        assert_eq!(error.code(), code, "{error} for {shown}");
        assert!(error.message().contains(words), "{error} for {shown}");
        assert!(error.get_details().unwrap_or_default().contains(details), "{:?} for {shown}", error.get_details());
    }
    assert_eq!(store.changes().await, before, "a refused transaction leaves nothing in the log");
}

#[tokio::test]
async fn what_sqlite_cannot_keep_names_statement_and_column() {
    let store = store().await;
    let nan = || Value::Double(f64::NAN);
    let of_update = vec![store.account(1), store.update("measures", 1, &[set("ratio", nan())])];
    let of_insert = vec![store.account(1), store.insert("measures", &[&[("id", 2.into()), ("ratio", nan())]])];
    for statements in [of_update, of_insert] {
        let error = store.commit(statements).await.unwrap_err();
        assert_eq!(error.code(), code::OUT_OF_RANGE, "{error}");
        assert_eq!(error.get_details(), Some("table measures, column ratio"));
        let problem = &error.get_problems()[0];
        assert_eq!((problem.statement, problem.field.as_deref()), (1, Some("ratio")));
    }
}

#[tokio::test]
async fn adding_past_the_range_is_refused() {
    let store = store().await;
    store.commit(vec![store.account(1)]).await.unwrap();
    store.commit(vec![store.update("accounts", 1, &[set("balance", i64::MAX)])]).await.unwrap();
    let error = store.commit(vec![store.update("accounts", 1, &[add("balance", 1)])]).await.unwrap_err();
    assert_eq!(error.code(), code::OUT_OF_RANGE);
    assert!(error.message().contains("balance"), "{error}");
    store.commit(vec![store.update("accounts", 1, &[add("balance", -5)])]).await.unwrap();
}

#[tokio::test]
async fn rule_6_a_deferred_foreign_key_neither_poisons_nor_is_healed_by_neighbours() {
    let store = Arc::new(store().await);
    // Many at once, so that they share groups: orphans, and the parents that would heal them.
    let tasks: Vec<_> = (0..200_i64)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let id = n / 2;
                if n % 2 == 0 {
                    let orphan = store.insert("orders", &[&[("id", id.into()), ("later", id.into())]]);
                    store.commit(vec![orphan]).await.err().map(|e| e.code().to_owned())
                } else {
                    store.commit(vec![store.account(id)]).await.unwrap();
                    Some("parent".to_owned())
                }
            })
        })
        .collect();
    let (mut refused, mut taken) = (0, 0);
    for task in tasks {
        match task.await.unwrap().as_deref() {
            Some("parent") => {}
            Some(other) => {
                assert_eq!(other, code::FOREIGN_KEY);
                refused += 1;
            }
            None => taken += 1,
        }
    }
    assert_eq!(refused + taken, 100);
    // Each order that stands came after its parent in the log.
    let log = shown(&store.changes().await);
    for order in log.iter().filter(|c| c.starts_with("insert orders")) {
        let parent = order.replace("orders", "accounts");
        assert!(log.iter().position(|c| c == order) > log.iter().position(|c| *c == parent), "{order} was healed");
    }
}

#[tokio::test]
async fn rule_7_a_member_that_ends_the_group_does_not_take_its_neighbours_along() {
    let store = Arc::new(store().await);
    // A stock program's trigger may hold what brigade would refuse.
    store
        .outside()
        .execute_batch(
            "CREATE TRIGGER bomb BEFORE INSERT ON nodes WHEN NEW.id = 13 BEGIN SELECT RAISE(ROLLBACK, 'boom'); END",
        )
        .unwrap();
    let tasks: Vec<_> = (0..100_i64)
        .map(|id| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let id = if id % 10 == 0 { 13 } else { 100 + id };
                (id, store.commit(vec![store.insert("nodes", &[&[("id", id.into())]])]).await)
            })
        })
        .collect();
    for task in tasks {
        let (id, result) = task.await.unwrap();
        assert_eq!(result.is_err(), id == 13, "{id}: {result:?}");
    }
    let rows: i64 = store.outside().query_row("SELECT count(*) FROM nodes", [], |r| r.get(0)).unwrap();
    assert_eq!(rows, 90);
    assert_eq!(shown(&store.changes().await).iter().filter(|c| c.starts_with("insert nodes")).count(), 90);
}

#[tokio::test]
async fn a_statement_that_runs_too_long_is_cancelled_alone() {
    let mut store: Store = store().await;
    let path = store.folder.path().join("slow.db");
    let config = engine_sqlite::SqliteConfig {
        statement_timeout: std::time::Duration::from_millis(200),
        ..engine_sqlite::SqliteConfig::new(&path)
    };
    crate::support::open(&path, false).await;
    store.truth = engine_sqlite::SqliteTruth::open(config, Arc::new(crate::support::Ticking::default())).unwrap();
    brigade_core::engine::Truth::use_model(&*store.truth, crate::support::model()).await.unwrap();
    let slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    let query = brigade_core::engine::Truth::query(&*store.truth, slow, false, 10).await.unwrap_err();
    assert_eq!(query.code(), code::CANCELED);
    let write = format!("INSERT INTO nodes(id) {slow}");
    let query = brigade_core::engine::Truth::query(&*store.truth, &write, true, 10).await.unwrap_err();
    assert_eq!(query.code(), code::CANCELED);
    store.commit(vec![store.account(1)]).await.unwrap();
}
