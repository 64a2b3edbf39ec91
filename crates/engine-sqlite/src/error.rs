//! SQLite's errors become brigade's: PostgreSQL's SQLSTATE, its words, the constraint's name from the model.
//!
//! SQLite names a broken constraint in its message alone, so this is the one place that reads messages.

mod raw;

use std::time::Duration;

use brigade_core::{
    data::{Error, Problem, code},
    schema::{IndexOn, Table},
};
use rusqlite::{ErrorCode, ffi};

pub(crate) use raw::of_raw;

use crate::writer::Broken;

/// When another program's lock, or a full disk, is worth another try.
const RETRY: Duration = Duration::from_secs(1);

/// Whether the writer must not go on: what the disk holds is no longer known.
pub(crate) fn is_fatal(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::SystemIoFailure | ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

/// Whether there was no space: nothing was written, and it may be tried again.
pub(crate) fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}

/// An error that belongs to no table of the model.
pub(crate) fn from_sqlite(error: rusqlite::Error) -> Error {
    let message = error.to_string();
    if let Some(found) = refused(&message) {
        return found.into_error(None);
    }
    if matches!(error, rusqlite::Error::MultipleStatement) {
        return Error::new(code::SYNTAX, "one statement at a time").hint("send each statement on its own");
    }
    if let rusqlite::Error::SqlInputError { msg, sql, offset, .. } = &error {
        return raw::prepared(msg).details(raw::place(sql, *offset));
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => no_space(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Error::unavailable("another program holds the database's write lock", RETRY)
                .details("nothing was written: it is safe to repeat")
        }
        Some(ErrorCode::OperationInterrupted) => Error::new(code::CANCELED, "the statement ran longer than its limit")
            .hint("make it smaller, or raise statement_timeout"),
        Some(ErrorCode::OutOfMemory) => Error::new("53200", "out of memory"),
        Some(ErrorCode::TooBig) => Error::new("54000", "a value or statement is too big for sqlite"),
        Some(ErrorCode::AuthorizationForStatementDenied) => Error::new(code::PRIVILEGE, message),
        Some(ErrorCode::ConstraintViolation) => raw::constraint(&error, message),
        Some(ErrorCode::TypeMismatch) => Error::new(code::INVALID_TEXT, message),
        Some(ErrorCode::SystemIoFailure | ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            Error::unavailable(format!("the database cannot be read: {message}"), RETRY).source(error)
        }
        Some(ErrorCode::Unknown) => raw::prepared(&message),
        _ => Error::internal(message).source(error),
    }
}

/// There was no space.
pub(crate) fn no_space() -> Error {
    Error::new(code::NO_SPACE, "no space is left for the database")
        .details("nothing was written; reads go on")
        .hint("free disk space and repeat")
        .retry_after(RETRY)
}

/// The writer has stopped.
pub(crate) fn stopped(reason: &str) -> Error {
    Error::unavailable(format!("the writer has stopped: {reason}"), Duration::from_secs(5))
        .details("nothing was written: it is safe to repeat after a restart")
        .hint("look at the disk, then restart brigade")
}

/// An error of a statement on a table: the place is added, constraints get their names. `shown` gives the text of a
/// column's value in the row at hand, for `Key (a)=(x) already exists.`
pub(crate) fn of_statement(
    error: rusqlite::Error,
    table: &Table,
    statement: usize,
    shown: impl Fn(usize) -> Option<String>,
) -> Error {
    match broken(&error, table, shown) {
        Some(found) => found.into_error(Some(statement)),
        None => from_sqlite(error),
    }
}

/// The constraint of a table that an error tells of.
fn broken(error: &rusqlite::Error, table: &Table, shown: impl Fn(usize) -> Option<String>) -> Option<Found> {
    let message = error.to_string();
    match error.sqlite_error().map_or(0, |e| e.extended_code) {
        _ if message.contains(MARK) => refused(&message),
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
            Some(unique(&message, table, shown))
        }
        ffi::SQLITE_CONSTRAINT_NOTNULL => tail(&message, NOT_NULL).map(|place| {
            let column = place.rsplit('.').next().unwrap_or(place);
            let table = &table.name;
            let message = format!("null value in column {column:?} of relation {table:?} violates not-null constraint");
            Found::new(code::NOT_NULL, message).field(column).details(format!("table {table}, column {column}"))
        }),
        ffi::SQLITE_CONSTRAINT_CHECK => tail(&message, CHECK).map(|name| {
            let table = &table.name;
            let message = format!("new row for relation {table:?} violates check constraint {name:?}");
            Found::new(code::CHECK, message).details(format!("table {table}, constraint {name}"))
        }),
        ffi::SQLITE_CONSTRAINT_DATATYPE => {
            let column = message.rsplit('.').next().unwrap_or_default();
            Some(Found::new(code::INVALID_TEXT, message.clone()).field(column))
        }
        _ => None,
    }
}

/// A broken foreign key: of this row, or of a row that points at it.
pub(crate) fn foreign_key(statement: Option<usize>, broken: Option<Broken>) -> Error {
    let Some(Broken { message, details, field }) = broken else {
        return Found::new(code::FOREIGN_KEY, SOME_KEY.0.to_owned())
            .details(SOME_KEY.1.to_owned())
            .into_error(statement);
    };
    Found { field, ..Found::new(code::FOREIGN_KEY, message) }.details(details).into_error(statement)
}

/// What is said of a foreign key where SQLite does not tell which one.
const SOME_KEY: (&str, &str) =
    ("a foreign key is violated", "the row it points at is not there, or rows still point at it");

/// How checks and functions of brigade's own name a column and its SQLSTATE: `brigade:COLUMN:SQLSTATE`.
const MARK: &str = "brigade:";

/// Whether a check or a function of brigade's own refused it.
pub(crate) fn is_marked(error: &rusqlite::Error) -> bool {
    error.to_string().contains(MARK)
}

/// What SQLite's messages begin with; the place or the name follows.
const UNIQUE: &str = "UNIQUE constraint failed: ";
const NOT_NULL: &str = "NOT NULL constraint failed: ";
const CHECK: &str = "CHECK constraint failed: ";

/// What a message was found to say.
struct Found {
    code: String,
    message: String,
    field: Option<String>,
    details: Option<String>,
}

impl Found {
    fn new(code: &str, message: String) -> Self {
        Self { code: code.to_owned(), message, field: None, details: None }
    }

    fn field(mut self, column: &str) -> Self {
        self.field = Some(column.to_owned());
        self
    }

    fn details(mut self, details: String) -> Self {
        self.details = Some(details);
        self
    }

    fn into_error(self, statement: Option<usize>) -> Error {
        let error = match statement {
            None => Error::new(self.code, self.message),
            Some(statement) => Error::problems(vec![Problem {
                statement,
                field: self.field,
                code: self.code.into(),
                message: self.message,
                hint: None,
            }]),
        };
        match self.details {
            Some(details) => error.details(details),
            None => error,
        }
    }
}

fn tail<'a>(message: &'a str, head: &str) -> Option<&'a str> {
    message.split_once(head).map(|(_, tail)| tail)
}

/// `…brigade:COLUMN:SQLSTATE`
fn refused(message: &str) -> Option<Found> {
    let (column, sqlstate) = tail(message, MARK)?.rsplit_once(':')?;
    let sqlstate = sqlstate.get(..5)?;
    let what = match sqlstate {
        code::OUT_OF_RANGE => "number out of range",
        code::TOO_LONG => "text too long",
        code::INVALID_TEXT => "value of another type, or no label of the enum",
        code::DATETIME_RANGE => "date or time out of range",
        "22023" => "bytes that are not pairs of hexadecimal digits",
        _ => "value refused",
    };
    Some(Found::new(sqlstate, format!("{what} for column {column:?}")).field(column))
}

/// `UNIQUE constraint failed: t.a, t.b` or `… failed: index 'name'`
fn unique(message: &str, table: &Table, shown: impl Fn(usize) -> Option<String>) -> Found {
    let place = tail(message, UNIQUE).unwrap_or_default();
    if let Some(index) = place.strip_prefix("index ") {
        return duplicate(index.trim_matches('\''));
    }
    let names: Vec<&str> = place.split(", ").map(|c| c.rsplit('.').next().unwrap_or(c)).collect();
    let columns: Vec<usize> = names.iter().filter_map(|n| table.column(n)).collect();
    let mut found = duplicate(constraint_of(table, &columns).unwrap_or("unique"));
    let values: Option<Vec<String>> = columns.iter().map(|&c| shown(c)).collect();
    found.details = Some(match values.filter(|v| !v.is_empty()) {
        Some(values) => format!("Key ({})=({}) already exists.", names.join(", "), values.join(", ")),
        None => format!("Key ({}) already exists.", names.join(", ")),
    });
    match names.as_slice() {
        [one] => found.field(one),
        _ => found,
    }
}

fn duplicate(name: &str) -> Found {
    Found::new(code::UNIQUE, format!("duplicate key value violates unique constraint {name:?}"))
}

/// The primary key, unique constraint or unique index on exactly these columns.
fn constraint_of<'t>(table: &'t Table, columns: &[usize]) -> Option<&'t str> {
    let same = |other: &[usize]| other.len() == columns.len() && other.iter().all(|c| columns.contains(c));
    let keys = table.primary_key.iter().chain(&table.uniques);
    let of_key = keys.into_iter().find(|k| same(&k.columns)).map(|k| k.name.as_str());
    of_key.or_else(|| {
        let on = |index: &brigade_core::schema::Index| -> Option<Vec<usize>> {
            index
                .parts
                .iter()
                .map(|part| match &part.of {
                    IndexOn::Column(name) => table.column(name),
                    IndexOn::Expression(_) => None,
                })
                .collect()
        };
        let index = table.indexes.iter().filter(|i| i.unique).find(|i| on(i).is_some_and(|c| same(&c)))?;
        Some(&index.name)
    })
}
