//! The rows of insert and upsert: columns exist, take values, and none that must be given is missing.

use std::sync::Arc;

use super::{Problems, ReturnedColumns, conflict::check_conflict, find_column};
use crate::{
    commit::operand::Operands,
    data::{Action, Record, code},
    engine::{CheckedAction, CheckedRow, Operand},
    schema::{Column, Identity, Model, Table},
};

/// What an upsert says beside its rows: `on`, `action`, `update`.
pub(super) type Upsert = (Vec<String>, Action, Vec<String>);

/// Rows to insert, each with the columns that it gives.
pub(super) fn check_insert(
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
pub(super) fn check_writable(column: &Column, field: &dyn Fn() -> String, problems: &mut Problems) -> bool {
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
