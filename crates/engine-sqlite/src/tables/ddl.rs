//! CREATE TABLE and CREATE VIEW, as SQLite says what the model means.

use brigade_core::{
    data::SqlType,
    schema::{Column, Deferrable, ForeignKey, KeyConstraint, Model, ReferentialAction, Table, View},
};

use super::{
    expression::{Scope, Untranslatable},
    name::{self, quote},
    select, shape,
};

/// CREATE TABLE of a model's table, under a name of its own (a rebuild makes the new one beside the old one).
pub(super) fn create_table(model: &Model, table: &Table, name: &str) -> Result<String, Untranslatable> {
    let mut parts = Vec::new();
    for index in 0..table.columns.len() {
        parts.push(column(model, table, index)?);
    }
    if let Some(key) = table.primary_key.as_ref().filter(|_| numbering(table).is_none()) {
        parts.push(unique(table, key, "PRIMARY KEY")?);
    }
    for key in &table.uniques {
        parts.push(unique(table, key, "UNIQUE")?);
    }
    let scope = Scope::of_table(model, table);
    for check in &table.checks {
        let condition = scope.condition(&check.expression.ast)?;
        parts.push(format!("CONSTRAINT {} CHECK ({condition})", quote(&check.name)));
    }
    for key in &table.foreign_keys {
        parts.push(foreign_key(table, key));
    }
    Ok(format!("CREATE TABLE {} (\n  {}\n) STRICT", quote(name), parts.join(",\n  ")))
}

/// A column's definition: what CREATE TABLE and ALTER TABLE ADD COLUMN say of it.
pub(super) fn column(model: &Model, table: &Table, index: usize) -> Result<String, Untranslatable> {
    let column = &table.columns[index];
    let mut out = quote(&column.name);
    if numbering(table) == Some(index) {
        out.push_str(" INTEGER PRIMARY KEY AUTOINCREMENT");
    } else {
        // INT, not INTEGER: an INTEGER PRIMARY KEY would number itself, which PostgreSQL's does not.
        let integer_key = table.key() == [index] && shape::storage(&column.ty) == "INTEGER";
        out.push(' ');
        out.push_str(if integer_key { "INT" } else { shape::storage(&column.ty) });
        out.push_str(if column.nullable { "" } else { " NOT NULL" });
        out.push_str(&default(model, table, column)?);
    }
    out.push_str(&shape::checks(model, column)?);
    if let Some(expression) = &column.generated {
        let value = Scope::of_table(model, table).value(&expression.ast, &column.ty)?;
        out.push_str(&format!(" GENERATED ALWAYS AS ({value}) STORED"));
    }
    Ok(out)
}

fn default(model: &Model, table: &Table, column: &Column) -> Result<String, Untranslatable> {
    if column.identity.is_some() {
        return Err(Untranslatable::new(
            format!("on sqlite only a primary key of one column numbers itself, not {}.{}", table.name, column.name),
            &column.name,
        )
        .hint("make it the primary key, or number it in the application"));
    }
    let Some(expression) = &column.default else { return Ok(String::new()) };
    let value = default_value(model, column, &expression.ast)?;
    Ok(format!(" DEFAULT ({value})"))
}

/// A default's value, as the column keeps it.
pub(super) fn default_value(
    model: &Model,
    column: &Column,
    expression: &sqlparser::ast::Expr,
) -> Result<String, Untranslatable> {
    Scope::of_nothing(model).value(expression, &column.ty)
}

/// The column that numbers itself, if it is the whole primary key.
pub(super) fn numbering(table: &Table) -> Option<usize> {
    match table.key() {
        &[only] if table.columns[only].identity.is_some() => Some(only),
        _ => None,
    }
}

/// The column that is the table's rowid.
pub(super) fn rowid_column(table: &Table) -> Option<usize> {
    numbering(table)
}

fn unique(table: &Table, key: &KeyConstraint, kind: &str) -> Result<String, Untranslatable> {
    if key.deferrable == Deferrable::InitiallyDeferred {
        return Err(Untranslatable::new(
            format!("sqlite cannot defer the constraint {}", key.name),
            "INITIALLY DEFERRED",
        )
        .hint("leave INITIALLY DEFERRED out of unique and primary keys"));
    }
    refuse_nulls_not_distinct(key.nulls_not_distinct && key.columns.iter().any(|&c| table.columns[c].nullable))?;
    let columns = name::list(key.columns.iter().map(|&c| table.columns[c].name.as_str()));
    Ok(format!("CONSTRAINT {} {kind} ({columns})", quote(&key.name)))
}

/// SQLite's unique keys never count two nulls as equal.
pub(super) fn refuse_nulls_not_distinct(asked: bool) -> Result<(), Untranslatable> {
    if !asked {
        return Ok(());
    }
    Err(Untranslatable::new("sqlite has no NULLS NOT DISTINCT for columns that may be null".to_owned(), "NULLS")
        .hint("make the columns NOT NULL, or add a unique index with WHERE column IS NULL"))
}

fn foreign_key(table: &Table, key: &ForeignKey) -> String {
    let columns = name::list(key.columns.iter().map(|&c| table.columns[c].name.as_str()));
    let references = name::list(key.references.iter().map(String::as_str));
    let mut out = format!(
        "CONSTRAINT {} FOREIGN KEY ({columns}) REFERENCES {} ({references})",
        quote(&key.name),
        quote(&key.table)
    );
    for (event, action) in [("DELETE", key.on_delete), ("UPDATE", key.on_update)] {
        let action = match action {
            ReferentialAction::NoAction => continue,
            ReferentialAction::Restrict => "RESTRICT",
            ReferentialAction::Cascade => "CASCADE",
            ReferentialAction::SetNull => "SET NULL",
            ReferentialAction::SetDefault => "SET DEFAULT",
        };
        out.push_str(&format!(" ON {event} {action}"));
    }
    match key.deferrable {
        Deferrable::No => {}
        Deferrable::InitiallyImmediate => out.push_str(" DEFERRABLE INITIALLY IMMEDIATE"),
        Deferrable::InitiallyDeferred => out.push_str(" DEFERRABLE INITIALLY DEFERRED"),
    }
    out
}

/// CREATE VIEW of a model's view.
pub(super) fn create_view(model: &Model, name: &str, view: &View) -> Result<String, Untranslatable> {
    let query = select::query(&Scope::of_nothing(model), &view.query)?.text;
    let columns = if view.columns.is_empty() {
        String::new()
    } else {
        format!(" ({})", name::list(view.columns.iter().map(String::as_str)))
    };
    Ok(format!("CREATE VIEW {}{columns} AS {query}", quote(name)))
}

/// Whether two types are stored alike, so that a value need not be changed when a column takes the other type.
pub(super) fn same_storage(old: &SqlType, new: &SqlType) -> bool {
    let plain_text = |ty: &SqlType| matches!(ty, SqlType::Text | SqlType::VarChar(_) | SqlType::Enum(_));
    let integer = |ty: &SqlType| matches!(ty, SqlType::SmallInt | SqlType::Int | SqlType::BigInt);
    old == new || plain_text(old) && plain_text(new) || integer(old) && integer(new)
}
