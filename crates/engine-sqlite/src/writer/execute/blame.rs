//! What went wrong with a statement: which column, which key, which row's value. It is asked while the effects are still there.

use brigade_core::{
    data::Error,
    engine::{Assign, CheckedAction, CheckedRow, Operand, Predicate},
};

use super::{
    super::foreign::{self, Broken},
    Running,
};
use crate::error;

impl Running<'_> {
    /// Names the column of a value that cannot be kept.
    pub(super) fn at_column(&self, error: Error, operand: &Operand) -> Error {
        let among = |filter: &[Predicate]| {
            filter.iter().find(|p| p.operands.iter().any(|o| std::ptr::eq(o, operand))).map(|p| p.column)
        };
        let column = match &self.statement.action {
            CheckedAction::Insert { rows, .. } => rows.iter().find_map(|row| {
                row.values.iter().position(|value| std::ptr::eq(value, operand)).map(|at| row.columns[at])
            }),
            CheckedAction::Update { filter, set } => {
                let given = set.iter().find(|(_, assign)| match assign {
                    Assign::Set(value) | Assign::Add(value) => std::ptr::eq(value, operand),
                    Assign::Default => false,
                });
                given.map(|(column, _)| *column).or_else(|| among(filter))
            }
            CheckedAction::Delete { filter } | CheckedAction::Check { filter } => among(filter),
        };
        let Some(column) = column else { return error };
        let (table, column) = (&self.statement.table.name, &self.statement.table.columns[column].name);
        error
            .context(format!("column {column:?}"))
            .details(format!("table {table}, column {column}"))
            .in_statement(self.index, Some(column.clone()))
    }

    /// Names what went wrong. Asked while the transaction's effects are still there, so that a broken foreign key is found.
    pub(super) fn failed(&self, cause: rusqlite::Error, row: Option<&CheckedRow>) -> Error {
        self.state.notice(&cause);
        let table = &self.statement.table;
        if cause.to_string().contains("FOREIGN KEY constraint failed") {
            let broken = if self.state.conn.is_autocommit() { None } else { self.broken_key() };
            return error::foreign_key(Some(self.index), broken);
        }
        let shown = |column: usize| {
            let operand = match (row, &self.statement.action) {
                (Some(row), _) => &row.values[row.columns.iter().position(|&c| c == column)?],
                (None, CheckedAction::Update { set, .. }) => match set.iter().find(|(c, _)| *c == column)? {
                    (_, Assign::Set(operand)) => operand,
                    _ => return None,
                },
                _ => return None,
            };
            self.value(operand).ok()?.to_text().map(|text| text.into_owned())
        };
        error::of_statement(cause, table, self.index, shown)
    }

    fn broken_key(&self) -> Option<Broken> {
        let (conn, model, table) = (&self.state.conn, &self.transaction.model, &self.statement.table);
        let resolved = |operand: &Operand| self.value(operand).ok().cloned().map(Operand::Value);
        match &self.statement.action {
            CheckedAction::Insert { rows, .. } => rows.iter().find_map(|row| {
                let values: Option<Vec<Operand>> = row.values.iter().map(resolved).collect();
                foreign::without_parent(conn, model, table, &row.columns, &values?)
            }),
            CheckedAction::Update { filter, set } => {
                let given = set.iter().filter_map(|(c, assign)| match assign {
                    Assign::Set(operand) => Some((*c, resolved(operand)?)),
                    _ => None,
                });
                let (columns, values): (Vec<usize>, Vec<Operand>) = given.unzip();
                foreign::without_parent(conn, model, table, &columns, &values)
                    .or_else(|| foreign::with_children(conn, self.target(filter)))
            }
            CheckedAction::Delete { filter } => foreign::with_children(conn, self.target(filter)),
            CheckedAction::Check { .. } => None,
        }
    }
}
