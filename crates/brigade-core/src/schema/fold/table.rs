//! CREATE TABLE.

use sqlparser::ast::{ColumnDef, CreateTable, CreateTableOptions, Ident, TableConstraint};

use crate::{
    data::{Error, Result, code},
    schema::{Table, TableSettings},
};

use super::{Fold, folded, state};

/// Names that the engines keep for themselves.
const RESERVED: [&str; 2] = ["sqlite_", "brigade_"];

impl Fold<'_> {
    pub(super) fn create_table(&mut self, create: &CreateTable) -> Result<()> {
        let (name, ident) = self.name(&create.name)?;
        if create.if_not_exists && self.model.has_relation(&name) {
            return Ok(());
        }
        self.may_create(&name, ident)?;
        self.plain(create, ident)?;
        let table = Table {
            name: name.clone(),
            columns: Vec::with_capacity(create.columns.len()),
            primary_key: None,
            uniques: Vec::new(),
            foreign_keys: Vec::new(),
            checks: Vec::new(),
            indexes: Vec::new(),
            settings: TableSettings::default(),
        };
        self.model.tables.insert(name.clone(), table.into());
        let mut constraints = Vec::new();
        for definition in &create.columns {
            constraints.extend(self.add_column(&name, definition)?);
        }
        constraints.extend(create.constraints.iter().cloned());
        self.check_generated(&name, &create.columns)?;
        // Keys first: foreign keys of the same statement may point at them.
        constraints.sort_by_key(|c| match c {
            TableConstraint::PrimaryKey(_) => 0,
            TableConstraint::Unique(_) => 1,
            TableConstraint::Index(_) => 2,
            _ => 3,
        });
        for constraint in &constraints {
            self.add_constraint(&name, constraint, ident)?;
        }
        Ok(())
    }

    /// Whether a table, view, index or type of this name may be made.
    pub(super) fn may_create(&self, name: &str, ident: &Ident) -> Result<()> {
        if let Some(prefix) = RESERVED.iter().find(|prefix| name.starts_with(**prefix)) {
            let message = format!("\"{name}\": names that begin with {prefix} are reserved");
            return Err(self.error_at(ident, state::RESERVED, message).hint("choose another name"));
        }
        self.differs_by_more_than_case(name, self.model.relations(), ident)?;
        let what = if self.model.tables.contains_key(name) {
            "table"
        } else if self.model.views.contains_key(name) {
            "view"
        } else if self.model.enums.contains_key(name) {
            "type"
        } else if self.model.index_or_key(name).is_some() {
            "index"
        } else {
            return Ok(());
        };
        let code = if what == "type" { state::DUPLICATE_OBJECT } else { state::DUPLICATE_TABLE };
        let message = format!("{what} \"{name}\" already exists");
        Err(self
            .error_at(ident, code, message)
            .hint("choose another name, drop the old one first, or write IF NOT EXISTS"))
    }

    /// Refuses a name that an engine which does not look at case would take for another.
    pub(super) fn differs_by_more_than_case<'n>(
        &self,
        name: &str,
        others: impl IntoIterator<Item = &'n str>,
        ident: &Ident,
    ) -> Result<()> {
        match others.into_iter().find(|other| *other != name && other.eq_ignore_ascii_case(name)) {
            None => Ok(()),
            Some(other) => {
                let message =
                    format!("\"{name}\" and \"{other}\" differ by case alone: not every engine tells them apart");
                Err(self.error_at(ident, code::UNSUPPORTED, message).hint("choose another name"))
            }
        }
    }

    /// Adds a column; answers the constraints that stood with it.
    pub(super) fn add_column(&mut self, table: &str, definition: &ColumnDef) -> Result<Vec<TableConstraint>> {
        let name = folded(&definition.name);
        let parts = self.column(definition)?;
        if self.model.tables[table].column(&name).is_some() {
            let message = format!("column \"{name}\" of table \"{table}\" already exists");
            return Err(self
                .error_at(&definition.name, state::DUPLICATE_COLUMN, message)
                .hint("give each column a name of its own"));
        }
        let others = self.model.tables[table].columns.iter().map(|c| c.name.as_str());
        self.differs_by_more_than_case(&name, others, &definition.name)?;
        self.change(table).columns.push(parts.column);
        Ok(parts.constraints)
    }

    /// Expressions of generated columns name columns of the table that are not generated themselves.
    pub(super) fn check_generated(&self, table: &str, definitions: &[ColumnDef]) -> Result<()> {
        let table = &self.model.tables[table];
        for definition in definitions {
            let Some(index) = table.column(&folded(&definition.name)) else { continue };
            let Some(expression) = &table.columns[index].generated else { continue };
            for named in self.expression_over(table, &expression.ast, "a generated column")? {
                if table.columns[named].generated.is_some() {
                    let message =
                        format!("generated column \"{}\" rests on a generated column", folded(&definition.name));
                    return Err(self
                        .error_at(&definition.name, "42P17", message)
                        .hint("write the other column's expression out"));
                }
            }
        }
        Ok(())
    }

    /// Refuses tables that are more than a table: the model would lose it.
    fn plain(&self, create: &CreateTable, ident: &Ident) -> Result<()> {
        let refuse = |what: &str, hint: &str| -> Result<()> {
            let error: Error =
                self.error_at(ident, code::UNSUPPORTED, format_args!("{what} is not kept on every engine"));
            Err(error.hint(hint.to_string()))
        };
        if create.temporary {
            return refuse("a temporary table", "a migration leaves no temporary table behind: use WITH … AS");
        }
        if create.unlogged {
            return refuse("an UNLOGGED table", "its changes would be in no log: leave the word out");
        }
        if create.query.is_some() {
            return refuse("CREATE TABLE … AS", "write the columns out, then INSERT … SELECT");
        }
        if create.like.is_some() || create.clone.is_some() {
            return refuse("CREATE TABLE (LIKE …)", "write the columns out");
        }
        if create.inherits.is_some() {
            return refuse("INHERITS", "write the columns out in each table");
        }
        if create.partition_by.is_some() || create.partition_of.is_some() {
            return refuse("a partitioned table", "leave the partitions out");
        }
        if create.columns.is_empty() {
            return refuse("a table without columns", "give it at least one column");
        }
        if matches!(create.table_options, CreateTableOptions::Plain(_)) {
            return refuse("an option of MySQL's (ENGINE, CHARSET, …)", "leave it out");
        }
        if create.strict || create.without_rowid {
            return refuse("an option of SQLite's (STRICT, WITHOUT ROWID)", "leave it out: tables are strict anyway");
        }
        Ok(())
    }
}
