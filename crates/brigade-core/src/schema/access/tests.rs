//! What is open and what is closed, by cases.

use super::*;
use crate::data::{Credential, SERVICE};
use crate::schema::{Config, MigrationFile, Model, migrations};

const RULES: &str = r#"
    [auth]
    [access.anon]
    "posts" = ["select"]
    "users" = { select = ["id", "name"], insert = ["name", "email"], delete = true }
    [access.editor]
    "*" = "all"
    "secrets" = []
    [access.reader]
    "*" = ["select"]
    [access.mailer]
    "users" = { select = ["email"] }
"#;

fn asks(roles: &[&str]) -> Principal {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    Principal { credential: Credential::Token, roles, ..Principal::default() }
}

#[test]
fn what_is_not_named_is_closed() {
    let access = Config::parse(RULES, "p", &|_| None).unwrap().access;
    let check = |roles: &[&str], table: &str, verb: Verb, touched: Touched<'_>, allowed: bool| {
        let answer = access.of(&asks(roles)).allow(table, verb, touched);
        assert_eq!(answer.is_ok(), allowed, "{roles:?} {verb:?} {table} {touched:?}: {answer:?}");
        if let Err(refused) = answer {
            assert_eq!(refused.code(), code::PRIVILEGE);
        }
    };
    use Touched::{Columns, Every};
    const ALL: Touched<'static> = Every(&["id", "name", "email"]);
    use Verb::{Delete, Insert, Select, Update};
    for (roles, table, verb, touched, allowed) in [
        (&["anon"][..], "posts", Select, ALL, true),
        (&["anon"], "posts", Select, Columns(&["x"]), true),
        (&["anon"], "posts", Insert, Columns(&[]), false),
        (&["anon"], "post", Select, Columns(&[]), false),
        (&["anon"], "POSTS", Select, Columns(&[]), false),
        (&["anon"], "*", Select, ALL, false),
        (&["anon"], "users", Select, Columns(&["id", "name"]), true),
        (&["anon"], "users", Select, Columns(&[]), true),
        (&["anon"], "users", Select, Columns(&["id", "email"]), false),
        (&["anon"], "users", Select, Columns(&["nothing"]), false),
        (&["anon"], "users", Select, ALL, false),
        (&["anon"], "users", Select, Every(&["name", "id"]), true),
        (&["anon"], "users", Insert, Columns(&["email", "name"]), true),
        (&["anon"], "users", Insert, Columns(&["id"]), false),
        (&["anon"], "users", Update, Columns(&["name"]), false),
        (&["anon"], "users", Delete, Columns(&[]), true),
        (&["editor"], "posts", Delete, Columns(&[]), true),
        (&["editor"], "posts", Update, ALL, true),
        (&["editor"], "secrets", Select, Columns(&[]), false),
        (&["reader"], "secrets", Select, ALL, true),
        (&["reader"], "secrets", Delete, Columns(&[]), false),
        (&["anon", "mailer"], "users", Select, Columns(&["id", "email"]), true),
        (&["anon", "mailer"], "users", Select, ALL, true),
        (&["mailer"], "users", Select, Columns(&["id", "email"]), false),
        (&["Anon"], "posts", Select, ALL, false),
        (&["nobody"], "posts", Select, ALL, false),
        (&[], "posts", Select, ALL, false),
        (&[SERVICE], "anything", Delete, ALL, true),
    ] {
        check(roles, table, verb, touched, allowed);
    }
}

#[test]
fn without_auth_nothing_is_closed() {
    let access = Config::parse("", "p", &|_| None).unwrap().access;
    access.of(&Principal::default()).allow("users", Verb::Delete, Touched::Every(&["id"])).unwrap();
}

/// Whether the table or the column is there makes no difference to who may not touch it.
#[test]
fn a_refusal_names_what_the_caller_wrote_and_no_more() {
    let access = Config::parse(RULES, "p", &|_| None).unwrap().access;
    let anon = asks(&["anon"]);
    for (table, touched, details) in [
        ("users", Touched::Columns(&["id", "email"]), "not open: select of column \"email\""),
        ("users", Touched::Every(&["id", "email"]), "not open: select of every column"),
        ("nowhere", Touched::Columns(&["id"]), "not open: select"),
        ("nowhere", Touched::Every(&[]), "not open: select"),
    ] {
        let refused = access.of(&anon).allow(table, Verb::Select, touched).unwrap_err();
        assert_eq!(refused.message(), format!("permission denied for table {table:?}"));
        assert_eq!(refused.get_details(), Some(details));
    }
}

/// A right to what is not there is a mistake, found when the project opens.
#[test]
fn rights_name_what_is_there() {
    let text = "CREATE TABLE users (id int PRIMARY KEY, name text); CREATE VIEW v AS SELECT id FROM users;".to_owned();
    let files = migrations(vec![MigrationFile { name: "0001_t.sql".to_owned(), text }]).unwrap();
    let model = Model::default().apply(&files[0]).unwrap();
    for (rights, expected) in [
        ("users = { select = [\"id\"] }", Ok(())),
        ("v = [\"select\"]", Ok(())),
        ("\"*\" = \"all\"", Ok(())),
        ("uesrs = \"all\"", Err(("there is no table or view \"uesrs\"", "did you mean \"users\"?"))),
        ("users = { select = [\"nmae\"] }", Err(("table \"users\" has no column \"nmae\"", "did you mean \"name\"?"))),
    ] {
        let config = Config::parse(&format!("[auth]\n[access.a]\n{rights}"), "p", &|_| None).unwrap();
        let laid = model.with_settings(&config).map(|_| ());
        let found = laid.as_ref().map_err(|e| (e.message(), e.get_hint().unwrap_or_default()));
        match expected {
            Ok(()) => assert_eq!(found, Ok(&()), "{rights}"),
            Err((message, hint)) => {
                assert_eq!(found, Err((&*format!("brigade.toml:3:1: {message}"), hint)), "{rights}")
            }
        }
    }
}
