//! Primary keys, unique keys, foreign keys and checks, wherever they stand.

use sqlparser::ast::{
    CheckConstraint, ConstraintCharacteristics, ConstraintReferenceMatchKind, ConstraintUsingIndex, DeferrableInitial,
    Expr, ForeignKeyConstraint, Ident, IndexColumn, NullsDistinctOption, ReferentialAction as Action, TableConstraint,
};

use crate::{
    data::{Result, SqlType, code},
    schema::{
        Check, Deferrable, Expression, ForeignKey, IndexOn, KeyConstraint, ReferentialAction, Table,
        place::did_you_mean,
    },
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

    fn deferrable(&self, given: Option<&ConstraintCharacteristics>, near: &Ident) -> Result<Deferrable> {
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

    fn add_foreign_key(&mut self, table: &str, key: &ForeignKeyConstraint, near: &Ident) -> Result<()> {
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

/// Columns of the keys and indexes that make a row of the table unique, whatever it holds.
fn unique_keys(table: &Table) -> impl Iterator<Item = Vec<usize>> + '_ {
    let keys = table.primary_key.iter().chain(&table.uniques);
    let keys = keys.filter(|k| k.deferrable == Deferrable::No).map(|k| k.columns.clone());
    let indexes = table.indexes.iter().filter(|i| i.unique && i.predicate.is_none());
    keys.chain(indexes.filter_map(|i| i.parts.iter().map(|part| plain_column(table, part)).collect()))
}

fn plain_column(table: &Table, part: &crate::schema::IndexPart) -> Option<usize> {
    match &part.of {
        IndexOn::Column(name) => table.column(name),
        IndexOn::Expression(_) => None,
    }
}

fn same_set(a: &[usize], b: &[usize]) -> bool {
    a.len() == b.len() && a.iter().all(|c| b.contains(c))
}

/// Whether PostgreSQL compares the two types in a foreign key.
fn comparable(a: &SqlType, b: &SqlType) -> bool {
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
