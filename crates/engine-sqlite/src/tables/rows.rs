//! INSERT, UPDATE, DELETE and SELECT of migrations, for a model's tables.

use brigade_core::{
    data::SqlType,
    schema::{Model, Table},
};
use sqlparser::ast::{
    Assignment, AssignmentTarget, ConflictTarget, Delete, FromTable, Insert, OnConflictAction, OnInsert, SelectItem,
    Statement, TableFactor, TableObject, Update, UpdateTableFromKind,
};

use super::{
    expression::{Result, Scope, Source, Untranslatable, folded, last_name, unknown},
    name::{self, quote},
    select,
};

/// A translated statement.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    /// SQLite's text.
    pub text: String,
    /// Tables from which rows may go, or whose columns change, so that foreign keys act.
    pub touched: Option<Touched>,
}

/// What a statement does to rows that others may point at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Touched {
    /// Rows go.
    Deletes(String),
    /// These columns change.
    Updates(String, Vec<String>),
}

/// Translates a statement that reads or writes rows.
pub(super) fn statement(model: &Model, statement: &Statement) -> Result<Rows> {
    given(&Scope::of_nothing(model), statement)
}

/// The same where a scope says what is given.
pub(super) fn given(nothing: &Scope<'_>, statement: &Statement) -> Result<Rows> {
    let model = nothing.model;
    match statement {
        Statement::Query(q) => Ok(Rows { text: select::query(nothing, q)?.text, touched: None }),
        Statement::Insert(insert) => self::insert(nothing, model, insert),
        Statement::Update(update) => self::update(nothing, model, update),
        Statement::Delete(delete) => self::delete(nothing, model, delete),
        other => Err(unknown("the statement", &other.to_string())),
    }
}

fn table<'m>(model: &'m Model, name: &str) -> Result<&'m Table> {
    if let Some(table) = model.table(name) {
        return Ok(table);
    }
    Err(Untranslatable::new(format!("there is no table {name}"), name))
}

fn column<'t>(table: &'t Table, name: &str) -> Result<&'t SqlType> {
    match table.column(name) {
        Some(at) => Ok(&table.columns[at].ty),
        None => Err(Untranslatable::new(format!("there is no column {}.{name}", table.name), name)),
    }
}

fn insert(nothing: &Scope<'_>, model: &Model, insert: &Insert) -> Result<Rows> {
    let TableObject::TableName(name) = &insert.table else {
        return Err(unknown("the statement", &insert.to_string()));
    };
    let table = table(model, &last_name(name))?;
    let alias = insert.table_alias.as_ref().map_or_else(|| table.name.clone(), |a| folded(&a.alias));
    let columns: Vec<String> = match insert.columns.as_slice() {
        [] => table.columns.iter().filter(|c| c.generated.is_none()).map(|c| c.name.clone()).collect(),
        given => given.iter().map(last_name).collect(),
    };
    let wants: Vec<SqlType> = columns.iter().map(|c| column(table, c).cloned()).collect::<Result<_>>()?;
    let shown =
        if alias == table.name { quote(&alias) } else { format!("{} AS {}", quote(&table.name), quote(&alias)) };
    let mut text = match &insert.source {
        None => format!("INSERT INTO {shown} DEFAULT VALUES"),
        Some(source) => {
            let given = given_width(source).filter(|_| insert.columns.is_empty()).unwrap_or(columns.len());
            let columns = name::list(columns.iter().take(given).map(String::as_str));
            let source = select::typed(nothing, source, &wants)?.text;
            // SQLite would read ON CONFLICT after a FROM as a join's ON.
            let guard = if insert.on.is_some() && !source.contains(" WHERE ") && source.contains(" FROM ") {
                " WHERE 1"
            } else {
                ""
            };
            format!("INSERT INTO {shown} ({columns}) {source}{guard}")
        }
    };
    let mut touched = None;
    let mut scope = nothing.clone();
    scope.sources.push(Source::of(table, "excluded"));
    scope.sources.push(Source::of(table, &alias));
    if let Some(on) = &insert.on {
        let OnInsert::OnConflict(on) = on else { return Err(unknown("the clause", &on.to_string())) };
        text.push_str(" ON CONFLICT");
        match &on.conflict_target {
            None => {}
            Some(ConflictTarget::Columns(columns)) => {
                let columns: Vec<String> = columns.iter().map(folded).collect();
                text.push_str(&format!(" ({})", name::list(columns.iter().map(String::as_str))));
            }
            Some(ConflictTarget::OnConstraint(constraint)) => {
                text.push_str(&format!(" ({})", constraint_columns(table, &last_name(constraint))?));
            }
        }
        match &on.action {
            OnConflictAction::DoNothing => text.push_str(" DO NOTHING"),
            OnConflictAction::DoUpdate(update) => {
                let (set, names) = assignments(&scope, table, &update.assignments)?;
                text.push_str(&format!(" DO UPDATE SET {set}"));
                if let Some(condition) = &update.selection {
                    text.push_str(&format!(" WHERE {}", scope.condition(condition)?));
                }
                touched = Some(Touched::Updates(table.name.clone(), names));
            }
        }
    }
    text.push_str(&returning(nothing, table, insert.returning.as_deref())?);
    Ok(Rows { text, touched })
}

/// How many values each row of VALUES gives: fewer than the table has columns means the first ones.
fn given_width(source: &sqlparser::ast::Query) -> Option<usize> {
    match &*source.body {
        sqlparser::ast::SetExpr::Values(values) => values.rows.first().map(|r| r.content.len()),
        _ => None,
    }
}

fn constraint_columns(table: &Table, name: &str) -> Result<String> {
    let key = table.primary_key.iter().chain(&table.uniques).find(|k| k.name == name);
    let key = key.ok_or_else(|| Untranslatable::new(format!("there is no unique constraint {name}"), name))?;
    Ok(name::list(key.columns.iter().map(|&c| table.columns[c].name.as_str())))
}

fn assignments(scope: &Scope<'_>, table: &Table, given: &[Assignment]) -> Result<(String, Vec<String>)> {
    let mut texts = Vec::new();
    let mut names = Vec::new();
    for assignment in given {
        let AssignmentTarget::ColumnName(target) = &assignment.target else {
            return Err(unknown("the assignment", &assignment.to_string()));
        };
        let target = last_name(target);
        let value = scope.value(&assignment.value, column(table, &target)?)?;
        texts.push(format!("{} = {value}", quote(&target)));
        names.push(target);
    }
    Ok((texts.join(", "), names))
}

fn update(nothing: &Scope<'_>, model: &Model, update: &Update) -> Result<Rows> {
    let TableFactor::Table { name, .. } = &update.table.relation else {
        return Err(unknown("the statement", &update.to_string()));
    };
    let table = table(model, &last_name(name))?;
    let mut scope = nothing.clone();
    let shown = select::factor(&mut scope, &update.table.relation)?;
    let mut from = Vec::new();
    if let Some(UpdateTableFromKind::AfterSet(tables) | UpdateTableFromKind::BeforeSet(tables)) = &update.from {
        for other in tables {
            if !other.joins.is_empty() {
                return Err(unknown("joins in UPDATE … FROM", "FROM"));
            }
            from.push(select::factor(&mut scope, &other.relation)?);
        }
    }
    let (mut set, mut names) = assignments(&scope, table, &update.assignments)?;
    // PostgreSQL's trigger would set it; here the statement does, so that a touched row is one change.
    if let Some(touch) = table.settings.touch.as_ref().filter(|t| !names.contains(t))
        && let Some(at) = table.column(touch)
    {
        set.push_str(&format!(", {} = {}", quote(touch), super::expression::now(&table.columns[at].ty)));
        names.push(touch.clone());
    }
    let mut text = format!("UPDATE {shown} SET {set}");
    if !from.is_empty() {
        text.push_str(&format!(" FROM {}", from.join(", ")));
    }
    if let Some(condition) = &update.selection {
        text.push_str(&format!(" WHERE {}", scope.condition(condition)?));
    }
    text.push_str(&returning(nothing, table, update.returning.as_deref())?);
    Ok(Rows { text, touched: Some(Touched::Updates(table.name.clone(), names)) })
}

fn delete(nothing: &Scope<'_>, model: &Model, delete: &Delete) -> Result<Rows> {
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
    let [only] = from.as_slice() else { return Err(unknown("the statement", &delete.to_string())) };
    let TableFactor::Table { name, .. } = &only.relation else {
        return Err(unknown("the statement", &delete.to_string()));
    };
    if delete.using.is_some() {
        return Err(unknown("DELETE … USING", "USING").hint("write WHERE … IN (SELECT …)"));
    }
    let table = table(model, &last_name(name))?;
    let mut scope = nothing.clone();
    let mut text = format!("DELETE FROM {}", select::factor(&mut scope, &only.relation)?);
    if let Some(condition) = &delete.selection {
        text.push_str(&format!(" WHERE {}", scope.condition(condition)?));
    }
    text.push_str(&returning(nothing, table, delete.returning.as_deref())?);
    Ok(Rows { text, touched: Some(Touched::Deletes(table.name.clone())) })
}

fn returning(nothing: &Scope<'_>, table: &Table, items: Option<&[SelectItem]>) -> Result<String> {
    match items {
        None => Ok(String::new()),
        Some(items) => {
            let scope = Scope { params: nothing.params, ..Scope::of_table(nothing.model, table) };
            Ok(format!(" RETURNING {}", select::projection(&scope, 0, items, &[])?.0))
        }
    }
}
