//! The difference between two models, as changes to tables and indexes. What the statement text says matters for renames
//! alone: everything else follows from what the two models would be created as.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use brigade_core::{
    data::Result,
    schema::{Model, Table},
};
use rusqlite::{Connection, ErrorCode};
use sqlparser::ast::{AlterColumnOperation, AlterTableOperation, Expr, RenameTableNameKind, Statement};

use super::{plan::Planned, rebuild};
use crate::tables::{
    ddl,
    expression::{self, Untranslatable, folded, last_name},
    failed, index,
    name::quote,
};

type Translated<T> = std::result::Result<T, Untranslatable>;

/// What a statement does to tables and indexes.
#[derive(Default)]
pub(super) struct Changes {
    /// SQL to run first: ALTER TABLE … RENAME.
    renames: Vec<String>,
    drop_indexes: Vec<String>,
    drop_tables: Vec<String>,
    /// CREATE TABLE, ALTER TABLE ADD COLUMN.
    plain: Vec<String>,
    rebuild: Vec<Rebuild>,
    create_indexes: Vec<String>,
}

/// A table to make anew.
pub(super) struct Rebuild {
    /// The table as it is, after renames.
    pub old: Arc<Table>,
    /// The table as it will be.
    pub new: Arc<Table>,
    /// CREATE TABLE under [`rebuild::name`].
    pub create: String,
    /// `USING` of ALTER COLUMN TYPE, by column, translated.
    pub using: BTreeMap<String, String>,
}

impl Changes {
    /// Whether tables are made anew or dropped, so that foreign keys must not act.
    pub(super) fn rebuilds(&self) -> bool {
        !self.rebuild.is_empty() || !self.drop_tables.is_empty()
    }

    pub(super) fn between(before: &Model, after: &Model, statement: Option<&Statement>) -> Translated<Self> {
        let mut changes = Self::default();
        let mut forced = BTreeSet::new();
        let base = changes.renamed(before, statement, &mut forced);
        for (name, table) in &after.tables {
            match base.tables.get(name) {
                None => changes.plain.push(ddl::create_table(after, table, name)?),
                Some(old) => changes.fit(&base, after, old, table, forced.contains(name), statement)?,
            }
        }
        changes.drop_tables = base.tables.keys().filter(|n| !after.tables.contains_key(*n)).cloned().collect();
        changes.indexes(&base, after)?;
        // Views are made once the tables stand; what is wrong with one is known here, at its own place.
        for (name, view) in after.views.iter().filter(|(name, view)| before.views.get(*name) != Some(view)) {
            ddl::create_view(after, name, view)?;
        }
        Ok(changes)
    }

    /// The model before with the statement's renames done, so that the rest compares alike.
    fn renamed(&mut self, before: &Model, statement: Option<&Statement>, forced: &mut BTreeSet<String>) -> Model {
        let mut base = before.clone();
        let Some(Statement::AlterTable(alter)) = statement else { return base };
        let table = last_name(&alter.name);
        for operation in &alter.operations {
            match operation {
                AlterTableOperation::RenameTable { table_name } => {
                    let (RenameTableNameKind::As(to) | RenameTableNameKind::To(to)) = table_name;
                    let to = last_name(to);
                    self.renames.push(format!("ALTER TABLE {} RENAME TO {}", quote(&table), quote(&to)));
                    rename_table(&mut base, &table, &to);
                }
                AlterTableOperation::RenameColumn { old_column_name, new_column_name } => {
                    let (from, to) = (folded(old_column_name), folded(new_column_name));
                    self.renames.push(format!(
                        "ALTER TABLE {} RENAME COLUMN {} TO {}",
                        quote(&table),
                        quote(&from),
                        quote(&to)
                    ));
                    rename_column(&mut base, &table, &from, &to);
                    // The names of its checks hold the column's old name.
                    forced.insert(table.clone());
                }
                _ => {}
            }
        }
        base
    }

    fn fit(
        &mut self,
        base: &Model,
        after: &Model,
        old: &Arc<Table>,
        new: &Arc<Table>,
        forced: bool,
        statement: Option<&Statement>,
    ) -> Translated<()> {
        let text = ddl::create_table(after, new, &new.name)?;
        if !forced {
            if ddl::create_table(base, old, &old.name).is_ok_and(|t| t == text) {
                return Ok(());
            }
            if let Some(added) = added_columns(base, after, old, new)? {
                self.plain.extend(added);
                return Ok(());
            }
        }
        self.rebuild.push(Rebuild {
            old: Arc::clone(old),
            new: Arc::clone(new),
            create: ddl::create_table(after, new, &rebuild::name(&new.name))?,
            using: using(base, old, new, statement)?,
        });
        Ok(())
    }

    fn indexes(&mut self, base: &Model, after: &Model) -> Translated<()> {
        let (old, new) = (index_texts(base)?, index_texts(after)?);
        let lost: BTreeSet<&str> = self
            .rebuild
            .iter()
            .map(|r| r.new.name.as_str())
            .chain(self.drop_tables.iter().map(String::as_str))
            .collect();
        for (name, (table, text)) in &old {
            if !lost.contains(table.as_str()) && new.get(name).is_none_or(|(_, t)| t != text) {
                self.drop_indexes.push(name.clone());
            }
        }
        for (name, (table, text)) in new {
            if lost.contains(table.as_str()) || old.get(&name).is_none_or(|(_, t)| *t != text) {
                self.create_indexes.push(text);
            }
        }
        Ok(())
    }
}

/// Does the changes of a statement.
pub(super) fn apply(conn: &Connection, planned: &Planned<'_>) -> Result<()> {
    let changes = &planned.changes;
    let run = |sql: &str| {
        conn.execute_batch(sql).map_err(|e| match e.sqlite_error_code() {
            Some(ErrorCode::ConstraintViolation) => super::refused(e, &planned.after),
            _ => failed("change a table")(e),
        })
    };
    changes.renames.iter().try_for_each(|sql| run(sql))?;
    changes.drop_indexes.iter().try_for_each(|name| run(&format!("DROP INDEX {}", quote(name))))?;
    if changes.rebuilds() {
        rebuild::all(conn, &changes.rebuild, &changes.drop_tables, &planned.after)?;
    }
    changes.plain.iter().try_for_each(|sql| run(sql))?;
    changes.create_indexes.iter().try_for_each(|sql| run(sql))
}

/// ALTER TABLE ADD COLUMN, where that says all: columns at the end, without a constraint over several, and null or a
/// constant in the rows that are there.
fn added_columns(base: &Model, after: &Model, old: &Table, new: &Table) -> Translated<Option<Vec<String>>> {
    let width = old.columns.len();
    let appended = new.columns.len() > width
        && (&old.primary_key, &old.uniques, &old.foreign_keys, &old.checks)
            == (&new.primary_key, &new.uniques, &new.foreign_keys, &new.checks);
    if !appended {
        return Ok(None);
    }
    let first = Table { columns: new.columns[..width].to_vec(), ..new.clone() };
    if ddl::create_table(base, old, &old.name)? != ddl::create_table(after, &first, &old.name)? {
        return Ok(None);
    }
    let mut out = Vec::new();
    for (at, column) in new.columns.iter().enumerate().skip(width) {
        let constant = match &column.default {
            None => column.nullable,
            Some(e) => {
                let text = ddl::default_value(after, column, &e.ast)?;
                !text.contains(['(', '|']) && (column.nullable || text != "NULL")
            }
        };
        if !constant || column.generated.is_some() || column.identity.is_some() {
            return Ok(None);
        }
        out.push(format!("ALTER TABLE {} ADD COLUMN {}", quote(&new.name), ddl::column(after, new, at)?));
    }
    Ok(Some(out))
}

fn using(
    base: &Model,
    old: &Table,
    new: &Table,
    statement: Option<&Statement>,
) -> Translated<BTreeMap<String, String>> {
    let mut out = BTreeMap::new();
    let Some(Statement::AlterTable(alter)) = statement else { return Ok(out) };
    for operation in &alter.operations {
        if let AlterTableOperation::AlterColumn {
            column_name,
            op: AlterColumnOperation::SetDataType { using: Some(e), .. },
        } = operation
        {
            let name = folded(column_name);
            if let Some(at) = new.column(&name) {
                out.insert(name, said(base, old, e, new, at)?);
            }
        }
    }
    Ok(out)
}

fn said(base: &Model, old: &Table, e: &Expr, new: &Table, at: usize) -> Translated<String> {
    expression::Scope::of_table(base, old).value(e, &new.columns[at].ty)
}

fn index_texts(model: &Model) -> Translated<BTreeMap<String, (String, String)>> {
    let mut out = BTreeMap::new();
    for table in model.tables.values() {
        for one in &table.indexes {
            if let Some(text) = index::create(model, table, one)? {
                out.insert(one.name.clone(), (table.name.clone(), text));
            }
        }
    }
    Ok(out)
}

fn rename_table(model: &mut Model, from: &str, to: &str) {
    if let Some(table) = model.tables.remove(from) {
        let mut table = Arc::unwrap_or_clone(table);
        to.clone_into(&mut table.name);
        model.tables.insert(to.to_owned(), Arc::new(table));
    }
    for table in model.tables.values_mut() {
        if table.foreign_keys.iter().any(|k| k.table == from) {
            for key in Arc::make_mut(table).foreign_keys.iter_mut().filter(|k| k.table == from) {
                to.clone_into(&mut key.table);
            }
        }
    }
}

fn rename_column(model: &mut Model, table: &str, from: &str, to: &str) {
    for other in model.tables.values_mut() {
        let points = other.foreign_keys.iter().any(|k| k.table == table);
        if other.name != table && !points {
            continue;
        }
        let other = Arc::make_mut(other);
        for column in other.columns.iter_mut().filter(|c| other.name == table && c.name == from) {
            to.clone_into(&mut column.name);
        }
        for key in other.foreign_keys.iter_mut().filter(|k| k.table == table) {
            for name in key.references.iter_mut().filter(|n| *n == from) {
                to.clone_into(name);
            }
        }
    }
}
