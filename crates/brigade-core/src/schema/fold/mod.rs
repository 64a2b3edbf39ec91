//! A migration's statements, folded into the model one after the other.
//!
//! Invariant: a statement either changes the model as PostgreSQL would change its catalogue, or means nothing to it, or is
//! an error with its place. Nothing that a script for all engines says is lost silently.

mod alter;
mod column;
mod constraint;
mod drop;
mod enums;
mod expression;
mod foreign;
mod index;
mod names;
mod rename;
mod table;
mod view;

#[cfg(test)]
mod tests;

use std::{fmt::Display, sync::Arc};

use sqlparser::ast::{Ident, ObjectName, ObjectType, Set, Statement, UserDefinedTypeRepresentation};

use crate::data::{Error, Result, code};

use super::{
    Effect, Migration, Model, Script, SqlStatement, Table,
    place::{did_you_mean, misplaced, offset},
    settings,
};
pub(super) use names::folded;

/// Codes of PostgreSQL that only folding answers with.
pub(super) mod state {
    pub const DUPLICATE_TABLE: &str = "42P07";
    pub const DUPLICATE_COLUMN: &str = "42701";
    pub const DUPLICATE_OBJECT: &str = "42710";
    pub const UNKNOWN_OBJECT: &str = "42704";
    pub const INVALID_FOREIGN_KEY: &str = "42830";
    pub const INVALID_TABLE: &str = "42P16";
    pub const TYPE_MISMATCH: &str = "42804";
    pub const UNKNOWN_SCHEMA: &str = "3F000";
    pub const WRONG_OBJECT: &str = "42809";
    pub const DEPENDED_UPON: &str = "2BP01";
    pub const RESERVED: &str = "42939";
}

/// Folds one statement of a script into the model.
///
/// # Errors
/// 42601 and other SQLSTATEs whose message begins with `FILE:LINE:COLUMN`.
pub fn fold(model: &Model, script: &Script, statement: &SqlStatement) -> Result<(Model, Effect)> {
    let mut fold = Fold { model: model.clone(), script, statement };
    let effect = fold.run()?;
    Ok((fold.model, effect))
}

impl Model {
    /// The model after a migration: its script for all engines folded in, `[tables.T]` laid over it.
    ///
    /// # Errors
    /// As [`fold`]; BRGCFG for a setting that does not fit its table.
    pub fn apply(&self, migration: &Migration) -> Result<Self> {
        let mut model = self.clone();
        if let Some(script) = &migration.common {
            for statement in &script.statements {
                model = fold(&model, script, statement)?.0;
            }
        }
        if let Some(script) = &migration.postgres {
            for statement in &script.statements {
                Fold { model: model.clone(), script, statement }.leaves_the_model_alone()?;
            }
        }
        model.version = migration.number;
        Ok(model)
    }

    /// The model with the settings of brigade.toml laid over its tables.
    ///
    /// # Errors
    /// BRGCFG where a table or its `touch` column does not exist, or is no time.
    pub fn with_settings(&self, config: &super::Config) -> Result<Self> {
        settings::lay(self, config)
    }
}

/// The folding of one statement. An error leaves the model that was given untouched.
struct Fold<'s> {
    model: Model,
    script: &'s Script,
    statement: &'s SqlStatement,
}

impl<'s> Fold<'s> {
    fn run(&mut self) -> Result<Effect> {
        let statement = self.statement;
        let Some(parsed) = statement.parsed.as_deref() else { return self.opaque() };
        match parsed {
            Statement::CreateTable(table) => self.create_table(table)?,
            Statement::AlterTable(table) => return self.alter_table(table),
            Statement::CreateIndex(index) => self.create_index(index)?,
            Statement::AlterIndex { name, operation } => self.alter_index(name, operation)?,
            Statement::CreateType { name, representation: Some(UserDefinedTypeRepresentation::Enum { labels }) } => {
                self.create_enum(name, labels)?;
            }
            Statement::AlterType(alter) => self.alter_type(alter)?,
            Statement::CreateView(view) => self.create_view(view)?,
            Statement::Drop { object_type, if_exists, names, cascade, .. } => match object_type {
                ObjectType::Table | ObjectType::View | ObjectType::Index | ObjectType::Type => {
                    for name in names {
                        self.drop(*object_type, name, *if_exists, *cascade)?;
                    }
                }
                _ => return Err(self.only_postgres(&self.head())),
            },
            _ => return self.rows_or_nothing(parsed),
        }
        Ok(Effect::Schema)
    }

    fn rows_or_nothing(&self, parsed: &Statement) -> Result<Effect> {
        match parsed {
            Statement::Insert(_)
            | Statement::Update(_)
            | Statement::Delete(_)
            | Statement::Merge(_)
            | Statement::Truncate(_)
            | Statement::Query(_) => Ok(Effect::Rows),
            Statement::Set(Set::SingleAssignment { variable, values, .. })
                if variable.to_string().eq_ignore_ascii_case("search_path")
                    && values
                        .iter()
                        .any(|v| !v.to_string().trim_matches(['\'', '"']).eq_ignore_ascii_case("public")) =>
            {
                Err(self.other_schema())
            }
            Statement::CreateExtension(_)
            | Statement::DropExtension(_)
            | Statement::Comment { .. }
            | Statement::Grant(_)
            | Statement::Revoke(_)
            | Statement::Analyze(_)
            | Statement::Lock(_)
            | Statement::Reset(_)
            | Statement::Set(Set::SingleAssignment { .. } | Set::ParenthesizedAssignments { .. }) => {
                Ok(Effect::Nothing)
            }
            Statement::CreateSchema { .. } => Err(self.other_schema()),
            Statement::Copy { .. } => Err(self
                .error(code::UNSUPPORTED, "COPY in a migration")
                .hint("write INSERT, or load the file by `brigade load`")),
            _ => Err(self.only_postgres(&self.head())),
        }
    }

    /// A statement that the parser does not know.
    fn opaque(&self) -> Result<Effect> {
        let words: Vec<String> = self.statement.sql.split_whitespace().take(3).map(str::to_uppercase).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["COMMENT" | "GRANT" | "REVOKE" | "ANALYZE" | "LOCK" | "SECURITY", ..]
            | ["ALTER", "DEFAULT", "PRIVILEGES"]
            | ["CREATE" | "DROP", "STATISTICS" | "EXTENSION", ..] => Ok(Effect::Nothing),
            _ => Err(self.only_postgres(&self.head())),
        }
    }

    /// Refuses a statement for PostgreSQL alone that changes a thing of the model behind its back.
    fn leaves_the_model_alone(&self) -> Result<()> {
        let names: Vec<&ObjectName> = match self.statement.parsed.as_deref() {
            Some(Statement::Drop { names, .. }) => names.iter().collect(),
            Some(Statement::CreateView(view)) => vec![&view.name],
            Some(Statement::AlterType(alter)) => vec![&alter.name],
            Some(Statement::AlterIndex { name, .. }) => vec![name],
            _ => return Ok(()),
        };
        let known = |name: &str| self.model.has_relation(name) || self.model.enums.contains_key(name);
        let names = names.into_iter().filter_map(|name| self.name(name).ok());
        match names.into_iter().find(|(name, _)| known(name)) {
            None => Ok(()),
            Some((name, ident)) => {
                let message = format!("\"{name}\" belongs to all engines: the model would not know of the change");
                let hint = "put it into the file without .postgres in its name, which is for all engines";
                Err(self.error_at(ident, code::UNSUPPORTED, message).hint(hint))
            }
        }
    }

    /// The first words of the statement, in upper case: `CREATE FUNCTION`.
    fn head(&self) -> String {
        let words = self.statement.sql.split_whitespace().map(|w| w.to_uppercase());
        let words = words.filter(|w| !matches!(w.as_str(), "OR" | "REPLACE" | "CONSTRAINT"));
        let one = self.statement.sql.get(..2).is_some_and(|w| w.eq_ignore_ascii_case("do"));
        words.take(if one { 1 } else { 2 }).collect::<Vec<_>>().join(" ")
    }

    fn only_postgres(&self, what: &str) -> Error {
        let stem = self.script.file.strip_suffix(".sql").unwrap_or(&self.script.file);
        self.error(code::UNSUPPORTED, format_args!("{what} cannot be kept on every engine"))
            .hint(format!("put it into {stem}.postgres.sql, and what SQLite needs instead into {stem}.sqlite.sql"))
    }

    fn other_schema(&self) -> Error {
        self.error(state::UNKNOWN_SCHEMA, "a schema other than public").hint("keep all tables in the schema public")
    }

    /// An error at the head of the statement.
    fn error(&self, code: &'static str, message: impl Display) -> Error {
        self.error_from(0, code, message)
    }

    /// An error at a byte offset of the statement.
    fn error_from(&self, at: usize, code: &'static str, message: impl Display) -> Error {
        misplaced(code, &self.script.file, &self.script.text, self.statement.at + at, message)
    }

    /// An error at a name.
    fn error_at(&self, ident: &Ident, code: &'static str, message: impl Display) -> Error {
        self.error_from(self.offset(ident), code, message)
    }

    /// Where a name stands in the statement. The parser does not say it of labels: these are looked for.
    fn offset(&self, ident: &Ident) -> usize {
        match ident.span.start {
            start if start.line == 0 => {
                let label = format!("'{}'", ident.value.replace('\'', "''"));
                self.statement.sql.rfind(&label).unwrap_or(0)
            }
            start => offset(&self.statement.sql, start.line, start.column),
        }
    }

    /// The name of a thing of the schema `public`, and where it stands.
    fn name<'n>(&self, name: &'n ObjectName) -> Result<(String, &'n Ident)> {
        let parts: Vec<&Ident> = name.0.iter().filter_map(|part| part.as_ident()).collect();
        match parts.as_slice() {
            [ident] => Ok((folded(ident), ident)),
            [schema, ident] if folded(schema) == "public" => Ok((folded(ident), ident)),
            [schema, ..] => {
                let message = format!("schema \"{}\": only public is known", folded(schema));
                Err(self.error_at(schema, state::UNKNOWN_SCHEMA, message).hint("leave the schema's name out"))
            }
            [] => Err(self.error(code::SYNTAX, "a name is missing")),
        }
    }

    /// A table by the name in a statement.
    fn table_named(&self, name: &ObjectName) -> Result<Arc<Table>> {
        let (table, ident) = self.name(name)?;
        self.model.tables.get(&table).cloned().ok_or_else(|| self.no_table(&table, ident))
    }

    fn no_table(&self, table: &str, ident: &Ident) -> Error {
        let known = self.model.tables.keys().map(String::as_str);
        let error = self.error_at(ident, code::UNKNOWN_TABLE, format_args!("table \"{table}\" does not exist"));
        if self.model.views.contains_key(table) {
            return error.hint("it is a view");
        }
        error.hint(did_you_mean(table, known))
    }

    /// The index of a column by the name in a statement.
    fn column_named(&self, table: &Table, ident: &Ident) -> Result<usize> {
        let name = folded(ident);
        table.column(&name).ok_or_else(|| {
            let message = format!("column \"{name}\" of table \"{}\" does not exist", table.name);
            let known = table.columns.iter().map(|c| c.name.as_str());
            self.error_at(ident, code::UNKNOWN_COLUMN, message).hint(did_you_mean(&name, known))
        })
    }

    /// A table of the model, to be changed.
    fn change(&mut self, table: &str) -> &mut Table {
        Arc::make_mut(self.model.tables.get_mut(table).expect("looked up before"))
    }
}
