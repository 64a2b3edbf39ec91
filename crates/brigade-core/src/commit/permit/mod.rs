//! May *this principal* write it? Every verb and column that a transaction touches is held against `[access]`, before the
//! model is asked: a table that is closed and one that is not there are refused alike.
//!
//! What is read counts too: columns compared with, returned, added to, or looked for a conflict need `select`, as in
//! PostgreSQL. What follows by itself (defaults, cascades, `touch`) needs nothing.

use std::collections::BTreeSet;

use crate::{
    data::{Action, Error, Input, JsonValue, Problem, Record, Result, Statement, Transaction, Where, code},
    limits,
    schema::{
        Model,
        access::{Grants, Touched, Verb},
    },
};

/// Whether all of a transaction is open to who asks for it.
///
/// # Errors
/// 42501, and 42P01 for a table that would be open if it were there, with [`Error::get_problems`] for the statements that are
/// refused; at most [`limits::PROBLEMS_MAX`].
pub fn permit(transaction: &Transaction, grants: Grants<'_>, model: &Model) -> Result<()> {
    if !grants.are_limited() {
        return Ok(());
    }
    let refused = transaction.statements.iter().enumerate().filter_map(|(statement, asked)| {
        let refused = permit_statement(asked, grants, model).err()?;
        Some(Problem {
            statement,
            field: None,
            code: refused.code().to_owned().into(),
            message: refused
                .get_details()
                .map_or_else(|| refused.message().to_owned(), |details| format!("{}: {details}", refused.message())),
            hint: refused.get_hint().map(str::to_owned),
        })
    });
    let problems: Vec<Problem> = refused.take(limits::PROBLEMS_MAX).collect();
    if problems.is_empty() { Ok(()) } else { Err(Error::problems(problems)) }
}

fn permit_statement(statement: &Statement, grants: Grants<'_>, model: &Model) -> Result<()> {
    let table = statement.table();
    let allow = |verb, columns: BTreeSet<&str>| {
        let columns: Vec<&str> = columns.into_iter().collect();
        grants.allow(table, verb, Touched::Columns(&columns))
    };
    let mut read = BTreeSet::new();
    let returning = match statement {
        Statement::Insert { rows, returning, .. } => {
            allow(Verb::Insert, given(rows))?;
            returning
        }
        Statement::Upsert { rows, on, action, update, returning, .. } => {
            allow(Verb::Insert, given(rows))?;
            let target = conflict_target(on, table, model);
            if *action == Action::Update {
                let set = if update.is_empty() {
                    given(rows).into_iter().filter(|column| !target.contains(column)).collect()
                } else {
                    update.iter().map(String::as_str).collect()
                };
                allow(Verb::Update, set)?;
            }
            read.extend(target);
            returning
        }
        Statement::Update { filter, set, returning, .. } => {
            allow(Verb::Update, names(set).collect())?;
            read.extend(compared(filter));
            read.extend(set.iter().filter(|(_, input)| adds(input)).map(|(column, _)| column.as_str()));
            returning
        }
        Statement::Delete { filter, returning, .. } => {
            allow(Verb::Delete, BTreeSet::new())?;
            read.extend(compared(filter));
            returning
        }
        Statement::Check { filter, .. } => {
            allow(Verb::Select, compared(filter).collect())?;
            return is_there(table, model);
        }
    };
    read.extend(returning.iter().map(String::as_str).filter(|column| *column != "*"));
    if !read.is_empty() {
        allow(Verb::Select, read)?;
    }
    if returning.iter().any(|column| column == "*") {
        let columns = model.table(table).into_iter().flat_map(|table| &table.columns);
        let columns: Vec<&str> = columns.map(|column| column.name.as_str()).collect();
        grants.allow(table, Verb::Select, Touched::Every(&columns))?;
    }
    is_there(table, model)
}

/// Without the hint of [`super::check`], which may name a table that is closed.
fn is_there(table: &str, model: &Model) -> Result<()> {
    let missing = || Error::new(code::UNKNOWN_TABLE, format!("relation \"{table}\" does not exist"));
    let known = model.table(table).is_some() || model.views.contains_key(table);
    if known { Ok(()) } else { Err(missing()) }
}

fn names(record: &Record) -> impl Iterator<Item = &str> {
    record.iter().map(|(column, _)| column.as_str())
}

fn given(rows: &[Record]) -> BTreeSet<&str> {
    rows.iter().flat_map(names).collect()
}

fn compared(filter: &Where) -> impl Iterator<Item = &str> {
    filter.conditions.iter().map(|condition| condition.column.as_str())
}

/// The columns in which an upsert looks for a row that is there: telling that one is there is reading them.
fn conflict_target<'t>(on: &'t [String], table: &str, model: &'t Model) -> Vec<&'t str> {
    match model.table(table) {
        Some(table) if on.is_empty() => table.key().iter().map(|&i| table.columns[i].name.as_str()).collect(),
        _ => on.iter().map(String::as_str).collect(),
    }
}

/// Whether a value is made from the one that is there. In a column of json `{"add": …}` is itself; that it then asks for a
/// right too many does no harm.
fn adds(input: &Input) -> bool {
    match input {
        Input::Add(_) => true,
        Input::Json(json) => match &json.value {
            JsonValue::Object(entries) => entries.iter().any(|(key, _)| key.name == "add"),
            _ => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests;
