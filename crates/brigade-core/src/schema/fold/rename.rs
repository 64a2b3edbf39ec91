//! Renaming tables, columns and constraints: every expression and foreign key follows.

use sqlparser::ast::{Ident, ObjectName};

use crate::{
    data::Result,
    schema::{Expression, IndexOn, Table, place::did_you_mean},
};

use super::{Fold, folded, state};

impl Fold<'_> {
    pub(super) fn rename_table(&mut self, table: &str, to: &ObjectName, at: &Ident) -> Result<()> {
        let (new, ident) = self.name(to)?;
        let ident = ident.clone();
        self.may_create(&new, &ident)?;
        self.drop_readers(table, None, false, at)?;
        for pointing in self.model.pointing_at(table) {
            for key in self.change(&pointing).foreign_keys.iter_mut().filter(|f| f.table == table) {
                key.table.clone_from(&new);
            }
        }
        let Some(mut renamed) = self.model.tables.remove(table) else { return Ok(()) };
        let of = std::sync::Arc::make_mut(&mut renamed);
        of.name.clone_from(&new);
        of.expressions(|e| e.rename_table(table, &ident));
        self.model.tables.insert(new, renamed);
        Ok(())
    }

    pub(super) fn rename_column(&mut self, table: &str, from: &Ident, to: &Ident) -> Result<()> {
        let of = self.model.tables[table].clone();
        let index = self.column_named(&of, from)?;
        let (old, new) = (folded(from), folded(to));
        if of.column(&new).is_some() {
            let message = format!("column \"{new}\" of table \"{table}\" already exists");
            return Err(self.error_at(to, state::DUPLICATE_COLUMN, message).hint("choose another name"));
        }
        let others = of.columns.iter().map(|c| c.name.as_str()).filter(|name| *name != old);
        self.differs_by_more_than_case(&new, others, to)?;
        self.drop_readers(table, Some(&old), false, from)?;
        for pointing in self.model.pointing_at(table) {
            let keys = self.change(&pointing).foreign_keys.iter_mut().filter(|f| f.table == table);
            for column in keys.flat_map(|f| &mut f.references).filter(|c| **c == old) {
                column.clone_from(&new);
            }
        }
        let of = self.change(table);
        of.columns[index].name.clone_from(&new);
        for index in &mut of.indexes {
            let parts = index.parts.iter_mut().filter_map(|part| match &mut part.of {
                IndexOn::Column(name) => Some(name),
                IndexOn::Expression(_) => None,
            });
            for name in parts.chain(&mut index.include).filter(|name| **name == old) {
                name.clone_from(&new);
            }
        }
        of.expressions(|e| e.rename_column(table, &old, to));
        Ok(())
    }

    pub(super) fn rename_constraint(&mut self, table: &str, from: &Ident, to: &Ident) -> Result<()> {
        let (old, new) = (folded(from), folded(to));
        let of = self.model.tables[table].clone();
        if !of.has_constraint(&old) {
            let checks = of.checks.iter().map(|c| c.name.as_str());
            let known = checks.chain(of.foreign_keys.iter().map(|f| f.name.as_str()));
            let message = format!("constraint \"{old}\" of table \"{table}\" does not exist");
            return Err(self.error_at(from, state::UNKNOWN_OBJECT, message).hint(did_you_mean(&old, known)));
        }
        self.constraint_is_free(table, &new, to)?;
        let is_key = of.primary_key.iter().chain(&of.uniques).any(|k| k.name == old);
        if is_key {
            self.may_create_index(&new, to)?;
        }
        let of = self.change(table);
        let keys = of.primary_key.iter_mut().chain(&mut of.uniques).map(|k| &mut k.name);
        let others = of.foreign_keys.iter_mut().map(|f| &mut f.name).chain(of.checks.iter_mut().map(|c| &mut c.name));
        for name in keys.chain(others).filter(|name| **name == old) {
            name.clone_from(&new);
        }
        Ok(())
    }
}

impl Table {
    /// Every expression that may name a column of the table.
    fn expressions(&mut self, edit: impl Fn(&mut Expression)) {
        self.checks.iter_mut().for_each(|c| edit(&mut c.expression));
        self.columns.iter_mut().filter_map(|c| c.generated.as_mut()).for_each(&edit);
        for index in &mut self.indexes {
            index.predicate.iter_mut().for_each(&edit);
            for part in &mut index.parts {
                if let IndexOn::Expression(expression) = &mut part.of {
                    edit(expression);
                }
            }
        }
    }
}
