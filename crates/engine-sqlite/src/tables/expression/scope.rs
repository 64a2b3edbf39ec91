//! What names mean where an expression stands: which tables can be named there, and the types of their columns.

use brigade_core::{
    data::SqlType,
    schema::{Model, QueryParam, Table},
};
use sqlparser::ast::{Expr, Ident, ObjectName, ObjectNamePart};

use super::{Result, Sql, unknown};
use crate::tables::name::quote;

/// A table, view or subquery whose columns can be named.
#[derive(Clone, Debug)]
pub(in crate::tables) struct Source {
    /// The name before the point.
    pub alias: String,
    /// Columns with their types, where they are known; none: any column may be in it.
    pub columns: Option<Vec<(String, Option<SqlType>)>>,
}

/// What names mean where an expression stands.
#[derive(Clone)]
pub(crate) struct Scope<'a> {
    /// Tables, views and enums.
    pub(in crate::tables) model: &'a Model,
    /// What can be named here.
    pub(in crate::tables) sources: Vec<Source>,
    /// Names of WITH, with their columns.
    pub(in crate::tables) named: Vec<Source>,
    /// How a bare column is written: `NEW."x"` in a trigger.
    pub(in crate::tables) write: Option<&'a dyn Fn(&str) -> String>,
    /// What a named query is given.
    pub(in crate::tables) params: &'a [QueryParam],
}

impl<'a> Scope<'a> {
    /// No column can be named: defaults.
    pub(in crate::tables) fn of_nothing(model: &'a Model) -> Self {
        Self { model, sources: Vec::new(), named: Vec::new(), write: None, params: &[] }
    }

    /// The columns of one table.
    pub(in crate::tables) fn of_table(model: &'a Model, table: &Table) -> Self {
        let mut scope = Self::of_nothing(model);
        scope.sources.push(Source::of(table, &table.name));
        scope
    }

    /// A column by its name.
    pub(super) fn column(&self, e: &Expr) -> Result<Sql> {
        let (alias, name) = match e {
            Expr::Identifier(ident) => (None, folded(ident)),
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [table, column] | [_, table, column] => (Some(folded(table)), folded(column)),
                _ => return Err(unknown("the name", &e.to_string())),
            },
            _ => return Err(unknown("the name", &e.to_string())),
        };
        if alias.is_none() && !self.knows(&name) && name.starts_with("current_") {
            return self.bare_word(&name);
        }
        let text = match (&alias, self.write) {
            (_, Some(write)) => write(&name),
            (Some(alias), None) => format!("{}.{}", quote(alias), quote(&name)),
            (None, None) => quote(&name),
        };
        Ok(Sql { text, ty: self.type_of(alias.as_deref(), &name), literal: None })
    }

    fn knows(&self, name: &str) -> bool {
        self.sources.iter().any(|s| s.columns.as_ref().is_none_or(|c| c.iter().any(|(n, _)| n == name)))
    }

    fn type_of(&self, alias: Option<&str>, name: &str) -> Option<SqlType> {
        self.sources
            .iter()
            .rev()
            .filter(|s| alias.is_none_or(|a| a == s.alias))
            .find_map(|s| s.columns.as_ref()?.iter().find(|(n, _)| n == name))
            .and_then(|(_, ty)| ty.clone())
    }
}

impl Source {
    /// A table under a name.
    pub(in crate::tables) fn of(table: &Table, alias: &str) -> Self {
        let columns = table.columns.iter().map(|c| (c.name.clone(), Some(c.ty.clone()))).collect();
        Self { alias: alias.to_owned(), columns: Some(columns) }
    }
}

/// A name as PostgreSQL takes it: lower case without quotes.
pub(in crate::tables) fn folded(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

/// The last part of a name: the schema is not kept on SQLite.
pub(in crate::tables) fn last_name(name: &ObjectName) -> String {
    match name.0.last() {
        Some(ObjectNamePart::Identifier(ident)) => folded(ident),
        _ => name.to_string().to_lowercase(),
    }
}
