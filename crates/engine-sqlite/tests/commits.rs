//! Transactions: their effects, receipts and keys.

use std::{sync::Arc, time::Duration};

use brigade_core::{
    data::{Operator, SqlType, Value, code},
    engine::{Assign, CheckedAction, Log, Operand, Truth},
};

use crate::support::{NOON, expecting, idempotent, returning, shown, store, upsert};

#[tokio::test]
async fn a_receipt_is_the_position_of_the_last_change() {
    let store = store().await;
    let receipt = store.commit(vec![store.account(1), store.account(2)]).await.unwrap();
    let changes = store.changes().await;
    assert_eq!(shown(&changes), ["schema", "insert accounts 1", "insert accounts 2"]);
    assert_eq!(changes[2].position, receipt.position);
    assert_eq!(changes[1].transaction.position, receipt.position);
    assert_eq!((changes[1].last, changes[2].last), (false, true));
    assert_eq!(*store.truth.tip().borrow(), receipt.position);

    let nothing = store.commit(vec![store.delete("accounts", 99)]).await.unwrap();
    assert_eq!((nothing.position, nothing.results[0].rows), (receipt.position, 0));
}

#[tokio::test]
async fn returned_rows_come_in_the_order_given_and_later_statements_use_them() {
    let store = store().await;
    let rows: Vec<Vec<(&str, Value)>> =
        [7, 3, 5].map(|id: i64| vec![("id", id.into()), ("email", format!("{id}").into())]).into();
    let rows: Vec<&[(&str, Value)]> = rows.iter().map(Vec::as_slice).collect();
    let insert = returning(store.insert("accounts", &rows), &[0, 4, 5]);
    let mut order = store.insert("orders", &[&[("id", 1.into()), ("account", Value::Null)]]);
    let CheckedAction::Insert { rows, .. } = &mut order.action else { unreachable!() };
    rows[0].values[1] = Operand::Returned { statement: 0, row: 1, column: 0 };
    let receipt = store.commit(vec![insert, order]).await.unwrap();
    let returned = receipt.results[0].returned.as_ref().unwrap();
    let ids: Vec<&Value> = returned.rows.iter().map(|row| &row[0]).collect();
    assert_eq!(ids, [&Value::Int(7), &Value::Int(3), &Value::Int(5)]);
    assert_eq!(returned.columns[2], ("created".to_owned(), SqlType::TimestampTz));
    assert_eq!(returned.rows[0][1], Value::from("none"));
    assert!(returned.rows.windows(2).all(|pair| pair[0][2] == pair[1][2]), "now() is the transaction's start");
    assert!(matches!(returned.rows[0][2], Value::TimestampTz(t) if t >= NOON));
    let order = store.check("orders", &[("account", Operator::Eq, 3.into())]);
    assert_eq!(store.commit(vec![expecting(order, 1)]).await.unwrap().results[0].rows, 1);

    let mut wrong = store.insert("orders", &[&[("id", 2.into()), ("account", Value::Null)]]);
    let CheckedAction::Insert { rows, .. } = &mut wrong.action else { unreachable!() };
    rows[0].values[1] = Operand::Returned { statement: 0, row: 1, column: 0 };
    let update = returning(store.update("accounts", 99, &[("note", Assign::Default)]), &[0]);
    assert_eq!(store.commit(vec![update, wrong]).await.unwrap_err().code(), "22023");
}

#[tokio::test]
async fn upserts_update_or_ignore_and_touch() {
    let store = store().await;
    store.commit(vec![store.account(1)]).await.unwrap();
    let again = || store.insert("accounts", &[&[("id", 1.into()), ("email", "new".into())]]);
    let ignored = store.commit(vec![upsert(again(), None)]).await.unwrap();
    assert_eq!(ignored.results[0].rows, 0);
    let updated = store.commit(vec![returning(upsert(again(), Some(&[1])), &[1, 6])]).await.unwrap();
    let row = &updated.results[0].returned.as_ref().unwrap().rows[0];
    assert_eq!(row[0], Value::from("new"));
    assert!(matches!(row[1], Value::TimestampTz(t) if t > NOON), "touched: {row:?}");
    let changes = store.changes().await;
    assert_eq!(shown(&changes), ["schema", "insert accounts 1", "update accounts 1"]);
}

#[tokio::test]
async fn an_update_touches_once_and_a_default_is_set() {
    let store = store().await;
    store.commit(vec![store.account(1)]).await.unwrap();
    let set = [("note", Assign::Set(Operand::Value("x".into())))];
    let receipt = store.commit(vec![returning(store.update("accounts", 1, &set), &[6])]).await.unwrap();
    let touched = receipt.results[0].returned.as_ref().unwrap().rows[0][0].clone();
    assert!(matches!(touched, Value::TimestampTz(t) if t > NOON));
    let changes = store.changes().await;
    assert_eq!(changes.len(), 3);
    assert_eq!(changes[2].after.as_ref().unwrap()[6], touched);
    let reset = returning(store.update("accounts", 1, &[("note", Assign::Default)]), &[4]);
    let receipt = store.commit(vec![reset]).await.unwrap();
    assert_eq!(receipt.results[0].returned.as_ref().unwrap().rows[0][0], Value::from("none"));
}

#[tokio::test]
async fn conditions_compare_as_postgresql_does() {
    let store = store().await;
    let numeric = |text: &str| Value::Numeric(text.parse().unwrap());
    for (id, amount, note) in [(1, "9.50", "Abc"), (2, "10.00", "abc"), (3, "-2.00", "a%c")] {
        let row = [
            ("id", Value::Int(id)),
            ("email", id.to_string().into()),
            ("amount", numeric(amount)),
            ("note", note.into()),
        ];
        store.commit(vec![store.insert("accounts", &[&row])]).await.unwrap();
    }
    for (column, operator, value, rows) in [
        ("amount", Operator::Gt, numeric("9.5"), 1),
        ("amount", Operator::Eq, numeric("10"), 1),
        ("amount", Operator::Lt, numeric("0"), 1),
        ("amount", Operator::In, numeric("9.500"), 1),
        ("note", Operator::Like, "a%".into(), 2),
        ("note", Operator::Ilike, "A%".into(), 3),
        ("note", Operator::Like, r"a\%c".into(), 1),
        ("note", Operator::Neq, "abc".into(), 2),
        ("updated_at", Operator::Is, Value::Null, 3),
        ("id", Operator::In, 2.into(), 1),
        ("id", Operator::Lte, 2.into(), 2),
    ] {
        let check = store.check("accounts", &[(column, operator, value.clone())]);
        let found = store.commit(vec![check]).await.unwrap().results[0].rows;
        assert_eq!(found, rows, "{column} {operator:?} {value:?}");
    }
    let mut none = store.check("accounts", &[("id", Operator::In, 1.into())]);
    let CheckedAction::Check { filter } = &mut none.action else { unreachable!() };
    filter[0].operands.clear();
    assert_eq!(store.commit(vec![none]).await.unwrap().results[0].rows, 0);
}

#[tokio::test]
async fn rows_of_one_insert_may_point_at_later_ones() {
    let store = store().await;
    let child: [(&str, Value); 2] = [("id", 1.into()), ("parent", 2.into())];
    let parent: [(&str, Value); 2] = [("id", 2.into()), ("parent", Value::Null)];
    let receipt = store.commit(vec![returning(store.insert("nodes", &[&child, &parent]), &[0])]).await.unwrap();
    assert_eq!(receipt.results[0].rows, 2);
    assert_eq!(receipt.results[0].returned.as_ref().unwrap().rows[0][0], Value::Int(1));
}

#[tokio::test]
async fn a_key_has_one_effect_under_a_hundred_requests_at_once() {
    let store = Arc::new(store().await);
    let add = |store: &crate::support::Store| {
        vec![store.update("accounts", 1, &[("balance", Assign::Add(Operand::Value(1.into())))])]
    };
    store.commit(vec![store.account(1)]).await.unwrap();
    let requests: Vec<_> = (0..100)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.commit_with(add(&store), idempotent("k", 1)).await.unwrap() })
        })
        .collect();
    let mut receipts = Vec::new();
    for request in requests {
        receipts.push(request.await.unwrap());
    }
    assert_eq!(receipts.iter().filter(|r| !r.replayed).count(), 1);
    assert!(receipts.iter().all(|r| r.position == receipts[0].position && r.results == receipts[0].results));
    let one = store.check("accounts", &[("balance", Operator::Eq, 1.into())]);
    assert_eq!(store.commit(vec![one]).await.unwrap().results[0].rows, 1);

    let reused = store.commit_with(add(&store), idempotent("k", 2)).await.unwrap_err();
    assert_eq!(reused.code(), code::KEY_REUSED);
}

#[tokio::test]
async fn a_key_is_kept_with_its_effect_and_not_with_a_refusal() {
    let mut store = store().await;
    let refused = vec![store.account(1), expecting(store.delete("accounts", 9), 1)];
    assert_eq!(store.commit_with(refused, idempotent("k", 1)).await.unwrap_err().code(), code::EXPECT_FAILED);
    let first = store.commit_with(vec![store.account(1)], idempotent("k", 2)).await.unwrap();
    store.reopen().await;
    let replay = store.commit_with(vec![store.account(1)], idempotent("k", 2)).await.unwrap();
    assert!(replay.replayed);
    assert_eq!((replay.position, &replay.results), (first.position, &first.results));
}

#[tokio::test]
async fn a_key_expires() {
    let store = store().await;
    let mut key = idempotent("k", 1);
    key.as_mut().unwrap().keep = Duration::from_secs(1);
    store.commit_with(vec![store.account(1)], key).await.unwrap();
    // The clock of these tests moves a second at every look.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let again = store.commit_with(vec![store.account(2)], idempotent("k", 2)).await.unwrap();
    assert!(!again.replayed);
}

#[tokio::test]
async fn a_closed_truth_has_finished_its_queue_and_takes_nothing_more() {
    let store = Arc::new(store().await);
    let commits: Vec<_> = (1..=50)
        .map(|id| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.commit(vec![store.account(id)]).await })
        })
        .collect();
    tokio::task::yield_now().await;
    store.truth.close().await;
    let mut acknowledged = 0;
    for commit in commits {
        match commit.await.unwrap() {
            Ok(_) => acknowledged += 1,
            Err(e) => assert_eq!(e.code(), code::UNAVAILABLE),
        }
    }
    assert_eq!(store.commit(vec![store.account(99)]).await.unwrap_err().code(), code::UNAVAILABLE);
    let rows: i64 = store.outside().query_row("SELECT count(*) FROM accounts", [], |r| r.get(0)).unwrap();
    assert_eq!(rows, acknowledged);
    assert!(!store.path().with_extension("db-wal").exists(), "a closed store is one file");
}
