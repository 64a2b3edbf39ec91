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

/// What only the database finds comes alone: with its statement, its field where there is one, and PostgreSQL's words.
pub(super) async fn what_the_database_finds_names_its_statement(f: Fixture) {
    let account = |id: i32, owner: &str| row().set("id", id).set("owner", owner);
    let entry = |id: i32, account: i32| row().set("id", id).set("account_id", account).set("amount", 1);
    f.commit(Builder::new().insert("accounts", account(1, "a"))).await;
    f.commit(Builder::new().insert("pairs", row().set("id", 1).set("other", 1))).await;
    let first = || Builder::new().insert("marks", row().set("note", "first"));
    let cases: Vec<(Builder, &str, Option<&str>, &str)> = vec![
        (first().insert("accounts", account(1, "b")), "23505", Some("id"), "Key (id)=(1) already exists."),
        (first().insert("accounts", account(2, "a")), "23505", Some("owner"), "Key (owner)=(a) already exists."),
        (
            first().insert("entries", entry(1, 99)),
            "23503",
            Some("account_id"),
            "Key (account_id)=(99) is not present in table \"accounts\".",
        ),
        (
            first().insert("pairs", row().set("id", 2).set("other", 3)),
            "23503",
            Some("other"),
            "Key (other)=(3) is not present in table \"pairs\".",
        ),
        (
            first().insert("accounts", account(2, "b").set("balance", "-1.00")),
            "23514",
            None,
            "table accounts, constraint accounts_balance_check",
        ),
        (
            first().check("accounts", filter("id", 7)).expect(1),
            "BRG409",
            None,
            "statement 1 affected 0 rows, expected 1",
        ),
    ];
    let mut told: Vec<String> = Vec::new();
    for (builder, code, field, details) in cases {
        let error = f.refused(builder).await;
        let [problem] = error.get_problems() else { panic!("one problem: {}", show(&error)) };
        assert_eq!((error.code(), problem.code.as_ref()), (code, code), "{}", show(&error));
        assert_eq!((problem.statement, problem.field.as_deref()), (1, field), "{}", show(&error));
        assert_eq!(error.get_details(), Some(details), "{}", show(&error));
        told.push(error.message().to_owned());
    }
    assert_eq!(
        told[..5],
        [
            "duplicate key value violates unique constraint \"accounts_pkey\"",
            "duplicate key value violates unique constraint \"accounts_owner_key\"",
            "insert or update on table \"entries\" violates foreign key constraint \"entries_account_id_fkey\"",
            "insert or update on table \"pairs\" violates foreign key constraint \"pairs_other_fkey\"",
            "new row for relation \"accounts\" violates check constraint \"accounts_balance_check\"",
        ]
    );
}
