//! DROP, and what goes along with it.
//!
//! Invariant: without CASCADE nothing is dropped that something else rests on; with it exactly what PostgreSQL would drop.

use std::sync::Arc;

use sqlparser::ast::{Ident, ObjectName, ObjectType};

use crate::{
    data::{Result, code},
    schema::{IndexOn, Model, Table, place::did_you_mean},
};

use super::{Fold, enums, folded, state};

impl Fold<'_> {
    pub(super) fn drop(&mut self, what: ObjectType, name: &ObjectName, if_exists: bool, cascade: bool) -> Result<()> {
        let (name, ident) = self.name(name)?;
        let exists = match what {
            ObjectType::Table => self.model.tables.contains_key(&name),
            ObjectType::View => self.model.views.contains_key(&name),
            ObjectType::Type => self.model.enums.contains_key(&name),
            _ => self.model.index_or_key(&name).is_some(),
        };
        match what {
            _ if !exists && if_exists => Ok(()),
            ObjectType::Table if exists => self.drop_table(&name, cascade, ident),
            ObjectType::Table => Err(self.no_table(&name, ident)),
            ObjectType::View if exists => {
                self.drop_readers(&name, None, cascade, ident)?;
                self.model.views.remove(&name);
                Ok(())
            }
            ObjectType::View => {
                let hint = did_you_mean(&name, self.model.views.keys().map(String::as_str));
                let message = format!("view \"{name}\" does not exist");
                Err(self.error_at(ident, code::UNKNOWN_TABLE, message).hint(hint))
            }
            ObjectType::Type if exists => self.drop_type(&name, cascade, ident),
            ObjectType::Type => Err(self.no_type(&name, ident)),
            _ if exists => self.drop_index(&name, ident),
            _ => Err(self.no_index(&name, ident)),
        }
    }

    fn drop_table(&mut self, name: &str, cascade: bool, ident: &Ident) -> Result<()> {
        self.drop_readers(name, None, cascade, ident)?;
        self.drop_pointing(name, cascade, ident, |_| true)?;
        self.model.tables.remove(name);
        Ok(())
    }

    /// Refuses while other tables' foreign keys point here, or with CASCADE drops these foreign keys.
    fn drop_pointing(
        &mut self,
        name: &str,
        cascade: bool,
        ident: &Ident,
        at: impl Fn(&[String]) -> bool,
    ) -> Result<()> {
        for table in self.model.tables.values().cloned().collect::<Vec<Arc<Table>>>() {
            let points = |f: &crate::schema::ForeignKey| f.table == name && at(&f.references);
            let Some(key) = table.foreign_keys.iter().find(|f| points(f) && table.name != name) else { continue };
            if !cascade {
                let message = format!("foreign key \"{}\" of table \"{}\" points at \"{name}\"", key.name, table.name);
                return Err(self
                    .error_at(ident, state::DEPENDED_UPON, message)
                    .hint("drop the foreign key before, or write CASCADE"));
            }
            self.change(&table.name).foreign_keys.retain(|f| !points(f));
        }
        Ok(())
    }

    fn drop_index(&mut self, name: &str, ident: &Ident) -> Result<()> {
        let Some(table) = self.model.index_or_key(name).map(str::to_string) else { return Ok(()) };
        if self.model.tables[&table].has_constraint(name) {
            let message = format!("index \"{name}\" belongs to a constraint of table \"{table}\"");
            let hint = format!("write ALTER TABLE {table} DROP CONSTRAINT {name}");
            return Err(self.error_at(ident, state::DEPENDED_UPON, message).hint(hint));
        }
        self.change(&table).indexes.retain(|i| i.name != name);
        Ok(())
    }

    fn drop_type(&mut self, name: &str, cascade: bool, ident: &Ident) -> Result<()> {
        for table in self.model.tables.values().filter(|t| enums::uses(t, name)).cloned().collect::<Vec<Arc<Table>>>() {
            for column in table.columns.iter().filter(|c| enums::is_of(&c.ty, name)) {
                if !cascade {
                    let message = format!("column \"{}\" of table \"{}\" is of type {name}", column.name, table.name);
                    let hint = "give the column another type before, or write CASCADE, which drops it";
                    return Err(self.error_at(ident, state::DEPENDED_UPON, message).hint(hint));
                }
                self.drop_column(&table.name, &column.name, true, ident)?;
            }
        }
        self.model.enums.remove(name);
        Ok(())
    }

    /// Drops a column with its keys, indexes and checks; what other tables, views and columns have of it only by CASCADE.
    pub(super) fn drop_column(&mut self, table: &str, column: &str, cascade: bool, ident: &Ident) -> Result<()> {
        let of = self.model.tables[table].clone();
        let Some(index) = of.column(column) else { return Ok(()) };
        self.drop_readers(table, Some(column), cascade, ident)?;
        self.drop_pointing(table, cascade, ident, |references| references.iter().any(|r| r == column))?;
        let resting = |c: &crate::schema::Column| c.generated.as_ref().is_some_and(|g| g.names(column));
        let resting: Vec<String> = of.columns.iter().filter(|c| resting(c)).map(|c| c.name.clone()).collect();
        if let (Some(generated), false) = (resting.first(), cascade) {
            let message = format!("generated column \"{generated}\" rests on \"{column}\"");
            return Err(self.error_at(ident, state::DEPENDED_UPON, message).hint("drop it before, or write CASCADE"));
        }
        for generated in resting {
            self.drop_column(table, &generated, true, ident)?;
        }
        let index = self.model.tables[table].column(column).unwrap_or(index);
        self.change(table).remove_column(index, column);
        if self.model.tables[table].columns.is_empty() {
            let message = format!("table \"{table}\" would be left without columns");
            return Err(self.error_at(ident, code::UNSUPPORTED, message).hint("drop the table"));
        }
        Ok(())
    }

    pub(super) fn drop_constraint(&mut self, table: &str, ident: &Ident, if_exists: bool, cascade: bool) -> Result<()> {
        let name = folded(ident);
        let of = self.model.tables[table].clone();
        let key = of.primary_key.iter().chain(&of.uniques).find(|k| k.name == name);
        if !of.has_constraint(&name) {
            if if_exists {
                return Ok(());
            }
            let keys = of.primary_key.iter().chain(&of.uniques).map(|k| k.name.as_str());
            let foreign_keys = of.foreign_keys.iter().map(|f| f.name.as_str());
            let known = keys.chain(foreign_keys).chain(of.checks.iter().map(|c| c.name.as_str()));
            let message = format!("constraint \"{name}\" of table \"{table}\" does not exist");
            return Err(self.error_at(ident, state::UNKNOWN_OBJECT, message).hint(did_you_mean(&name, known)));
        }
        if let Some(key) = key {
            let columns: Vec<&str> = key.columns.iter().map(|&i| of.columns[i].name.as_str()).collect();
            let same = |r: &[String]| r.len() == columns.len() && r.iter().all(|c| columns.contains(&c.as_str()));
            self.drop_pointing(table, cascade, ident, same)?;
        }
        let of = self.change(table);
        if of.primary_key.as_ref().is_some_and(|k| k.name == name) {
            of.primary_key = None;
        }
        of.uniques.retain(|k| k.name != name);
        of.foreign_keys.retain(|f| f.name != name);
        of.checks.retain(|c| c.name != name);
        Ok(())
    }
}

impl Table {
    /// Takes a column out, and every key, index and check that names it; the rest is numbered anew.
    fn remove_column(&mut self, index: usize, column: &str) {
        self.columns.remove(index);
        self.primary_key = self.primary_key.take().filter(|k| !k.columns.contains(&index));
        self.uniques.retain(|k| !k.columns.contains(&index));
        let name = self.name.clone();
        let into_it = |f: &crate::schema::ForeignKey| f.table == name && f.references.iter().any(|r| r == column);
        self.foreign_keys.retain(|f| !f.columns.contains(&index) && !into_it(f));
        self.checks.retain(|c| !c.expression.names(column));
        self.indexes.retain(|i| {
            let part = |p: &crate::schema::IndexPart| match &p.of {
                IndexOn::Column(name) => name == column,
                IndexOn::Expression(expression) => expression.names(column),
            };
            let included = i.include.iter().any(|c| c == column);
            !included && !i.parts.iter().any(part) && !i.predicate.as_ref().is_some_and(|p| p.names(column))
        });
        let keys = self.primary_key.iter_mut().chain(&mut self.uniques).map(|k| &mut k.columns);
        for columns in keys.chain(self.foreign_keys.iter_mut().map(|f| &mut f.columns)) {
            for at in columns.iter_mut().filter(|at| **at > index) {
                *at -= 1;
            }
        }
    }
}

impl Model {
    /// Foreign keys of all tables that point at a table.
    pub(super) fn pointing_at(&self, table: &str) -> Vec<String> {
        let points = |t: &&Arc<Table>| t.foreign_keys.iter().any(|f| f.table == table);
        self.tables.values().filter(points).map(|t| t.name.clone()).collect()
    }
}
