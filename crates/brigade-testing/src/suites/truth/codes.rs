//! The same mistake has the same code on every engine, and changes nothing.

use brigade_core::{
    commit::{Builder, Row, filter},
    data::Value,
};

use super::{Fixture, show};
use crate::suites::row;

pub(super) async fn the_same_mistake_has_the_same_code(f: Fixture) {
    let account = |id: i32, owner: &str| row().set("id", id).set("owner", owner);
    let entry = |id: i32, account: i32| row().set("id", id).set("account_id", account).set("amount", 1);
    f.commit(Builder::new().insert("accounts", account(1, "a"))).await;
    let insert = |table: &str, row: Row| Builder::new().insert(table, row);
    let cases: Vec<(&str, Builder)> = vec![
        ("23505", insert("accounts", account(1, "b"))),
        ("23505", insert("accounts", account(2, "a"))),
        ("23503", insert("entries", entry(1, 99))),
        ("23514", insert("accounts", account(2, "b").set("balance", "-1.00"))),
        ("23502", insert("accounts", row().set("id", 2))),
        ("22P02", insert("accounts", account(2, "b").set("state", "wild"))),
        ("22P02", insert("accounts", account(2, "b").set("hits", "x"))),
        ("22001", insert("accounts", account(2, "a name of more than twenty characters"))),
        ("22003", insert("accounts", account(2, "b").set("balance", "123456789.00"))),
        ("22P05", insert("accounts", account(2, "b").set("note", "a\0b"))),
        ("22008", insert("accounts", account(2, "b").set("opened", "2026-02-30T00:00:00Z"))),
        ("42703", insert("accounts", account(2, "b").set("colour", 1))),
        ("42P01", insert("acounts", account(2, "b"))),
        ("42P01", insert("brigade_log", row().set("seq", 1))),
        ("23514", Builder::new().update("accounts", filter("id", 1), row().add("balance", -1))),
        ("23503", insert("pairs", row().set("id", 1).set("other", 2))),
        ("BRG409", Builder::new().check("accounts", filter("id", 7)).expect(1)),
        ("22P02", Builder::new().check("accounts", filter("id", Value::Text("x".into())))),
    ];
    for (code, builder) in cases {
        let shown = format!("{builder:?}");
        let error = f.refused(builder).await;
        assert_eq!(error.code(), code, "{shown}: {}", show(&error));
        assert!(error.message().chars().next().is_some_and(|c| !c.is_uppercase()), "{}", show(&error));
    }
    let error = f.refused(insert("accounts", account(2, "a"))).await;
    assert!(format!("{error:?}").contains("accounts_owner_key"), "names the constraint: {}", show(&error));
    assert_eq!(f.rows("accounts").await.len(), 1, "nothing was changed");
}
