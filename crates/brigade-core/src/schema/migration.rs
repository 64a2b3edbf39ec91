//! Migrations: numbered SQL files, folded into a model one statement at a time.

use sqlparser::ast;

use crate::data::Result;

use super::Model;

/// A file of `migrations/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationFile {
    /// Its name without a folder: `0001_init.sql`, `0002_search.postgres.sql`.
    pub name: String,
    /// What it holds.
    pub text: String,
}

/// One migration: its file for all engines, and what only one engine can do.
#[derive(Clone, Debug, PartialEq)]
pub struct Migration {
    /// Its number, from 1, without gaps.
    pub number: u32,
    /// Its name: `init` of `0001_init.sql`.
    pub name: String,
    /// SHA-256 over the names and bytes of its files, in hex.
    pub checksum: String,
    /// SQL for all engines, in PostgreSQL's dialect.
    pub common: Option<Script>,
    /// SQL for PostgreSQL alone, run after `common`.
    pub postgres: Option<Script>,
    /// SQL for SQLite alone, run after `common`, as it is.
    pub sqlite: Option<Script>,
}

/// A file of SQL, split into statements.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// Name of the file, for errors.
    pub file: String,
    /// What it holds.
    pub text: String,
    /// Its statements, in order, without empty ones.
    pub statements: Vec<SqlStatement>,
}

/// One statement of a script.
#[derive(Clone, Debug, PartialEq)]
pub struct SqlStatement {
    /// Byte offset of its first character in the script.
    pub at: usize,
    /// Its text, without the semicolon.
    pub sql: String,
    /// Parsed; none where the parser does not know it (it may still run on PostgreSQL as it is).
    pub parsed: Option<Box<ast::Statement>>,
}

/// What folding a statement into the model found.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// The model changed: the engine makes its tables fit the model after.
    Schema,
    /// It writes or reads rows: the engine runs it, translated.
    Rows,
    /// It means nothing to the model and nothing to SQLite (`CREATE EXTENSION`, `COMMENT ON`, `GRANT`, `SET`, …).
    Nothing,
}

/// Puts files into migrations, in order.
///
/// # Errors
/// BRGCFG for a name that is no migration's, a number twice, or a gap (which names the missing number and the file after
/// it).
pub fn migrations(files: Vec<MigrationFile>) -> Result<Vec<Migration>> {
    let _ = files;
    Ok(Vec::new())
}

/// Folds one statement of a script into the model.
///
/// # Errors
/// 42601 and other SQLSTATEs whose message begins with `FILE:LINE:COLUMN`.
pub fn fold(model: &Model, script: &Script, statement: &SqlStatement) -> Result<(Model, Effect)> {
    let _ = (script, statement);
    Ok((model.clone(), Effect::Nothing))
}
