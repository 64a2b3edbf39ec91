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
mod rows;
mod select;
mod shape;

use brigade_core::data::{Error, code};
use rusqlite::ErrorCode;

pub(crate) use capture::{
    check, clear_stages, create_internal, drop_all, install, install_writer_marker, layout_ids, read_layout,
    touch_value, use_model,
};
pub(crate) use migrate::{Stamp, migrate};
pub(crate) use name::{quote, text_literal};

#[cfg(test)]
mod tests;

/// An error of SQLite's while doing something, which stands before its message.
fn failed(doing: &'static str) -> impl Fn(rusqlite::Error) -> Error {
    move |error| {
        let code = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => code::NO_SPACE,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => code::UNAVAILABLE,
            Some(ErrorCode::ConstraintViolation) => constraint(&error.to_string()),
            Some(ErrorCode::Unknown) => code::SYNTAX,
            _ => code::INTERNAL,
        };
        Error::new(code, format!("{doing}: {error}")).source(error)
    }
}

fn constraint(message: &str) -> &'static str {
    match message.split_once(" constraint failed").map(|(kind, _)| kind) {
        Some("UNIQUE") => code::UNIQUE,
        Some("NOT NULL") => code::NOT_NULL,
        Some("FOREIGN KEY") => code::FOREIGN_KEY,
        _ => code::CHECK,
    }
}
