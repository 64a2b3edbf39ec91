//! Every mistake that the model can know is found, with its statement and field, and all of them at once.

use super::*;
use crate::{
    commit::{Builder, Row, filter},
    data::{Condition, Input, Json, JsonValue, Operator, SqlType, Value, Where},
    engine::{Operand, Predicate},
    schema::{Column, EnumType, KeyConstraint},
};

fn column(name: &str, ty: SqlType, nullable: bool) -> Column {
    Column { name: name.to_owned(), ty, nullable, default: None, generated: None, identity: None }
}

fn model() -> Arc<Model> {
    let key = |name: &str, columns: Vec<usize>| KeyConstraint {
        name: name.to_owned(),
        columns,
        deferrable: crate::schema::Deferrable::No,
        nulls_not_distinct: false,
    };
    let table = Table {
        name: "accounts".into(),
        columns: vec![
            column("id", SqlType::Int, false),
            column("owner", SqlType::VarChar(5), false),
            column("balance", SqlType::Numeric { precision: Some(6), scale: 2 }, true),
            column("tier", SqlType::Enum("tier".into()), true),
            column("meta", SqlType::Jsonb, true),
            column("open", SqlType::Bool, true),
        ],
        primary_key: Some(key("accounts_pkey", vec![0])),
        uniques: vec![key("accounts_owner_key", vec![1])],
        foreign_keys: Vec::new(),
        checks: Vec::new(),
        indexes: Vec::new(),
        settings: crate::schema::TableSettings::default(),
    };
    let mut model = Model::default();
    model.enums.insert("tier".into(), EnumType { labels: vec!["free".into(), "pro".into()] });
    model.tables.insert("accounts".into(), Arc::new(table));
    Arc::new(model)
}

fn record(text: &str) -> Record {
    let JsonValue::Object(entries) = Json::parse(text.as_bytes()).unwrap().value else { panic!("{text}") };
    entries.into_iter().map(|(key, value)| (key.name, Input::Json(value))).collect()
}

fn conditions(text: &str) -> Where {
    let conditions = record(text).into_iter().map(|(column, input)| Condition { column, input }).collect();
    Where { conditions, all: false }
}

fn insert(row: &str) -> Statement {
    Statement::Insert { table: "accounts".into(), rows: vec![record(row)], returning: vec!["id".into()], expect: None }
}

fn update(filter: &str, set: &str) -> Statement {
    Statement::Update {
        table: "accounts".into(),
        filter: conditions(filter),
        set: record(set),
        returning: Vec::new(),
        expect: None,
    }
}

fn run(statements: Vec<Statement>) -> Result<CheckedTransaction> {
    check(Transaction { statements }, &model(), Limits::default())
}

#[test]
fn each_mistake_has_its_field_and_code() {
    let whole = r#"{"id": 1, "owner": "a"}"#;
    let cases: Vec<(Statement, &str, &str)> = vec![
        (insert(r#"{"id": 1}"#), "rows[0].owner", "23502"),
        (insert(r#"{"id": 1, "owner": null}"#), "rows[0].owner", "23502"),
        (insert(r#"{"id": "x", "owner": "a"}"#), "rows[0].id", "22P02"),
        (insert(r#"{"id": 1, "owner": "abcdef"}"#), "rows[0].owner", "22001"),
        (insert(r#"{"id": 1, "owner": "a", "balance": 10000}"#), "rows[0].balance", "22003"),
        (insert(r#"{"id": 1, "owner": "a", "tier": "gold"}"#), "rows[0].tier", "22P02"),
        (insert(r#"{"id": 1, "owner": "a", "color": 1}"#), "rows[0].color", "42703"),
        (insert(r#"{"id": 1, "owner": "a", "balance": {"add": 1}}"#), "rows[0].balance", "22P02"),
        (update(r#"{"id": 1}"#, r#"{"owner": {"add": 1}}"#), "set.owner", "22P02"),
        (update(r#"{"id": 1}"#, r#"{"balance": {"add": "x"}}"#), "set.balance", "22P02"),
        (update(r#"{"id": 1}"#, r#"{"owner": null}"#), "set.owner", "23502"),
        (update(r#"{"id": 1}"#, "{}"), "set", "BRG400"),
        (update("{}", r#"{"owner": "b"}"#), "where", "BRG400"),
        (update(r#"{"id": {"gte": 1, "lt": 2}}"#, r#"{"owner": "b"}"#), "where.id", "BRG400"),
        (update(r#"{"id": {"gtt": 1}}"#, r#"{"owner": "b"}"#), "where.id", "BRG400"),
        (update(r#"{"id": {"gt": null}}"#, r#"{"owner": "b"}"#), "where.id", "BRG400"),
        (update(r#"{"id": {"in": 1}}"#, r#"{"owner": "b"}"#), "where.id", "BRG400"),
        (update(r#"{"id": {"like": "a%"}}"#, r#"{"owner": "b"}"#), "where.id", "42883"),
        (update(r#"{"owner": {"is": true}}"#, r#"{"owner": "b"}"#), "where.owner", "BRG400"),
    ];
    for (statement, field, code) in cases {
        let shown = format!("{statement:?}");
        let error = run(vec![insert(whole), statement]).unwrap_err();
        let [problem] = error.get_problems() else { panic!("{shown}: {:?}", error.get_problems()) };
        assert_eq!((problem.statement, problem.field.as_deref(), &*problem.code), (1, Some(field), code), "{shown}");
        assert_eq!((error.code(), error.message()), (code, &*problem.message), "{shown}");
    }
}

#[test]
fn all_problems_come_at_once() {
    let unknown = Statement::Delete {
        table: "account".into(),
        filter: Where::all(),
        returning: Vec::new(),
        expect: Some(Expect { min: 2, max: 1 }),
    };
    let error = run(vec![insert(r#"{"id": true, "owner": 5, "x": 1}"#), unknown]).unwrap_err();
    let found: Vec<(usize, &str)> = error.get_problems().iter().map(|p| (p.statement, &*p.code)).collect();
    assert_eq!(found, [(0, "22P02"), (0, "22P02"), (0, "42703"), (1, "42P01")]);
}

#[test]
fn what_is_right_becomes_typed() {
    let statement = update(
        r#"{"id": {"in": [1, 2]}, "balance": null, "owner": {"like": "%longer than five%"}}"#,
        r#"{"balance": {"add": -5}, "meta": {"add": 1}, "tier": {"default": true}}"#,
    );
    let checked = run(vec![statement]).unwrap();
    let CheckedAction::Update { filter, set } = &checked.statements[0].action else { panic!() };
    let operators: Vec<(usize, Operator)> = filter.iter().map(|p: &Predicate| (p.column, p.operator)).collect();
    assert_eq!(operators, [(0, Operator::In), (2, Operator::Is), (1, Operator::Like)]);
    let meta = Assign::Set(Operand::Value(Value::Json("{\"add\": 1}".into())));
    assert!(matches!(&set[..], [(2, Assign::Add(_)), (4, m), (3, Assign::Default)] if *m == meta), "{set:?}");
}

#[test]
fn returned_values_must_come_from_an_earlier_statement_of_the_same_type() {
    let refer = |statement: usize, column: &str| {
        insert(&format!(
            r#"{{"id": {{"returned": {{"statement": {statement}, "row": 0, "column": "{column}"}}}}, "owner": "b"}}"#
        ))
    };
    let first = || insert(r#"{"id": 1, "owner": "a"}"#);
    assert!(run(vec![first(), refer(0, "id")]).is_ok());
    for (transaction, code) in [
        (vec![first(), refer(1, "id")], "BRG400"),
        (vec![first(), refer(0, "owner")], "BRG400"),
        (vec![refer(0, "id")], "BRG400"),
    ] {
        assert_eq!(run(transaction).unwrap_err().code(), code);
    }
}

#[test]
fn limits_are_named() {
    let many = vec![insert("{}"); 10_001];
    let error = run(many).unwrap_err();
    assert_eq!(error.code(), "BRG413");
    assert!(error.get_details().unwrap().contains("10000"));
    assert_eq!(run(Vec::new()).unwrap_err().code(), "BRG400");
}

#[test]
fn an_upsert_needs_a_unique_constraint() {
    let upsert = |on: &[&str]| {
        let row = Row::new().set("id", 1).set("owner", "a").set("balance", "1.5");
        check(Builder::new().upsert("accounts", on, [row]).build(), &model(), Limits::default())
    };
    let update = |checked: CheckedTransaction| match &checked.statements[0].action {
        CheckedAction::Insert { conflict: Some(c), .. } => c.update.clone(),
        _ => None,
    };
    assert_eq!(update(upsert(&[]).unwrap()), Some(vec![1, 2]));
    assert_eq!(update(upsert(&["owner"]).unwrap()), Some(vec![0, 2]));
    assert_eq!(upsert(&["balance"]).unwrap_err().code(), "42P10");
    let update = Builder::new().update("accounts", filter("id", 1), Row::new().add("balance", 2).set_default("tier"));
    assert!(check(update.build(), &model(), Limits::default()).is_ok());
}
