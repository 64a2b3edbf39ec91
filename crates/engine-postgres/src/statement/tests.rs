//! A checked statement reads in SQL as it is meant, with its guards compiled in.

use std::sync::Arc;

use brigade_core::{
    data::{Error, Expect},
    engine::{CheckedRow, Conflict},
    schema::{Column, Deferrable, KeyConstraint, TableSettings},
};

use super::*;

fn table() -> Arc<Table> {
    let column = |name: &str, ty| Column {
        name: name.to_owned(),
        ty,
        nullable: true,
        default: None,
        generated: None,
        identity: None,
    };
    Arc::new(Table {
        name: "t".to_owned(),
        columns: vec![
            column("id", SqlType::Int),
            column("v", SqlType::VarChar(3)),
            column("l", SqlType::Array(Box::new(SqlType::Text))),
        ],
        primary_key: Some(KeyConstraint {
            name: "t_pkey".to_owned(),
            columns: vec![0],
            deferrable: Deferrable::No,
            nulls_not_distinct: false,
        }),
        uniques: Vec::new(),
        foreign_keys: Vec::new(),
        checks: Vec::new(),
        indexes: Vec::new(),
        settings: TableSettings::default(),
    })
}

fn value(v: impl Into<Value>) -> Operand {
    Operand::Value(v.into())
}

fn rows(columns: &[usize], rows: &[&[Operand]]) -> Vec<CheckedRow> {
    let columns: Arc<[usize]> = columns.into();
    rows.iter().map(|r| CheckedRow { columns: columns.clone(), values: r.to_vec() }).collect()
}

fn statement(action: CheckedAction) -> CheckedStatement {
    CheckedStatement { table: table(), action, returning: None, expect: None, planned: None }
}

fn texts(statement: &CheckedStatement) -> Vec<String> {
    let resolve = |operand: &Operand| match operand {
        Operand::Value(value) => Ok(value.clone()),
        Operand::Returned { .. } => Err(Error::internal("not here")),
    };
    compile(statement, &resolve).unwrap().into_iter().map(|sql| sql.text).collect()
}

fn predicate(column: usize, operator: Operator, operands: Vec<Operand>) -> Predicate {
    Predicate { column, operator, operands }
}

#[test]
fn statements_become_sql() {
    let insert = |rows, conflict| statement(CheckedAction::Insert { rows, conflict });
    let one = || rows(&[0, 1], &[&[value(1), value("a")]]);
    for (statement, expected) in [
        (insert(one(), None), r#"INSERT INTO "t" ("id", "v") VALUES ($1::integer, $2::varchar)"#),
        (
            insert(rows(&[0], &[&[value(1)], &[value(2)]]), None),
            r#"INSERT INTO "t" ("id") SELECT v0::integer FROM unnest($1::text[]) AS r(v0)"#,
        ),
        (insert(rows(&[], &[&[]]), None), r#"INSERT INTO "t" SELECT FROM generate_series(1, $1::bigint)"#),
        (
            insert(one(), Some(Conflict { target: vec![0], update: Some(vec![1]) })),
            r#"INSERT INTO "t" ("id", "v") VALUES ($1::integer, $2::varchar) ON CONFLICT ("id") DO UPDATE SET "v" = excluded."v""#,
        ),
        (
            insert(one(), Some(Conflict { target: vec![0], update: None })),
            r#"INSERT INTO "t" ("id", "v") VALUES ($1::integer, $2::varchar) ON CONFLICT ("id") DO NOTHING"#,
        ),
        (
            statement(CheckedAction::Update {
                filter: vec![
                    predicate(1, Operator::Is, vec![value(Value::Null)]),
                    predicate(0, Operator::Gte, vec![value(3)]),
                ],
                set: vec![(0, Assign::Add(value(1))), (1, Assign::Default)],
            }),
            r#"UPDATE "t" SET "id" = "id" + $1::integer, "v" = DEFAULT WHERE "v" IS NULL AND "id" >= $2::integer"#,
        ),
        (
            statement(CheckedAction::Delete { filter: vec![predicate(0, Operator::In, vec![value(1), value(2)])] }),
            r#"DELETE FROM "t" WHERE "id" = ANY(ARRAY(SELECT v::integer FROM unnest($1::text[]) AS r(v)))"#,
        ),
        (
            statement(CheckedAction::Check { filter: vec![predicate(1, Operator::Ilike, vec![value("a%")])] }),
            r#"SELECT count(*)::text FROM "t" WHERE "v" ILIKE $1::text"#,
        ),
    ] {
        assert_eq!(texts(&statement), [expected]);
    }
}

#[test]
fn a_guard_is_compiled_in_where_one_sql_statement_holds_it() {
    let mut delete = statement(CheckedAction::Delete { filter: vec![] });
    delete.expect = Some(Expect::exactly(1));
    let text = &texts(&delete)[0];
    assert!(
        text.starts_with(r#"WITH w AS (DELETE FROM "t" RETURNING 1) SELECT CASE WHEN count(*) BETWEEN 1 AND 1"#),
        "{text}"
    );
    delete.returning = Some([0].into());
    assert!(texts(&delete)[0].contains("SELECT w.here, w.c0 FROM g LEFT JOIN w"));
    let mut mixed = rows(&[0], &[&[value(1)]]);
    mixed.extend(rows(&[1], &[&[value("a")]]));
    let mut insert = statement(CheckedAction::Insert { rows: mixed, conflict: None });
    insert.expect = Some(Expect::exactly(2));
    assert!(texts(&insert).iter().all(|text| !text.contains(EXPECT)));
    assert_eq!(texts(&insert).len(), 2);
}

#[test]
fn only_what_writes_the_rows_it_looks_at_stands_alone() {
    let by_key = vec![predicate(0, Operator::Eq, vec![value(1)]), predicate(1, Operator::Eq, vec![value("a")])];
    let by_range = vec![predicate(0, Operator::Gt, vec![value(1)])];
    for (action, expected) in [
        (CheckedAction::Insert { rows: rows(&[0], &[&[value(1)]]), conflict: None }, true),
        (CheckedAction::Delete { filter: by_key.clone() }, true),
        (CheckedAction::Update { filter: by_key.clone(), set: vec![] }, true),
        (CheckedAction::Delete { filter: by_range }, false),
        (CheckedAction::Delete { filter: vec![] }, false),
        (CheckedAction::Check { filter: by_key }, false),
    ] {
        assert_eq!(stands_alone(&statement(action.clone())), expected, "{action:?}");
    }
}

#[test]
fn references_are_found_wherever_they_stand() {
    let returned = |statement| Operand::Returned { statement, row: 0, column: 0 };
    let filter = vec![predicate(0, Operator::Eq, vec![returned(2)])];
    for (action, expected) in [
        (CheckedAction::Insert { rows: rows(&[0, 1], &[&[returned(0), returned(1)]]), conflict: None }, Some(1)),
        (CheckedAction::Delete { filter: filter.clone() }, Some(2)),
        (CheckedAction::Update { filter, set: vec![(1, Assign::Set(returned(3)))] }, Some(3)),
        (CheckedAction::Check { filter: vec![] }, None),
    ] {
        assert_eq!(refers_to(&statement(action)), expected);
    }
}
