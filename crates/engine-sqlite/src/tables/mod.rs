//! How a model is kept in SQLite: tables, checks, indexes, views, and the triggers that capture every change.
//!
//! Everything stored here works in a stock SQLite without extensions, because other programs write the same file. What
//! cannot be kept with PostgreSQL's meaning is an error that says what and how to mend it, never a silent loss.
//!
//! In reading order: [`shape`] says how a type is stored, [`expression`] translates PostgreSQL's expressions, [`ddl`] and
//! [`index`] write tables, [`rows`] and [`select`] translate statements, [`capture`] logs changes, [`migrate`] changes
//! tables that hold rows.

mod capture;
mod ddl;
mod expression;
mod index;
mod migrate;
mod name;
mod routine;
mod rows;
mod select;
mod shape;

use std::borrow::Cow;

use brigade_core::data::{Error, code};
use rusqlite::ErrorCode;

pub(crate) use capture::{check, clear_stages, create_internal, install_writer_marker, read_layout, rowid, use_model};
pub(crate) use migrate::{REBUILT, Stamp, migrate, rehearse};
pub(crate) use name::quote;
pub(crate) use routine::translate;

#[cfg(test)]
mod tests;

/// An error of SQLite's while doing something, which stands before its message; SQLite's own is its source.
fn failed(doing: &'static str) -> impl Fn(rusqlite::Error) -> Error {
    move |error| {
        let message = error.to_string();
        let code = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => code::NO_SPACE.into(),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => code::UNAVAILABLE.into(),
            Some(ErrorCode::ConstraintViolation) => constraint(&message),
            Some(ErrorCode::Unknown) if message.contains("no such table") => code::UNKNOWN_TABLE.into(),
            Some(ErrorCode::Unknown) if message.contains("no such column") => code::UNKNOWN_COLUMN.into(),
            Some(ErrorCode::Unknown) => code::SYNTAX.into(),
            _ => code::INTERNAL.into(),
        };
        Error::new(code, format!("{doing}: {message}")).source(error)
    }
}

/// The SQLSTATE of a broken constraint: of a generated check, the one in its name.
fn constraint(message: &str) -> Cow<'static, str> {
    let generated = message.split_once("brigade:").and_then(|(_, name)| name.rsplit_once(':'));
    match (generated, message.split_once(" constraint failed")) {
        (Some((_, code)), _) => code.get(..5).unwrap_or(code::CHECK).to_owned().into(),
        (None, Some(("UNIQUE", _))) => code::UNIQUE.into(),
        (None, Some(("NOT NULL", _))) => code::NOT_NULL.into(),
        (None, Some(("FOREIGN KEY", _))) => code::FOREIGN_KEY.into(),
        (None, None) if message.starts_with("cannot store") => code::INVALID_TEXT.into(),
        _ => code::CHECK.into(),
    }
}
