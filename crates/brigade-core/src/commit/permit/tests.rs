//! Which rights a statement asks for, by cases: each is tried with exactly those rights, and with each one of them missing.

use super::*;
use crate::{
    data::{Condition, Credential, Expect, Principal, ReturnedRef, Value},
    schema::{Config, Migration, MigrationFile, migrations},
};

fn model() -> Model {
    let text = "CREATE TABLE t (id int PRIMARY KEY, a int, b int UNIQUE);".to_owned();
    let files: Vec<Migration> = migrations(vec![MigrationFile { name: "0001_t.sql".to_owned(), text }]).unwrap();
    Model::default().apply(&files[0]).unwrap()
}

fn record(columns: &[&str]) -> Record {
    columns.iter().map(|column| ((*column).to_owned(), Input::Value(Value::Int(1)))).collect()
}

fn compare(columns: &[&str]) -> Where {
    let condition = |column: &&str| Condition { column: (*column).to_owned(), input: Input::Value(Value::Int(1)) };
    Where { conditions: columns.iter().map(condition).collect(), all: columns.is_empty() }
}

fn texts(columns: &[&str]) -> Vec<String> {
    columns.iter().map(|column| (*column).to_owned()).collect()
}

fn insert(rows: &[&[&str]], returning: &[&str]) -> Statement {
    let rows = rows.iter().map(|row| record(row)).collect();
    Statement::Insert { table: "t".to_owned(), rows, returning: texts(returning), expect: None }
}

fn upsert(row: &[&str], on: &[&str], action: Action, update: &[&str]) -> Statement {
    Statement::Upsert {
        table: "t".to_owned(),
        rows: vec![record(row)],
        on: texts(on),
        action,
        update: texts(update),
        returning: Vec::new(),
        expect: None,
    }
}

fn update(filter: &[&str], set: Record, returning: &[&str]) -> Statement {
    let (filter, returning) = (compare(filter), texts(returning));
    Statement::Update { table: "t".to_owned(), filter, set, returning, expect: None }
}

fn delete(filter: &[&str]) -> Statement {
    Statement::Delete { table: "t".to_owned(), filter: compare(filter), returning: Vec::new(), expect: None }
}

fn check_rows(filter: &[&str]) -> Statement {
    Statement::Check { table: "t".to_owned(), filter: compare(filter), expect: Some(Expect::exactly(1)) }
}

fn allowed(statement: &Statement, rights: &[(&str, &[&str])]) -> bool {
    let rights: Vec<String> = rights
        .iter()
        .map(
            |(verb, columns)| {
                if *verb == "delete" { "delete = true".to_owned() } else { format!("{verb} = {columns:?}") }
            },
        )
        .collect();
    let text = format!("[auth]\n[access.r]\nt = {{ {} }}", rights.join(", "));
    let access = Config::parse(&text, "p", &|_| None).unwrap().access;
    let principal = Principal { credential: Credential::Token, roles: texts(&["r"]), ..Principal::default() };
    let transaction = Transaction { statements: vec![statement.clone()] };
    permit(&transaction, access.of(&principal), &model()).is_ok()
}

fn check(statement: &Statement, needed: &[(&str, &[&str])]) {
    assert!(allowed(statement, needed), "{statement:?} asks for more than {needed:?}");
    for (at, (verb, columns)) in needed.iter().enumerate() {
        let mut less = needed.to_vec();
        less.remove(at);
        assert!(!allowed(statement, &less), "{statement:?} passes without {verb}");
        for column in 0..columns.len() {
            let rest: Vec<&str> = columns.iter().enumerate().filter(|(i, _)| *i != column).map(|(_, c)| *c).collect();
            let mut less = needed.to_vec();
            less[at].1 = &rest;
            assert!(!allowed(statement, &less), "{statement:?} passes without {verb} of {}", columns[column]);
        }
    }
}

#[test]
fn every_statement_needs_the_rights_that_it_uses() {
    check(&insert(&[&["a"], &["b"]], &[]), &[("insert", &["a", "b"])]);
    check(&insert(&[&["a"]], &["id"]), &[("insert", &["a"]), ("select", &["id"])]);
    check(&insert(&[&["a"]], &["*"]), &[("insert", &["a"]), ("select", &["id", "a", "b"])]);
    check(
        &upsert(&["id", "a"], &[], Action::Update, &[]),
        &[("insert", &["id", "a"]), ("update", &["a"]), ("select", &["id"])],
    );
    check(
        &upsert(&["id", "a", "b"], &["b"], Action::Update, &["a"]),
        &[("insert", &["id", "a", "b"]), ("update", &["a"]), ("select", &["b"])],
    );
    check(&upsert(&["id"], &[], Action::Ignore, &[]), &[("insert", &["id"]), ("select", &["id"])]);
    check(&update(&[], record(&["a"]), &[]), &[("update", &["a"])]);
    check(&update(&["id"], record(&["a"]), &["b"]), &[("update", &["a"]), ("select", &["id", "b"])]);
    let add = vec![("a".to_owned(), Input::Add(Value::Int(1)))];
    check(&update(&[], add, &[]), &[("update", &["a"]), ("select", &["a"])]);
    let add = crate::data::Json::parse(br#"{"add": 1}"#).unwrap();
    check(&update(&[], vec![("a".to_owned(), Input::Json(add))], &[]), &[("update", &["a"]), ("select", &["a"])]);
    let reference = Input::Returned(ReturnedRef { statement: 0, row: 0, column: "id".to_owned() });
    check(&update(&[], vec![("a".to_owned(), reference)], &[]), &[("update", &["a"])]);
    check(&delete(&[]), &[("delete", &[])]);
    check(&delete(&["a"]), &[("delete", &[]), ("select", &["a"])]);
    check(&check_rows(&["a", "b"]), &[("select", &["a", "b"])]);
    assert!(!allowed(&check_rows(&[]), &[("update", &["a"])]), "counting rows is reading them");
    assert!(allowed(&check_rows(&[]), &[("select", &["a"])]));
}

/// All refusals come at once, each with its statement, and a table that is not there looks like one that is closed.
#[test]
fn refusals_tell_the_statement_and_not_the_model() {
    let access = Config::parse("[auth]\n[access.r]\nt = [\"select\"]", "p", &|_| None).unwrap().access;
    let principal = Principal { credential: Credential::Token, roles: texts(&["r"]), ..Principal::default() };
    let mut nowhere = delete(&[]);
    if let Statement::Delete { table, .. } = &mut nowhere {
        "nowhere".clone_into(table);
    }
    let transaction = Transaction { statements: vec![delete(&["id"]), check_rows(&["id"]), nowhere] };
    let refused = permit(&transaction, access.of(&principal), &model()).unwrap_err();
    assert_eq!(refused.code(), "42501");
    let problems: Vec<(usize, &str)> = refused.get_problems().iter().map(|p| (p.statement, &*p.message)).collect();
    let closed = |table: &str| format!("permission denied for table \"{table}\": not open: delete");
    assert_eq!(problems, [(0, &*closed("t")), (2, &*closed("nowhere"))]);
}

/// A table that would be open is said not to be there, and no other is named instead of it.
#[test]
fn what_is_not_there_names_nothing_that_is_closed() {
    let access = Config::parse("[auth]\n[access.r]\n\"*\" = \"all\"\nt = []", "p", &|_| None).unwrap().access;
    let principal = Principal { credential: Credential::Token, roles: texts(&["r"]), ..Principal::default() };
    let mut near = delete(&[]);
    if let Statement::Delete { table, .. } = &mut near {
        "tt".clone_into(table);
    }
    let transaction = Transaction { statements: vec![near] };
    let refused = permit(&transaction, access.of(&principal), &model()).unwrap_err();
    assert_eq!((refused.code(), refused.get_hint()), ("42P01", None));
    permit(&transaction, Grants::EVERYTHING, &model()).unwrap();
}
