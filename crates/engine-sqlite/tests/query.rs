//! Raw SQL.

use brigade_core::{
    data::{Value, code},
    engine::Truth,
};

use crate::support::{shown, store};

#[tokio::test]
async fn reads_have_the_models_types_and_a_bound() {
    let store = store().await;
    for id in 1..=3 {
        store.commit(vec![store.account(id)]).await.unwrap();
    }
    let sql = "SELECT a.id, created, count(*) AS n, upper(email) FROM accounts a GROUP BY a.id ORDER BY a.id; -- end";
    let result = store.truth.query(sql, false, 2).await.unwrap();
    assert_eq!(result.columns, ["id", "created", "n", "upper(email)"]);
    assert_eq!((result.rows.len(), result.affected), (2, None));
    assert!(matches!(result.rows[0].as_slice(), [Value::Int(1), Value::TimestampTz(_), Value::Int(1), Value::Text(_)]));
}

#[tokio::test]
async fn writes_need_leave_and_are_captured() {
    let store = store().await;
    let sql = "INSERT INTO nodes(id) VALUES(1), (2) RETURNING id";
    assert_eq!(store.truth.query(sql, false, 10).await.unwrap_err().code(), code::READ_ONLY);
    let result = store.truth.query(sql, true, 10).await.unwrap();
    assert_eq!((result.rows.len(), result.affected), (2, Some(2)));
    let changes = store.changes().await;
    assert_eq!(shown(&changes), ["schema", "insert nodes 1", "insert nodes 2"]);
    assert_eq!(changes[1].transaction.position, changes[2].position);
}

#[tokio::test]
async fn what_reaches_past_a_statement_is_refused() {
    let store = store().await;
    for (sql, write, expected) in [
        ("BEGIN", true, code::TRANSACTION_STATE),
        ("SAVEPOINT x", false, code::TRANSACTION_STATE),
        ("INSERT OR ROLLBACK INTO nodes(id) VALUES(1)", true, code::TRANSACTION_STATE),
        ("PRAGMA foreign_keys = OFF", true, code::PRIVILEGE),
        ("ATTACH 'x.db' AS x", true, code::PRIVILEGE),
        ("CREATE TABLE t(a)", true, code::PRIVILEGE),
        ("DELETE FROM brigade_log", true, code::PRIVILEGE),
        ("SELECT 1; SELECT 2", false, code::SYNTAX),
        ("SELEC 1", false, code::SYNTAX),
        ("", false, code::SYNTAX),
        ("SELECT * FROM nowhere", false, code::UNKNOWN_TABLE),
        ("SELECT missing FROM nodes", false, code::UNKNOWN_COLUMN),
        ("INSERT INTO nodes(id) VALUES('x')", true, code::INVALID_TEXT),
        ("INSERT INTO orders(id, later) VALUES(1, 99)", true, code::FOREIGN_KEY),
    ] {
        let error = store.truth.query(sql, write, 10).await.unwrap_err();
        assert_eq!(error.code(), expected, "{sql}: {error}");
    }
    store.commit(vec![store.account(1)]).await.unwrap();
}

#[tokio::test]
async fn mistakes_are_told_in_the_words_of_a_transaction() {
    let store = store().await;
    store.commit(vec![store.account(1)]).await.unwrap();
    let account = |columns: &str, values: &str| format!("INSERT INTO accounts(id, {columns}) VALUES({values})");
    for (sql, expected, words) in [
        ("SELEC", code::SYNTAX, "syntax error at or near \"SELEC\""),
        ("SELECT", code::SYNTAX, "syntax error at end of input"),
        ("SELECT 'ä' FROM nowhere", code::UNKNOWN_TABLE, "relation \"nowhere\" does not exist"),
        ("SELECT missing FROM nodes", code::UNKNOWN_COLUMN, "column \"missing\" does not exist"),
        ("SELECT \"missing\" FROM nodes", code::UNKNOWN_COLUMN, "column \"missing\" does not exist"),
        (
            "INSERT INTO nodes(id, missing) VALUES(1, 2)",
            code::UNKNOWN_COLUMN,
            "column \"missing\" of relation \"nodes\" does not exist",
        ),
        (
            &account("email", "2, NULL"),
            code::NOT_NULL,
            "null value in column \"email\" of relation \"accounts\" violates not-null constraint",
        ),
        (
            &account("email", "1, 'other'"),
            code::UNIQUE,
            "duplicate key value violates unique constraint \"accounts_pkey\"",
        ),
        (
            &account("email, balance", "2, 'b', -1"),
            code::CHECK,
            "new row for relation \"accounts\" violates check constraint \"balance_not_negative\"",
        ),
        (&account("email, created", "2, 'b', 'soon'"), "22007", "value refused for column \"created\""),
        ("INSERT INTO orders(id, account) VALUES(1, 99)", code::FOREIGN_KEY, "a foreign key is violated"),
        ("INSERT INTO orders(id, later) VALUES(1, 99)", code::FOREIGN_KEY, "a foreign key is violated"),
    ] {
        let error = store.truth.query(sql, sql.starts_with("INSERT"), 10).await.unwrap_err();
        assert_eq!((error.code(), error.to_string().as_str()), (expected, words), "{sql}");
    }
    let misplaced = store.truth.query("SELECT 'ä' FORM nodes", false, 10).await.unwrap_err();
    assert_eq!(misplaced.get_details(), Some("at character 17"), "{misplaced:?}");
}
