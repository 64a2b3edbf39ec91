//! What a transaction does.

use std::sync::Arc;

use brigade_core::{
    commit::{Builder, filter},
    data::{Operator, Value, Where},
};

use super::{Fixture, json};
use crate::suites::row;

fn account(id: i32) -> brigade_core::commit::Row {
    row().set("id", id).set("owner", format!("owner {id}"))
}

pub(super) async fn a_row_takes_its_defaults_and_comes_back(f: Fixture) {
    let receipt = f
        .commit(
            Builder::new().insert("accounts", account(1)).returning(&["*"]).insert("marks", row()).returning(&["id"]),
        )
        .await;
    let returned = &receipt.results[0].returned.as_ref().unwrap().rows[0];
    let shown = json(returned);
    assert!(shown.starts_with("1,\"owner 1\",0.00,0,\"calm\",1,\"20"), "{shown}");
    assert!(matches!(returned[7], Value::Uuid(u) if u.get_version_num() == 4), "{shown}");
    assert!(matches!(receipt.results[1].returned.as_ref().unwrap().rows[0][..], [Value::Int(1)]));
    assert_eq!(f.rows("accounts").await, vec![returned.clone()]);
    let two = f.commit(Builder::new().insert_all("accounts", [account(2), account(3)]).returning(&["opened"])).await;
    let opened = &two.results[0].returned.as_ref().unwrap().rows;
    assert_eq!(opened[0], opened[1], "now() is the transaction's");
}

pub(super) async fn statements_see_those_before_them(f: Fixture) {
    let receipt = f
        .commit(
            Builder::new()
                .insert("marks", row().set("note", "a"))
                .returning(&["id"])
                .insert("accounts", account(1).returned("hits", 0, 0, "id"))
                .update("accounts", filter("id", 1), row().add("hits", 41))
                .returning(&["hits"])
                .expect(1)
                .check("accounts", filter("hits", 42))
                .expect(1)
                .delete("accounts", filter("id", 1))
                .expect(1)
                .check("accounts", Where::all())
                .expect(0),
        )
        .await;
    let rows: Vec<u64> = receipt.results.iter().map(|r| r.rows).collect();
    assert_eq!(rows, [1, 1, 1, 1, 1, 0]);
    assert_eq!(receipt.results[2].returned.as_ref().unwrap().rows, [[Value::Int(42)]]);
    assert!(f.rows("accounts").await.is_empty());
}

pub(super) async fn a_failed_expect_leaves_nothing(f: Fixture) {
    let start = f.start().await;
    let error = f
        .refused(
            Builder::new()
                .insert("accounts", account(1))
                .update("accounts", filter("id", 1).and("version", Operator::Eq, [2.into()]), row().add("version", 1))
                .expect(1),
        )
        .await;
    assert_eq!(error.code(), "BRG409");
    assert!(error.get_details().is_some_and(|d| d.contains('0')), "{error:?}");
    assert!(f.rows("accounts").await.is_empty());
    let end = f.start().await;
    let changes = f.changes(Some(start), end, 100).await;
    assert_eq!(changes.iter().filter(|c| c.layout.table == "accounts").count(), 0, "nothing of it is in the log");
}

pub(super) async fn an_upsert_updates_or_ignores(f: Fixture) {
    use brigade_core::data::{Action, Statement};
    f.commit(Builder::new().insert("accounts", account(1).set("note", "old"))).await;
    let both = || [account(1).set("note", "new"), account(2).set("note", "new")];
    let receipt = f.commit(Builder::new().upsert("accounts", &[], both()).returning(&["id", "note"])).await;
    assert_eq!(receipt.results[0].rows, 2);
    let mut ignoring = Builder::new().upsert("accounts", &["owner"], [account(2).set("note", "x"), account(3)]).build();
    if let Statement::Upsert { action, .. } = &mut ignoring.statements[0] {
        *action = Action::Ignore;
    }
    assert_eq!(f.try_commit(ignoring, None).await.unwrap().results[0].rows, 1);
    let notes: Vec<String> = f.rows("accounts").await.iter().map(|r| json(&r[8..])).collect();
    assert_eq!(notes, ["\"new\"", "\"new\"", "null"]);
}

pub(super) async fn updates_add_and_take_defaults(f: Fixture) {
    f.commit(Builder::new().insert("accounts", account(1).set("balance", "10.10").set("hits", 5))).await;
    let set = row().add("balance", value("0.205")).set_default("hits").set("note", "x");
    let receipt =
        f.commit(Builder::new().update("accounts", filter("id", 1), set).returning(&["balance", "hits"])).await;
    assert_eq!(json(&receipt.results[0].returned.as_ref().unwrap().rows[0]), "10.31,0");
    let nothing = f.commit(Builder::new().update("accounts", filter("id", 9), row().set("note", "y"))).await;
    assert_eq!(nothing.results[0].rows, 0);
    let error = f.refused(Builder::new().update("accounts", filter("id", 1), row().add("hits", i64::MAX)).update(
        "accounts",
        filter("id", 1),
        row().add("hits", i64::MAX),
    ));
    assert_eq!(error.await.code(), "22003");
    let error = f.refused(Builder::new().update("accounts", filter("id", 1), row().add("balance", 99_999_999)));
    assert_eq!(error.await.code(), "22003");
}

fn value(numeric: &str) -> Value {
    Value::Numeric(numeric.parse().expect("a number"))
}

pub(super) async fn filters_compare_by_meaning(f: Fixture) {
    let accounts =
        [("9.50", "Ann"), ("10.00", "bob"), ("100.00", "anna")].into_iter().enumerate().map(|(i, (b, o))| {
            row().set("id", i as i32 + 1).set("owner", o).set("balance", b).set("opened", "2026-01-01T00:00:00+00:00")
        });
    f.commit(Builder::new().insert_all("accounts", accounts)).await;
    let cases: Vec<(&str, Operator, Vec<Value>, u64)> = vec![
        ("balance", Operator::Gt, vec![value("9.6")], 2),
        ("balance", Operator::Eq, vec![value("10")], 1),
        ("balance", Operator::Lte, vec![value("10.000")], 2),
        ("balance", Operator::In, vec![value("10"), value("100.0")], 2),
        ("id", Operator::In, vec![], 0),
        ("id", Operator::Neq, vec![1.into()], 2),
        ("owner", Operator::Like, vec!["an%".into()], 1),
        ("owner", Operator::Ilike, vec!["AN%".into()], 2),
        ("owner", Operator::Like, vec!["_nn".into()], 1),
        ("note", Operator::Is, vec![Value::Null], 3),
        ("opened", Operator::Eq, vec!["2026-01-01 01:00:00+01".into()], 3),
        ("opened", Operator::Lt, vec!["2026-01-01T00:00:00.000001Z".into()], 3),
        ("state", Operator::Eq, vec!["calm".into()], 3),
    ];
    for (column, operator, values, rows) in cases {
        let shown = format!("{column} {operator:?} {values:?}");
        let receipt = f.commit(Builder::new().check("accounts", Where::default().and(column, operator, values))).await;
        assert_eq!(receipt.results[0].rows, rows, "{shown}");
    }
}

pub(super) async fn constraints_are_checked_when_declared(f: Fixture) {
    let pair = |id: i32, other: i32| row().set("id", id).set("other", other);
    f.commit(Builder::new().insert("pairs", pair(1, 2)).insert("pairs", pair(2, 1))).await;
    // A violation of one transaction must not be healed by its neighbour, nor take it down.
    let f = Arc::new(f);
    let orphans = (10..20).map(|i| (i, 90 + i)).chain((10..20).map(|i| (90 + i, 90 + i)));
    let tasks: Vec<_> = orphans
        .map(|(id, other)| {
            let f = Arc::clone(&f);
            tokio::spawn(
                async move { f.try_commit(Builder::new().insert("pairs", pair(id, other)).build(), None).await },
            )
        })
        .collect();
    for (i, task) in tasks.into_iter().enumerate() {
        match task.await.unwrap() {
            Ok(_) => {}
            Err(error) => assert_eq!((error.code(), i < 10), ("23503", true), "{}", super::show(&error)),
        }
    }
    for row in f.rows("pairs").await {
        let [Value::Int(_), Value::Int(other)] = row[..] else { panic!("{row:?}") };
        let found = f.commit(Builder::new().check("pairs", filter("id", other))).await;
        assert_eq!(found.results[0].rows, 1, "{row:?} has its other");
    }
}

pub(super) async fn concurrent_transactions_are_serializable(f: Fixture) {
    // Write skew: each of two may go only while the other is there.
    for round in 0..10 {
        let (a, b) = (round * 2 + 1, round * 2 + 2);
        f.commit(Builder::new().insert_all("accounts", [account(a), account(b)])).await;
        let leave = |me: i32, other: i32| {
            Builder::new()
                .check("accounts", filter("id", other).and("state", Operator::Eq, ["calm".into()]))
                .expect(1)
                .update("accounts", filter("id", me), row().set("state", "busy"))
                .build()
        };
        let (one, two) = tokio::join!(f.try_commit(leave(a, b), None), f.try_commit(leave(b, a), None));
        let won = u8::from(one.is_ok()) + u8::from(two.is_ok());
        assert!(won <= 1, "both went: {one:?} {two:?}");
        for error in [one, two].into_iter().filter_map(Result::err) {
            assert!(["BRG409", "40001"].contains(&error.code()), "{}", super::show(&error));
        }
    }
}

pub(super) async fn concurrent_counters_lose_nothing(f: Fixture) {
    f.commit(Builder::new().insert("accounts", account(1))).await;
    let f = Arc::new(f);
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let f = Arc::clone(&f);
            tokio::spawn(async move {
                let mut added = 0;
                for _ in 0..20 {
                    let add =
                        Builder::new().update("accounts", filter("id", 1), row().add("hits", 1)).expect(1).build();
                    added += i64::from(f.try_commit(add, None).await.is_ok());
                }
                added
            })
        })
        .collect();
    let mut sum = 0;
    for task in tasks {
        sum += task.await.unwrap();
    }
    assert!(sum > 0);
    assert_eq!(f.rows("accounts").await[0][3], Value::Int(sum), "what was acknowledged is there, and nothing else");
}
