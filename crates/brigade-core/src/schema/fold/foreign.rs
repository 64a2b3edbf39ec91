//! Foreign keys.
//!
//! Invariant: a foreign key in the model points at columns that exist, are unique, and have comparable types.

use sqlparser::ast::{ConstraintReferenceMatchKind, ForeignKeyConstraint, Ident, ReferentialAction as Action};

use crate::{
    data::{Result, SqlType, code},
    schema::{Deferrable, ForeignKey, ReferentialAction, Table},
};

use super::{Fold, constraint::plain_column, folded, names, state};

impl Fold<'_> {
    pub(super) fn add_foreign_key(&mut self, table: &str, key: &ForeignKeyConstraint, near: &Ident) -> Result<()> {
        let target = self.table_named(&key.foreign_table)?;
        let of = self.model.tables[table].clone();
        let columns = key.columns.iter().map(|c| self.column_named(&of, c)).collect::<Result<Vec<_>>>()?;
        let near = key.columns.first().unwrap_or(near);
        let references = self.referred(&target, key, near)?;
        if columns.len() != references.len() {
            let message = format!("{} columns point at {}", columns.len(), references.len());
            return Err(self.error_at(near, state::INVALID_FOREIGN_KEY, message).hint("name as many on either side"));
        }
        for (&column, &referred) in columns.iter().zip(&references) {
            let (column, referred) = (&of.columns[column], &target.columns[referred]);
            if !comparable(&column.ty, &referred.ty) {
                let message = format!(
                    "column \"{}\" is {} and points at \"{}.{}\", which is {}",
                    column.name, column.ty, target.name, referred.name, referred.ty
                );
                return Err(self.error_at(near, state::TYPE_MISMATCH, message).hint("give both the same type"));
            }
        }
        match key.match_kind {
            Some(ConstraintReferenceMatchKind::Full) if columns.len() > 1 => {
                let error = self.error_at(near, code::UNSUPPORTED, "MATCH FULL is not kept on every engine");
                return Err(error.hint("leave it out, and add a CHECK that all columns or none are null"));
            }
            Some(ConstraintReferenceMatchKind::Partial) => {
                return Err(self
                    .error_at(near, code::UNSUPPORTED, "MATCH PARTIAL is known to no engine")
                    .hint("leave it out"));
            }
            _ => {}
        }
        let name = match &key.name {
            Some(ident) => {
                self.constraint_is_free(table, &folded(ident), ident)?;
                folded(ident)
            }
            None => {
                let columns = names::of_columns(columns.iter().map(|&i| of.columns[i].name.as_str()));
                names::free(table, Some(&columns), "fkey", |n| self.model.has_constraint(n))
            }
        };
        let foreign_key = ForeignKey {
            name,
            columns,
            references: references.iter().map(|&i| target.columns[i].name.clone()).collect(),
            table: target.name.clone(),
            on_delete: action(key.on_delete),
            on_update: action(key.on_update),
            deferrable: self.deferrable(key.characteristics.as_ref(), near)?,
        };
        self.change(table).foreign_keys.push(foreign_key);
        Ok(())
    }

    /// The columns a foreign key points at: those given, which must be a unique key, or the primary key.
    fn referred(&self, target: &Table, key: &ForeignKeyConstraint, near: &Ident) -> Result<Vec<usize>> {
        if key.referred_columns.is_empty() {
            let Some(primary) = &target.primary_key else {
                let message = format!("table \"{}\" has no primary key to point at", target.name);
                return Err(self
                    .error_at(near, state::UNKNOWN_OBJECT, message)
                    .hint("name a unique key: REFERENCES t (a)"));
            };
            return Ok(primary.columns.clone());
        }
        let given = key.referred_columns.iter().map(|c| self.column_named(target, c)).collect::<Result<Vec<_>>>()?;
        if unique_keys(target).any(|columns| same_set(&columns, &given)) {
            return Ok(given);
        }
        let list: Vec<&str> = given.iter().map(|&i| target.columns[i].name.as_str()).collect();
        let message = format!("table \"{}\" has no unique key on ({})", target.name, list.join(", "));
        Err(self.error_at(&key.referred_columns[0], state::INVALID_FOREIGN_KEY, message).hint(format!(
            "add UNIQUE ({}) to table \"{}\"",
            list.join(", "),
            target.name
        )))
    }
}

/// Columns of the keys and indexes that make a row of the table unique, whatever it holds.
fn unique_keys(table: &Table) -> impl Iterator<Item = Vec<usize>> + '_ {
    let keys = table.primary_key.iter().chain(&table.uniques);
    let keys = keys.filter(|k| k.deferrable == Deferrable::No).map(|k| k.columns.clone());
    let indexes = table.indexes.iter().filter(|i| i.unique && i.predicate.is_none());
    keys.chain(indexes.filter_map(|i| i.parts.iter().map(|part| plain_column(table, part)).collect()))
}

fn same_set(a: &[usize], b: &[usize]) -> bool {
    a.len() == b.len() && a.iter().all(|c| b.contains(c))
}

/// Whether PostgreSQL compares the two types in a foreign key.
pub(super) fn comparable(a: &SqlType, b: &SqlType) -> bool {
    a == b || a.is_number() && b.is_number() || a.is_text() && b.is_text()
}

fn action(action: Option<Action>) -> ReferentialAction {
    match action {
        None | Some(Action::NoAction) => ReferentialAction::NoAction,
        Some(Action::Restrict) => ReferentialAction::Restrict,
        Some(Action::Cascade) => ReferentialAction::Cascade,
        Some(Action::SetNull) => ReferentialAction::SetNull,
        Some(Action::SetDefault) => ReferentialAction::SetDefault,
    }
}
