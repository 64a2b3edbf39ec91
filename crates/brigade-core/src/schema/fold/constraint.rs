//! Primary keys, unique keys, foreign keys and checks, wherever they stand.

use sqlparser::ast::{
    CheckConstraint, ConstraintCharacteristics, ConstraintUsingIndex, DeferrableInitial, Expr, Ident, IndexColumn,
    NullsDistinctOption, TableConstraint,
};

use crate::{
    data::{Result, code},
    schema::{Check, Deferrable, Expression, IndexOn, KeyConstraint, Table, place::did_you_mean},
};

use super::{Fold, folded, names, state};

impl Fold<'_> {
    /// Adds a constraint to a table that is in the model. `near` is where to point if the constraint has no name.
    pub(super) fn add_constraint(&mut self, table: &str, constraint: &TableConstraint, near: &Ident) -> Result<()> {
        match constraint {
            TableConstraint::PrimaryKey(key) => {
                let columns = self.key_columns(table, &key.columns, near)?;
                self.add_primary_key(table, key.name.as_ref(), columns, key.characteristics.as_ref(), near)
            }
            TableConstraint::Unique(key) => {
                let columns = self.key_columns(table, &key.columns, near)?;
                let of_primary = self.model.tables[table].primary_key.as_ref().is_some_and(|k| k.columns == columns);
                if of_primary && key.name.is_none() {
                    return Ok(());
                }
                let name = self.key_name(table, key.name.as_ref(), Some(&columns), "key")?;
                let deferrable = self.deferrable(key.characteristics.as_ref(), near)?;
                let nulls_not_distinct = key.nulls_distinct == NullsDistinctOption::NotDistinct;
                self.change(table).uniques.push(KeyConstraint { name, columns, deferrable, nulls_not_distinct });
                Ok(())
            }
            TableConstraint::ForeignKey(key) => self.add_foreign_key(table, key, near),
            TableConstraint::Check(check) => self.add_check(table, check),
            TableConstraint::Index(index) => self.add_inline_index(table, index, near),
            TableConstraint::PrimaryKeyUsingIndex(key) => self.key_from_index(table, key, true),
            TableConstraint::UniqueUsingIndex(key) => self.key_from_index(table, key, false),
            TableConstraint::Exclude(_) => Err(self
                .error_at(near, code::UNSUPPORTED, "EXCLUDE is not kept on every engine")
                .hint("put ALTER TABLE … ADD CONSTRAINT … EXCLUDE into NNNN_name.postgres.sql")),
            other => Err(self
                .error_at(near, code::SYNTAX, format_args!("{other} is not PostgreSQL's"))
                .hint("write CREATE INDEX … USING gin behind the table")),
        }
    }

    fn add_primary_key(
        &mut self,
        table: &str,
        name: Option<&Ident>,
        columns: Vec<usize>,
        characteristics: Option<&ConstraintCharacteristics>,
        near: &Ident,
    ) -> Result<()> {
        if self.model.tables[table].primary_key.is_some() {
            let message = format!("table \"{table}\" has two primary keys");
            return Err(self
                .error_at(near, state::INVALID_TABLE, message)
                .hint("write PRIMARY KEY (a, b) once, below the columns"));
        }
        let name = self.key_name(table, name, None, "pkey")?;
        let deferrable = self.deferrable(characteristics, near)?;
        let table = self.change(table);
        for &column in &columns {
            table.columns[column].nullable = false;
        }
        table.primary_key = Some(KeyConstraint { name, columns, deferrable, nulls_not_distinct: false });
        Ok(())
    }

    fn key_columns(&self, table: &str, columns: &[IndexColumn], near: &Ident) -> Result<Vec<usize>> {
        let table = &self.model.tables[table];
        let mut out = Vec::with_capacity(columns.len());
        for column in columns {
            let Expr::Identifier(ident) = &column.column.expr else {
                let message = "a key of an expression";
                return Err(self.error_at(near, code::SYNTAX, message).hint("write CREATE UNIQUE INDEX for it"));
            };
            let index = self.column_named(table, ident)?;
            if out.contains(&index) {
                let message = format!("column \"{}\" stands twice in a key", folded(ident));
                return Err(self.error_at(ident, state::DUPLICATE_COLUMN, message).hint("name it once"));
            }
            out.push(index);
        }
        Ok(out)
    }

    /// The name of a key, which is an index, too: given and free, or made.
    fn key_name(&self, table: &str, given: Option<&Ident>, columns: Option<&[usize]>, label: &str) -> Result<String> {
        if let Some(ident) = given {
            let name = folded(ident);
            self.constraint_is_free(table, &name, ident)?;
            self.may_create_index(&name, ident)?;
            return Ok(name);
        }
        let columns = columns.map(|columns| {
            let table = &self.model.tables[table];
            names::of_columns(columns.iter().map(|&i| table.columns[i].name.as_str()))
        });
        let taken = |name: &str| self.model.has_relation(name) || self.model.has_constraint(name);
        Ok(names::free(table, columns.as_deref(), label, taken))
    }

    pub(super) fn constraint_is_free(&self, table: &str, name: &str, ident: &Ident) -> Result<()> {
        if !self.model.tables[table].has_constraint(name) {
            return Ok(());
        }
        let message = format!("constraint \"{name}\" of table \"{table}\" already exists");
        Err(self.error_at(ident, state::DUPLICATE_OBJECT, message).hint("choose another name, or leave it out"))
    }

    pub(super) fn deferrable(&self, given: Option<&ConstraintCharacteristics>, near: &Ident) -> Result<Deferrable> {
        let Some(given) = given else { return Ok(Deferrable::No) };
        if given.enforced == Some(false) {
            let error = self.error_at(near, code::UNSUPPORTED, "NOT ENFORCED is not kept on every engine");
            return Err(error.hint("leave the constraint out"));
        }
        Ok(match (given.deferrable, given.initially) {
            (Some(false), _) | (None, None | Some(DeferrableInitial::Immediate)) => Deferrable::No,
            (_, Some(DeferrableInitial::Deferred)) => Deferrable::InitiallyDeferred,
            _ => Deferrable::InitiallyImmediate,
        })
    }

    fn add_check(&mut self, table: &str, check: &CheckConstraint) -> Result<()> {
        let columns = self.expression_over(&self.model.tables[table], &check.expr, "a check")?;
        if check.enforced == Some(false) {
            let error = self.error(code::UNSUPPORTED, "NOT ENFORCED is not kept on every engine");
            return Err(error.hint("leave the check out"));
        }
        let name = match &check.name {
            Some(ident) => {
                self.constraint_is_free(table, &folded(ident), ident)?;
                folded(ident)
            }
            None => {
                let of = &self.model.tables[table];
                let column = if let [one] = columns.as_slice() { Some(of.columns[*one].name.as_str()) } else { None };
                names::free(table, column, "check", |n| self.model.has_constraint(n))
            }
        };
        self.change(table).checks.push(Check { name, expression: Expression::of(&check.expr) });
        Ok(())
    }

    /// `ADD CONSTRAINT … UNIQUE USING INDEX`: the index becomes the key.
    fn key_from_index(&mut self, table: &str, key: &ConstraintUsingIndex, primary: bool) -> Result<()> {
        let index_name = folded(&key.index_name);
        let of = self.model.tables[table].clone();
        let Some(at) = of.indexes.iter().position(|i| i.name == index_name) else {
            let message = format!("index \"{index_name}\" of table \"{table}\" does not exist");
            let hint = did_you_mean(&index_name, of.indexes.iter().map(|i| i.name.as_str()));
            return Err(self.error_at(&key.index_name, state::UNKNOWN_OBJECT, message).hint(hint));
        };
        let index = &of.indexes[at];
        let columns: Option<Vec<usize>> = index.parts.iter().map(|part| plain_column(&of, part)).collect();
        let Some(columns) = columns.filter(|_| index.unique && index.predicate.is_none()) else {
            let message = format!("index \"{index_name}\" is not unique over plain columns of all rows");
            return Err(self.error_at(&key.index_name, state::WRONG_OBJECT, message).hint("write the key out"));
        };
        self.change(table).indexes.remove(at);
        let name = key.name.clone().unwrap_or_else(|| key.index_name.clone());
        let nulls_not_distinct = index.nulls_not_distinct;
        if primary {
            return self.add_primary_key(table, Some(&name), columns, key.characteristics.as_ref(), &key.index_name);
        }
        let deferrable = self.deferrable(key.characteristics.as_ref(), &key.index_name)?;
        self.constraint_is_free(table, &folded(&name), &name)?;
        self.change(table).uniques.push(KeyConstraint { name: folded(&name), columns, deferrable, nulls_not_distinct });
        Ok(())
    }
}

/// The column that a part of an index is, if it is one.
pub(super) fn plain_column(table: &Table, part: &crate::schema::IndexPart) -> Option<usize> {
    match &part.of {
        IndexOn::Column(name) => table.column(name),
        IndexOn::Expression(_) => None,
    }
}
