//! A [`Transaction`] and a [`Model`] become a [`CheckedTransaction`], or all the problems there are.
//!
//! Nothing is refused halfway: a transaction with a problem anywhere is never sent.

mod conflict;
mod insert;
mod problems;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::{filter::check_filter, operand::Operands};
use crate::{
    data::{Error, Expect, Record, Result, Statement, Transaction, code},
    engine::{Assign, CheckedAction, CheckedStatement, CheckedTransaction},
    limits,
    schema::{Model, Table, nearest},
};
use insert::{check_insert, check_writable};
pub(super) use problems::{Problems, ReturnedColumns};

/// How large a transaction may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Statements of one transaction.
    pub statements_max: usize,
    /// Rows given in one transaction, over all statements.
    pub rows_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { statements_max: limits::STATEMENTS_MAX, rows_max: limits::ROWS_MAX }
    }
}

/// Checks a transaction against the model.
///
/// # Errors
/// With [`Error::get_problems`]: everything the model can know, at once; at most [`limits::PROBLEMS_MAX`]. BRG413 past a
/// limit, BRG400 without a statement.
pub fn check(transaction: Transaction, model: &Arc<Model>, limits: Limits) -> Result<CheckedTransaction> {
    check_size(&transaction, limits)?;
    let mut problems = Problems::default();
    let mut returned: Vec<ReturnedColumns> = Vec::with_capacity(transaction.statements.len());
    let mut statements = Vec::with_capacity(transaction.statements.len());
    for (index, statement) in transaction.statements.into_iter().enumerate() {
        problems.statement = index;
        let checked = check_statement(statement, model, &returned, &mut problems);
        returned.push(checked.as_ref().map_or(ReturnedColumns::Unknown, ReturnedColumns::of));
        statements.extend(checked);
        if problems.list.len() >= limits::PROBLEMS_MAX {
            break;
        }
    }
    if problems.list.is_empty() {
        Ok(CheckedTransaction { model: Arc::clone(model), statements, call: None, rolls_back: false })
    } else {
        Err(Error::problems(problems.list))
    }
}

fn check_size(transaction: &Transaction, limits: Limits) -> Result<()> {
    let statements = transaction.statements.len();
    let rows: usize = transaction
        .statements
        .iter()
        .map(|s| match s {
            Statement::Insert { rows, .. } | Statement::Upsert { rows, .. } => rows.len(),
            _ => 0,
        })
        .sum();
    let past = |what: &str, is: usize, max: usize| {
        Error::new(code::LIMIT, format!("{is} {what} are more than one transaction may have"))
            .details(format!("limit {what}_max is {max}"))
            .hint("split it into several transactions, or raise the limit in [commit] of brigade.toml")
    };
    if statements == 0 {
        return Err(Error::new(code::MALFORMED, "a transaction needs at least one statement"));
    }
    if statements > limits.statements_max {
        return Err(past("statements", statements, limits.statements_max));
    }
    if rows > limits.rows_max {
        return Err(past("rows", rows, limits.rows_max));
    }
    Ok(())
}

/// None: it has a problem, which is in `problems`.
fn check_statement(
    statement: Statement,
    model: &Model,
    returned: &[ReturnedColumns],
    problems: &mut Problems,
) -> Option<CheckedStatement> {
    let before = problems.count();
    let table = find_table(statement.table(), model, problems)?;
    let (action, returning, expect) = match statement {
        Statement::Insert { rows, returning, expect, .. } => {
            (check_insert(&table, rows, None, model, returned, problems), returning, expect)
        }
        Statement::Upsert { rows, on, action, update, returning, expect, .. } => {
            let upsert = Some((on, action, update));
            (check_insert(&table, rows, upsert, model, returned, problems), returning, expect)
        }
        Statement::Update { filter, set, returning, expect, .. } => {
            let mut operands = Operands { table: &table, model, returned, problems };
            let filter = check_filter(filter, true, &mut operands);
            (CheckedAction::Update { filter, set: check_set(set, &mut operands) }, returning, expect)
        }
        Statement::Delete { filter, returning, expect, .. } => {
            let mut operands = Operands { table: &table, model, returned, problems };
            (CheckedAction::Delete { filter: check_filter(filter, true, &mut operands) }, returning, expect)
        }
        Statement::Check { filter, expect, .. } => {
            let mut operands = Operands { table: &table, model, returned, problems };
            (CheckedAction::Check { filter: check_filter(filter, false, &mut operands) }, Vec::new(), expect)
        }
    };
    let returning = check_returning(&table, &returning, problems);
    check_expect(expect, problems);
    (problems.count() == before).then_some(CheckedStatement { table, action, returning, expect, planned: None })
}

fn find_table(name: &str, model: &Model, problems: &mut Problems) -> Option<Arc<Table>> {
    if let Some(table) = model.table(name) {
        return Some(Arc::clone(table));
    }
    let hint = if model.views.contains_key(name) {
        Some(format!("{name} is a view: write to the tables behind it"))
    } else {
        nearest(name, model.tables.keys().map(String::as_str)).map(|n| format!("did you mean {n:?}?"))
    };
    let message = format!("relation {name:?} does not exist");
    problems.push("table".to_owned(), code::UNKNOWN_TABLE, message, hint);
    None
}

/// The index of a column, or a problem at `field`.
pub(super) fn find_column(table: &Table, name: &str, field: &str, problems: &mut Problems) -> Option<usize> {
    let found = table.column(name);
    if found.is_none() {
        let hint = nearest(name, table.columns.iter().map(|c| c.name.as_str())).map(|n| format!("did you mean {n:?}?"));
        let message = format!("column {name:?} of relation {:?} does not exist", table.name);
        problems.push(field.to_owned(), code::UNKNOWN_COLUMN, message, hint);
    }
    found
}

fn check_set(set: Record, operands: &mut Operands<'_>) -> Vec<(usize, Assign)> {
    if set.is_empty() {
        operands.problems.push("set".to_owned(), code::MALFORMED, "at least one column is needed".to_owned(), None);
    }
    let mut checked: Vec<(usize, Assign)> = Vec::with_capacity(set.len());
    for (name, input) in set {
        let field = || format!("set.{name}");
        let Some(column) = find_column(operands.table, &name, &field(), operands.problems) else { continue };
        if checked.iter().any(|(c, _)| *c == column) {
            operands.problems.push(field(), "42701", format!("column {name:?} is given twice"), None);
            continue;
        }
        if let Some(assign) = operands.assign(column, input, &field) {
            let plain_default = matches!(assign, Assign::Default);
            if plain_default || check_writable(&operands.table.columns[column], &field, operands.problems) {
                checked.push((column, assign));
            }
        }
    }
    checked
}

fn check_returning(table: &Table, names: &[String], problems: &mut Problems) -> Option<Arc<[usize]>> {
    if names.is_empty() {
        return None;
    }
    if names == ["*"] {
        return Some((0..table.columns.len()).collect());
    }
    let columns: Vec<usize> = names
        .iter()
        .enumerate()
        .filter_map(|(i, name)| find_column(table, name, &format!("returning[{i}]"), problems))
        .collect();
    Some(columns.into())
}

fn check_expect(expect: Option<Expect>, problems: &mut Problems) {
    if expect.is_some_and(|e| e.min > e.max) {
        let message = "expect: min is greater than max".to_owned();
        problems.push("expect".to_owned(), code::MALFORMED, message, None);
    }
}
