//! A [`Transaction`] and a [`Model`] become a [`CheckedTransaction`], or all the problems there are.
//!
//! Nothing is refused halfway: a transaction with a problem anywhere is never sent.

use std::{borrow::Cow, sync::Arc};

use crate::{
    data::{Action, Error, Expect, Problem, Record, Result, Statement, Transaction, code},
    engine::{Assign, CheckedAction, CheckedRow, CheckedStatement, CheckedTransaction, Conflict, Operand},
    limits,
    schema::{Column, Identity, Model, Table, nearest},
};

use super::{filter::check_filter, operand::Operands};

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
        Ok(CheckedTransaction { model: Arc::clone(model), statements })
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

/// What a statement returns, for references to it.
pub(super) enum ReturnedColumns {
    /// The statement had a problem itself: references to it are not judged.
    Unknown,
    /// Its table and the indexes of the columns it returns.
    Known(Arc<Table>, Arc<[usize]>),
}

impl ReturnedColumns {
    fn of(statement: &CheckedStatement) -> Self {
        let columns = statement.returning.clone().unwrap_or_else(|| Arc::from([]));
        Self::Known(Arc::clone(&statement.table), columns)
    }
}

/// Problems found so far, and the statement being looked at.
#[derive(Default)]
pub(super) struct Problems {
    statement: usize,
    list: Vec<Problem>,
}

impl Problems {
    pub(super) fn push(
        &mut self,
        field: impl Into<Option<String>>,
        code: impl Into<Cow<'static, str>>,
        message: String,
        hint: Option<String>,
    ) {
        if self.list.len() < limits::PROBLEMS_MAX {
            self.list.push(Problem {
                statement: self.statement,
                field: field.into(),
                code: code.into(),
                message,
                hint,
            });
        }
    }

    pub(super) fn statement(&self) -> usize {
        self.statement
    }

    fn count(&self) -> usize {
        self.list.len()
    }
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
    (problems.count() == before).then_some(CheckedStatement { table, action, returning, expect })
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

type Upsert = (Vec<String>, Action, Vec<String>);

fn check_insert(
    table: &Arc<Table>,
    rows: Vec<Record>,
    upsert: Option<Upsert>,
    model: &Model,
    returned: &[ReturnedColumns],
    problems: &mut Problems,
) -> CheckedAction {
    if rows.is_empty() {
        problems.push("rows".to_owned(), code::MALFORMED, "at least one row is needed".to_owned(), None);
    }
    let mut checked: Vec<CheckedRow> = Vec::with_capacity(rows.len());
    for (index, row) in rows.into_iter().enumerate() {
        let mut operands = Operands { table, model, returned, problems };
        let (columns, values) = check_row(index, row, &mut operands);
        let columns = match checked.last() {
            Some(last) if last.columns[..] == columns[..] => Arc::clone(&last.columns),
            _ => columns.into(),
        };
        checked.push(CheckedRow { columns, values });
    }
    let conflict = upsert.and_then(|upsert| check_conflict(table, upsert, &checked, problems));
    CheckedAction::Insert { rows: checked, conflict }
}

fn check_row(index: usize, row: Record, operands: &mut Operands<'_>) -> (Vec<usize>, Vec<Operand>) {
    let mut given = vec![false; operands.table.columns.len()];
    let mut columns = Vec::with_capacity(row.len());
    let mut values = Vec::with_capacity(row.len());
    for (name, input) in row {
        let field = || format!("rows[{index}].{name}");
        let Some(column) = operands.table.column(&name) else {
            find_column(operands.table, &name, &field(), operands.problems);
            continue;
        };
        if std::mem::replace(&mut given[column], true) {
            operands.problems.push(field(), "42701", format!("column {name:?} is given twice"), None);
            continue;
        }
        if !check_writable(&operands.table.columns[column], &field, operands.problems) {
            continue;
        }
        if let Some(operand) = operands.assigned(column, input, &field) {
            columns.push(column);
            values.push(operand);
        }
    }
    for (column, _) in operands.table.columns.iter().zip(given).filter(|(_, given)| !given) {
        let filled = column.nullable
            || column.default.is_some()
            || column.generated.is_some()
            || column.identity.is_some()
            || operands.table.settings.touch.as_ref() == Some(&column.name);
        if !filled {
            operands.null(column, format!("rows[{index}].{}", column.name));
        }
    }
    (columns, values)
}

/// Generated columns, and those that always number themselves, take no value.
fn check_writable(column: &Column, field: &dyn Fn() -> String, problems: &mut Problems) -> bool {
    let (message, hint) = if column.generated.is_some() {
        ("is a generated column", "leave it out")
    } else if column.identity == Some(Identity::Always) {
        ("is an identity column defined as GENERATED ALWAYS", "leave it out: it numbers itself")
    } else {
        return true;
    };
    let message = format!("cannot write into column {:?}: it {message}", column.name);
    problems.push(field(), code::GENERATED, message, Some(hint.to_owned()));
    false
}

fn check_conflict(
    table: &Table,
    (on, action, update): Upsert,
    rows: &[CheckedRow],
    problems: &mut Problems,
) -> Option<Conflict> {
    let before = problems.count();
    let target: Vec<usize> = if on.is_empty() {
        table.key().to_vec()
    } else {
        on.iter().filter_map(|name| find_column(table, name, "on", problems)).collect()
    };
    let mut columns = target.clone();
    columns.sort_unstable();
    if problems.count() == before && !is_unique(table, &columns) {
        let message = format!("no unique constraint of relation {:?} has just these columns", table.name);
        let hint = "name in \"on\" the columns of the primary key, a unique constraint or a unique index without WHERE";
        problems.push("on".to_owned(), code::NO_CONFLICT_TARGET, message, Some(hint.to_owned()));
    }
    let update = match action {
        Action::Ignore => None,
        Action::Update if update.is_empty() => Some(given_columns(rows, &target)),
        Action::Update => Some(
            update
                .iter()
                .enumerate()
                .filter_map(|(i, name)| {
                    let field = format!("update[{i}]");
                    let column = find_column(table, name, &field, problems)?;
                    check_writable(&table.columns[column], &|| field.clone(), problems).then_some(column)
                })
                .collect(),
        ),
    };
    (problems.count() == before).then_some(Conflict { target, update })
}

/// Every column that any row gives, the target's own left out.
fn given_columns(rows: &[CheckedRow], target: &[usize]) -> Vec<usize> {
    let mut given: Vec<usize> = Vec::new();
    for column in rows.iter().flat_map(|row| row.columns.iter()) {
        if !given.contains(column) && !target.contains(column) {
            given.push(*column);
        }
    }
    given
}

fn is_unique(table: &Table, sorted: &[usize]) -> bool {
    let same = |columns: &[usize]| {
        let mut columns = columns.to_vec();
        columns.sort_unstable();
        columns == sorted
    };
    let index = |index: &crate::schema::Index| {
        let columns: Option<Vec<usize>> = index
            .parts
            .iter()
            .map(|part| match &part.of {
                crate::schema::IndexOn::Column(name) => table.column(name),
                crate::schema::IndexOn::Expression(_) => None,
            })
            .collect();
        index.unique && index.predicate.is_none() && columns.is_some_and(|c| same(&c))
    };
    !sorted.is_empty()
        && (same(table.key()) || table.uniques.iter().any(|u| same(&u.columns)) || table.indexes.iter().any(index))
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

#[cfg(test)]
mod tests;
