//! Errors of raw SQL: the codes and words of a transaction's, though no checked statement stands behind them and SQLite
//! tells in its message alone which table it met.

use brigade_core::{
    data::{Error, code},
    schema::{Model, Table},
};
use rusqlite::ffi;

use crate::tables::REBUILT;

use super::{CHECK, NOT_NULL, SOME_KEY, UNIQUE, broken, from_sqlite, tail};

/// An error of raw SQL, with the constraint's name from the model.
pub(crate) fn of_raw(error: rusqlite::Error, model: &Model) -> Error {
    let found = table_of(&error.to_string(), model).and_then(|table| broken(&error, table, |_| None));
    match found {
        Some(found) => found.into_error(None),
        None => from_sqlite(error),
    }
}

/// The table that the message of a broken constraint tells of.
fn table_of<'m>(message: &str, model: &'m Model) -> Option<&'m Table> {
    let tables = || model.tables.values().map(|table| &**table);
    if let Some(name) = tail(message, CHECK) {
        return tables().find(|table| table.checks.iter().any(|check| check.name == name));
    }
    let place = [UNIQUE, NOT_NULL, " column "].iter().find_map(|head| tail(message, head))?;
    if let Some(index) = place.strip_prefix("index ") {
        let index = index.trim_matches('\'');
        return tables().find(|table| table.indexes.iter().any(|i| i.name == index));
    }
    // One that is made anew has another name meanwhile.
    let place = place.strip_prefix(REBUILT).unwrap_or(place);
    tables().find(|table| place.strip_prefix(table.name.as_str()).is_some_and(|rest| rest.starts_with('.')))
}

/// A broken constraint of no table that is known.
pub(super) fn constraint(error: &rusqlite::Error, message: String) -> Error {
    let code = match error.sqlite_error().map_or(0, |e| e.extended_code) {
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => {
            return Error::new(code::FOREIGN_KEY, SOME_KEY.0).details(SOME_KEY.1);
        }
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
            code::UNIQUE
        }
        ffi::SQLITE_CONSTRAINT_NOTNULL => code::NOT_NULL,
        ffi::SQLITE_CONSTRAINT_CHECK => code::CHECK,
        ffi::SQLITE_CONSTRAINT_DATATYPE => code::INVALID_TEXT,
        // RAISE(ABORT, …) of a user's trigger: PostgreSQL's raise_exception.
        ffi::SQLITE_CONSTRAINT_TRIGGER => "P0001",
        _ => "23000",
    };
    Error::new(code, message)
}

/// Where in a statement, as people count.
pub(super) fn place(sql: &str, offset: i32) -> String {
    let before = usize::try_from(offset).ok().and_then(|at| sql.get(..at)).unwrap_or_default();
    format!("at character {}", before.chars().count() + 1)
}

/// Errors of preparing a statement, known by their words alone.
pub(super) fn prepared(message: &str) -> Error {
    if let Some(near) = message.strip_suffix(": syntax error").and_then(|m| m.strip_prefix("near ")) {
        return Error::new(code::SYNTAX, format!("syntax error at or near {near}"));
    }
    if let Some(name) = tail(message, "no such table: ") {
        return Error::new(code::UNKNOWN_TABLE, format!("relation {name:?} does not exist"));
    }
    if let Some(name) = tail(message, "no such column: ") {
        return unknown_column(name);
    }
    if let Some((table, column)) = tail(message, "table ").and_then(|m| m.split_once(" has no column named ")) {
        let message = format!("column {column:?} of relation {table:?} does not exist");
        return Error::new(code::UNKNOWN_COLUMN, message);
    }
    let code = match message {
        "incomplete input" => return Error::new(code::SYNTAX, "syntax error at end of input"),
        m if m.contains("no such function") => "42883",
        m if m.contains("not authorized") || m.contains("prohibited") => code::PRIVILEGE,
        m if m.contains("attempt to write a readonly") => code::READ_ONLY,
        m if m.contains("integer overflow") => code::OUT_OF_RANGE,
        _ => code::SYNTAX,
    };
    Error::new(code, message)
}

/// SQLite asks behind a quoted name whether a text was meant.
fn unknown_column(told: &str) -> Error {
    let (name, text_meant) = match told.split_once(" - should this be") {
        Some((name, _)) => (name, true),
        None => (told, false),
    };
    let error = Error::new(code::UNKNOWN_COLUMN, format!("column {:?} does not exist", name.trim_matches('"')));
    if text_meant { error.hint("a text stands in single quotes") } else { error }
}
