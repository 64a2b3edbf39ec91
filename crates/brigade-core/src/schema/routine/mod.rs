//! Named queries: `queries/NAME.sql` becomes parameters with types, what its head says, and statements with places for
//! values. Nothing that a caller gives ever becomes part of the text.
//!
//! In reading order: [`named_queries`] takes the files, `head` reads the lines before the query, `body` finds the places
//! for values and judges what the statements may do.

mod body;
mod head;
mod rests;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use sqlparser::ast;

use crate::data::{Error, Result, SqlType, Value, code};

use super::{MigrationFile, Model};
pub use rests::rests_on;

/// Which engine's own text is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `NAME.sqlite.sql` stands above `NAME.sql`.
    Sqlite,
    /// `NAME.postgres.sql` stands above `NAME.sql`.
    Postgres,
}

/// A query with a name.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedQuery {
    /// Its name: that of its file.
    pub name: String,
    /// Its file below the project's folder.
    pub file: String,
    /// The whole file.
    pub text: String,
    /// What it is given, in the order of the head.
    pub params: Vec<QueryParam>,
    /// Whether it may change rows.
    pub writes: bool,
    /// Whether it answers one object in place of a list.
    pub single: bool,
    /// Who may call it; nobody named: all who may call queries at all.
    pub roles: Vec<String>,
    /// The tables that it depends on, where its head names them.
    pub tables: Vec<String>,
    /// Its statements: one, unless it writes.
    pub statements: Vec<QueryStatement>,
    /// Whether the text is the engine's own and is not translated.
    pub is_own: bool,
}

/// What a query is given.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryParam {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: SqlType,
    /// What it is where nothing is given; none: it is required.
    pub default: Option<Value>,
}

/// A statement of a query.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryStatement {
    /// Where it begins in the file.
    pub at: usize,
    /// Its text as it was written, with `:name` for values.
    pub sql: String,
    /// The same with places for values.
    pub pieces: Vec<Piece>,
    /// Its meaning; of an engine's own text only where the parser knows it.
    pub parsed: Option<Box<ast::Statement>>,
}

/// A part of a text of SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// SQL.
    Text(String),
    /// The place of a value: which of those given.
    Value(usize),
}

/// Reads the files of `queries/`, each with its name (`NAME.sql`, `NAME.sqlite.sql`, `NAME.postgres.sql`).
///
/// # Errors
/// BRGCFG, or the SQLSTATE of what is wrong in a query; the message begins with `queries/FILE:LINE:COLUMN`.
pub fn named_queries(
    files: Vec<MigrationFile>,
    model: &Model,
    dialect: Dialect,
) -> Result<BTreeMap<String, NamedQuery>> {
    let mut chosen: BTreeMap<String, (bool, MigrationFile)> = BTreeMap::new();
    for file in files {
        let (name, of) = named(&file.name)?;
        if of.is_some_and(|of| of != dialect) {
            continue;
        }
        let is_own = of.is_some();
        match chosen.get(&name) {
            Some((true, _)) => {}
            _ => drop(chosen.insert(name, (is_own, file))),
        }
    }
    let read = |(name, (is_own, file)): (String, (bool, MigrationFile))| {
        let shown = format!("queries/{}", file.name);
        let head = head::read(&shown, &file.text, model)?;
        let mut query = NamedQuery {
            name: name.clone(),
            file: shown,
            text: file.text,
            params: head.params,
            writes: head.writes,
            single: head.single,
            roles: head.roles,
            tables: head.tables,
            statements: Vec::new(),
            is_own,
        };
        query.statements = body::read(&query)?;
        Ok((name, query))
    };
    chosen.into_iter().map(read).collect()
}

fn named(file: &str) -> Result<(String, Option<Dialect>)> {
    let stem = file.strip_suffix(".sql").unwrap_or(file);
    let (name, dialect) = match stem.split_once('.') {
        None => (stem, None),
        Some((name, "sqlite")) => (name, Some(Dialect::Sqlite)),
        Some((name, "postgres")) => (name, Some(Dialect::Postgres)),
        Some((name, _)) => (name, None),
    };
    let fits = stem.split('.').count() <= 2 && (dialect.is_some() || !stem.contains('.'));
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if fits && is_name {
        return Ok((name.to_owned(), dialect));
    }
    Err(Error::new(code::CONFIG, format!("queries/{file}:1:1: the name of this file is no name of a query"))
        .hint("use NAME.sql, NAME.sqlite.sql or NAME.postgres.sql, NAME of letters, digits and _"))
}

impl NamedQuery {
    /// The index of a parameter.
    pub fn param(&self, name: &str) -> Option<usize> {
        self.params.iter().position(|p| p.name == name)
    }
}
