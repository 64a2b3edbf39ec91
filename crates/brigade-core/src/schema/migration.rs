//! Migrations: numbered SQL files, folded into a model one statement at a time.
//!
//! Invariant: the files of one number are one migration, applied in one transaction and recorded with the checksum of
//! all of them; numbers run from 1 without gaps.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use sqlparser::ast;

use crate::data::{Error, Result, code};

use super::{
    lex::Quoting,
    misspelt::Misspelt,
    parse::parse_at,
    place::excerpt,
    refused::{self, Engine},
    split::cut,
};

/// A file of `migrations/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationFile {
    /// Its name without a folder: `0001_init.sql`, `0002_search.postgres.sql`.
    pub name: String,
    /// What it holds.
    pub text: String,
}

impl MigrationFile {
    /// A file from its bytes.
    ///
    /// # Errors
    /// 22P05 with the place of the first byte that is no UTF-8.
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Self> {
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self { name: name.to_string(), text }),
            Err(e) => Err(invalid_utf8(name, e.as_bytes(), e.utf8_error().valid_up_to())),
        }
    }
}

/// The error for a file of a project whose bytes are no UTF-8 from `at` on.
pub fn invalid_utf8(file: &str, bytes: &[u8], at: usize) -> Error {
    let before = String::from_utf8_lossy(&bytes[..at]);
    let place = super::place(file, &before, before.len());
    Error::new(code::UNTRANSLATABLE, format!("{place}: not UTF-8: byte 0x{:02x}", bytes.get(at).unwrap_or(&0)))
        .details(excerpt(&before, before.len()))
        .hint("save the file as UTF-8")
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

impl SqlStatement {
    /// An error of rows that the statement meets: which table and column it is about, where that is not said yet, and the
    /// mend.
    #[must_use]
    pub fn met(&self, error: Error) -> Error {
        if !error.code().starts_with("22") && !error.code().starts_with("23") {
            return error;
        }
        let error = match (error.get_details(), self.about()) {
            (None, Some(about)) => error.details(about),
            _ => error,
        };
        match error.get_hint() {
            None => error.hint(
                "nothing of the migration was applied: change the rows or the statement, and apply it again; what was \
                 applied before stays as it is",
            ),
            Some(_) => error,
        }
    }

    /// `table a, column b`, as far as the statement names them.
    fn about(&self) -> Option<String> {
        match self.parsed.as_deref()? {
            ast::Statement::AlterTable(alter) => {
                let column = alter.operations.iter().find_map(|operation| match operation {
                    ast::AlterTableOperation::AlterColumn { column_name, .. } => Some(&column_name.value),
                    _ => None,
                });
                let column = column.map(|c| format!(", column {c}")).unwrap_or_default();
                Some(format!("table {}{column}", alter.name))
            }
            ast::Statement::Insert(insert) => Some(format!("table {}", insert.table)),
            ast::Statement::CreateIndex(index) => Some(format!("table {}", index.table_name)),
            _ => None,
        }
    }
}

/// What folding a statement into the model found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
/// it); for what is wrong inside a file a message that begins with `FILE:LINE:COLUMN`.
pub fn migrations(mut files: Vec<MigrationFile>) -> Result<Vec<Migration>> {
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let mut by_number: BTreeMap<u32, Vec<(FileName, MigrationFile)>> = BTreeMap::new();
    for file in files {
        let name = FileName::read(&file.name)?;
        by_number.entry(name.number).or_default().push((name, file));
    }
    let mut out = Vec::with_capacity(by_number.len());
    for (expected, (number, files)) in (1..).zip(by_number) {
        if number != expected {
            let message = format!("migration {expected:04} is missing: after it comes {}", files[0].1.name);
            return Err(Error::new(code::CONFIG, message).hint("number the files from 0001 on, without gaps"));
        }
        out.push(migration(number, files)?);
    }
    Ok(out)
}

fn migration(number: u32, files: Vec<(FileName, MigrationFile)>) -> Result<Migration> {
    let first = files[0].1.name.clone();
    let name = files[0].0.name.clone();
    let mut digest = Sha256::new();
    let mut migration = Migration { number, name, checksum: String::new(), common: None, postgres: None, sqlite: None };
    for (file_name, file) in files {
        for part in [file.name.as_bytes(), file.text.as_bytes()] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        let script = match file_name.engine {
            Engine::Any => &mut migration.common,
            Engine::Postgres => &mut migration.postgres,
            Engine::Sqlite => &mut migration.sqlite,
        };
        if script.is_some() || file_name.name != migration.name {
            return Err(twice(number, &first, &file.name));
        }
        *script = Some(read(file, file_name.engine)?);
    }
    migration.checksum = digest.finalize().iter().map(|b| format!("{b:02x}")).collect();
    Ok(migration)
}

fn twice(number: u32, first: &str, second: &str) -> Error {
    Error::new(code::CONFIG, format!("two migrations have the number {number:04}: {first} and {second}"))
        .hint("give the newer one the next free number; parts for one engine have the same name and end in .postgres.sql or .sqlite.sql")
}

/// Splits a file, parses what is to be parsed, and refuses what may not stand in it.
fn read(file: MigrationFile, engine: Engine) -> Result<Script> {
    let quoting = if engine == Engine::Sqlite { Quoting::Sqlite } else { Quoting::Postgres };
    let mut statements = cut(&file.name, &file.text, quoting)?;
    for statement in &mut statements {
        refused::check(&file.name, &file.text, statement, engine)?;
        if engine == Engine::Sqlite {
            continue;
        }
        match parse_at(&file.name, &file.text, statement) {
            Ok(parsed) => statement.parsed = Some(parsed),
            Err(_) if engine == Engine::Postgres || refused::may_be_opaque(&statement.sql) => {}
            Err(e) if e.get_hint().is_some() => return Err(e),
            Err(e) => {
                let error = match Misspelt::find(&statement.sql) {
                    Some(misspelt) => misspelt.error(&file.name, &file.text, statement),
                    None => e,
                };
                let alone = "what only PostgreSQL understands goes into a file NNNN_name.postgres.sql";
                return Err(if error.get_hint().is_some() { error } else { error.hint(alone) });
            }
        }
        if engine == Engine::Postgres {
            refused::check_postgres(&file.name, &file.text, statement)?;
        }
    }
    Ok(Script { file: file.name, text: file.text, statements })
}

/// The parts of a file's name.
struct FileName {
    number: u32,
    name: String,
    engine: Engine,
}

impl FileName {
    fn read(file: &str) -> Result<Self> {
        let wrong = || {
            Error::new(code::CONFIG, format!("migrations/{file}: not the name of a migration"))
                .hint("call it NNNN_name.sql, NNNN_name.postgres.sql or NNNN_name.sqlite.sql, as 0001_init.sql")
        };
        let stem = file.strip_suffix(".sql").ok_or_else(wrong)?;
        let (stem, engine) = match stem.split_once('.') {
            None => (stem, Engine::Any),
            Some((stem, "postgres")) => (stem, Engine::Postgres),
            Some((stem, "sqlite")) => (stem, Engine::Sqlite),
            Some(_) => return Err(wrong()),
        };
        let (number, name) = stem.split_once('_').ok_or_else(wrong)?;
        let digits = number.len() >= 4 && number.bytes().all(|b| b.is_ascii_digit());
        let number: u32 = number.parse().ok().filter(|&n| digits && n > 0).ok_or_else(wrong)?;
        if name.is_empty() {
            return Err(wrong());
        }
        Ok(Self { number, name: name.to_string(), engine })
    }
}

/// The migrations that are not applied yet. `applied` gives number, name and checksum of those that are, by number.
///
/// # Errors
/// BRGCFG where a file was changed after it was applied, is gone, or is older than what was applied.
pub fn pending<'m, 'a>(
    migrations: &'m [Migration],
    applied: impl IntoIterator<Item = (u32, &'a str, &'a str)>,
) -> Result<Vec<&'m Migration>> {
    let mut next = 1;
    for (number, name, checksum) in applied {
        let Some(file) = migrations.iter().find(|m| m.number == number) else {
            return Err(gone(number, name, migrations.len()));
        };
        if file.name != name {
            let message =
                format!("migration {number:04} was applied as \"{name}\" and is now called \"{}\"", file.name);
            return Err(Error::new(code::CONFIG, message).hint("give the file its old name again"));
        }
        if file.checksum != checksum {
            let message = format!("{} was changed after it was applied", file_of(file));
            let hint = format!("put it back as it was, and make the change in {:04}_….sql", migrations.len() + 1);
            return Err(Error::new(code::CONFIG, message).hint(hint));
        }
        if let Some(left_out) = migrations.iter().find(|m| m.number >= next && m.number < number) {
            let message = format!("{} was not applied, and {} was", file_of(left_out), file_of(file));
            return Err(Error::new(code::CONFIG, message).hint("the record in the truth has a hole: restore it"));
        }
        next = next.max(number + 1);
    }
    Ok(migrations.iter().filter(|m| m.number >= next).collect())
}

fn gone(number: u32, name: &str, files: usize) -> Error {
    let file = format!("{number:04}_{name}.sql");
    if number as usize > files {
        Error::new(code::CONFIG, format!("{file} was applied, and the newest file is {files:04}"))
            .hint("the data is newer than this folder: use the newer version of the project, or a backup from before")
    } else {
        Error::new(code::CONFIG, format!("{file} was applied and is gone")).hint("put the file back")
    }
}

fn file_of(migration: &Migration) -> String {
    let script = migration.common.as_ref().or(migration.postgres.as_ref()).or(migration.sqlite.as_ref());
    script.map_or_else(|| format!("{:04}_{}.sql", migration.number, migration.name), |s| s.file.clone())
}
