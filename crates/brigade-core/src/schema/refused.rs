//! What may not stand in a migration, whatever it would do: the rules about words, before anything is understood.
//!
//! Invariant: nothing in a migration can end its transaction, and no script for one engine changes a table that the
//! model knows.

use sqlparser::ast::{AlterTableOperation, AlterTypeOperation, ObjectType, Statement, TableConstraint};

use crate::data::{Error, Result, code};

use super::{
    SqlStatement,
    lex::{Quoting, Token, lex},
    misspelt::Misspelt,
    parse::starts,
    place::misplaced,
};

/// Which engine a script is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Engine {
    Any,
    Postgres,
    Sqlite,
}

/// Statements that begin, end or leave a transaction.
const CONTROL: [&[&str]; 12] = [
    &["BEGIN"],
    &["START", "TRANSACTION"],
    &["COMMIT"],
    &["END"],
    &["ROLLBACK"],
    &["ABORT"],
    &["SAVEPOINT"],
    &["RELEASE"],
    &["PREPARE", "TRANSACTION"],
    &["SET", "TRANSACTION"],
    &["SET", "LOCAL", "TRANSACTION"],
    &["SET", "SESSION", "CHARACTERISTICS"],
];

/// Statements that PostgreSQL does not run inside a transaction.
const OUTSIDE: [&[&str]; 6] = [
    &["VACUUM"],
    &["CREATE", "DATABASE"],
    &["DROP", "DATABASE"],
    &["ALTER", "SYSTEM"],
    &["CREATE", "TABLESPACE"],
    &["DROP", "TABLESPACE"],
];

/// Statements that would reach past the migration on SQLite.
const SQLITE: [&[&str]; 4] = [&["PRAGMA"], &["ATTACH"], &["DETACH"], &["VACUUM"]];

/// Words in a row that roll back the whole transaction on SQLite, neighbours included.
const SQLITE_ROLLBACK: [&[&str]; 3] = [&["RAISE", "(", "ROLLBACK"], &["CONFLICT", "ROLLBACK"], &["OR", "ROLLBACK"]];

/// How statements begin that may stand in a migration without being understood.
const OPAQUE: [&str; 16] = [
    "ALTER", "ANALYZE", "CALL", "CLUSTER", "COMMENT", "COPY", "CREATE", "DO", "DROP", "GRANT", "IMPORT", "LOCK",
    "REFRESH", "REINDEX", "REVOKE", "SECURITY",
];

/// What must be understood all the same, since the model would lose it.
const UNDERSTOOD: [&[&str; 2]; 11] = [
    &["CREATE", "TABLE"],
    &["CREATE", "INDEX"],
    &["CREATE", "TYPE"],
    &["CREATE", "VIEW"],
    &["ALTER", "TABLE"],
    &["ALTER", "TYPE"],
    &["ALTER", "INDEX"],
    &["DROP", "TABLE"],
    &["DROP", "INDEX"],
    &["DROP", "TYPE"],
    &["DROP", "VIEW"],
];

/// Whether a statement that the parser does not know may stand in a script for all engines.
pub(super) fn may_be_opaque(sql: &str) -> bool {
    let tokens = lex("", sql, Quoting::Postgres).unwrap_or_default();
    let known = tokens.first().is_some_and(|t| OPAQUE.iter().any(|w| t.is(sql, w)));
    known && Misspelt::find(sql).is_none() && !UNDERSTOOD.iter().any(|words| starts(sql, &tokens, words))
}

/// Refuses by words alone.
pub(super) fn check(file: &str, text: &str, statement: &SqlStatement, engine: Engine) -> Result<()> {
    let quoting = if engine == Engine::Sqlite { Quoting::Sqlite } else { Quoting::Postgres };
    let sql = statement.sql.as_str();
    let tokens = lex(file, sql, quoting)?;
    let refuse = |token: &Token, message: String| {
        misplaced(code::TRANSACTION_STATE, file, text, statement.at + token.start, message)
    };
    let Some(first) = tokens.first() else { return Ok(()) };
    if let Some(words) = CONTROL.iter().find(|words| in_a_row(sql, &tokens, words)) {
        let message = format!("{} in a migration", words.join(" "));
        return Err(refuse(first, message).hint("each migration is one transaction of its own: leave it out"));
    }
    let leaves = ["CREATE", "DROP", "REINDEX"].iter().any(|word| first.is(sql, word));
    let concurrently = tokens.iter().take(4).find(|t| t.is(sql, "CONCURRENTLY"));
    if let (Some(token), true) = (concurrently, leaves && engine != Engine::Sqlite) {
        let message = "CONCURRENTLY cannot run inside the transaction that a migration is".to_string();
        return Err(refuse(token, message)
            .hint("leave the word out; for a large table make the index by hand before, and write IF NOT EXISTS"));
    }
    let outside = if engine == Engine::Sqlite { SQLITE.as_slice() } else { OUTSIDE.as_slice() };
    if let Some(words) = outside.iter().find(|words| in_a_row(sql, &tokens, words)) {
        let message = format!("{} in a migration", words.join(" "));
        return Err(refuse(first, message).hint("it reaches past the migration's transaction: run it by hand"));
    }
    if engine == Engine::Sqlite { check_sqlite(file, text, statement, &tokens) } else { Ok(()) }
}

fn check_sqlite(file: &str, text: &str, statement: &SqlStatement, tokens: &[Token]) -> Result<()> {
    let sql = statement.sql.as_str();
    for i in 0..tokens.len() {
        if let Some(words) = SQLITE_ROLLBACK.iter().find(|words| in_a_row(sql, &tokens[i..], words)) {
            let message = format!("{} would roll back transactions of others, too", words.join(" "));
            return Err(misplaced(code::TRANSACTION_STATE, file, text, statement.at + tokens[i].start, message)
                .hint("use ABORT: it fails the one statement, and with it its transaction"));
        }
    }
    let temporary = tokens.get(1).is_some_and(|t| t.is(sql, "TEMP") || t.is(sql, "TEMPORARY"));
    let changed = [["CREATE", "TABLE"], ["ALTER", "TABLE"], ["DROP", "TABLE"]];
    match changed.iter().find(|words| starts(sql, tokens, words)) {
        Some(words) if !temporary => Err(lost(file, text, statement, &words.join(" "))),
        _ => Ok(()),
    }
}

/// Refuses in a script for PostgreSQL what the model would have to know.
pub(super) fn check_postgres(file: &str, text: &str, statement: &SqlStatement) -> Result<()> {
    let sql = statement.sql.as_str();
    let what = match statement.parsed.as_deref() {
        Some(Statement::CreateTable(t)) if !t.temporary => "CREATE TABLE",
        Some(Statement::AlterTable(t)) if !t.operations.iter().all(is_postgres_alone) => "ALTER TABLE",
        Some(Statement::AlterType(t)) if !matches!(t.operation, AlterTypeOperation::Rename(_)) => "ALTER TYPE",
        Some(Statement::Drop { object_type: ObjectType::Table, .. }) => "DROP TABLE",
        Some(_) => return Ok(()),
        None => {
            let tokens = lex(file, sql, Quoting::Postgres)?;
            let harmless = ["STORAGE", "STATISTICS", "COMPRESSION", "CLUSTER", "RULE"];
            let harmless = tokens.iter().any(|t| harmless.iter().any(|w| t.is(sql, w)));
            if starts(sql, &tokens, &["CREATE", "TABLE"]) {
                "CREATE TABLE"
            } else if starts(sql, &tokens, &["ALTER", "TABLE"]) && !harmless {
                "ALTER TABLE"
            } else {
                return Ok(());
            }
        }
    };
    Err(lost(file, text, statement, what))
}

/// What ALTER TABLE may do behind the model's back: nothing that a row, a query or a constraint of the model sees.
fn is_postgres_alone(operation: &AlterTableOperation) -> bool {
    use AlterTableOperation as Op;
    match operation {
        Op::EnableRowLevelSecurity
        | Op::DisableRowLevelSecurity
        | Op::ForceRowLevelSecurity
        | Op::NoForceRowLevelSecurity
        | Op::EnableTrigger { .. }
        | Op::DisableTrigger { .. }
        | Op::EnableAlwaysTrigger { .. }
        | Op::EnableReplicaTrigger { .. }
        | Op::EnableRule { .. }
        | Op::DisableRule { .. }
        | Op::EnableAlwaysRule { .. }
        | Op::EnableReplicaRule { .. }
        | Op::OwnerTo { .. }
        | Op::SetOptionsParens { .. }
        | Op::ValidateConstraint { .. }
        | Op::SetLogged => true,
        Op::AddConstraint { constraint, .. } => matches!(constraint, TableConstraint::Exclude(_)),
        _ => false,
    }
}

fn lost(file: &str, text: &str, statement: &SqlStatement, what: &str) -> Error {
    let message = format!("{what} in a script for one engine: the model would not know of it");
    misplaced(code::UNSUPPORTED, file, text, statement.at, message)
        .hint("put it into the file without .postgres or .sqlite in its name, which is for all engines")
}

/// Whether the tokens begin with these words; one of them may be a symbol.
fn in_a_row(sql: &str, tokens: &[Token], words: &[&str]) -> bool {
    words.len() <= tokens.len()
        && words.iter().zip(tokens).all(|(word, token)| match word.as_bytes() {
            [symbol] if !symbol.is_ascii_alphabetic() => token.is_symbol(*symbol),
            _ => token.is(sql, word),
        })
}
