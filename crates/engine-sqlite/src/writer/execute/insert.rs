//! New rows: one by one where each can be, together where one may point at another.

use std::sync::Arc;

use brigade_core::{
    data::Result,
    engine::{CheckedRow, Conflict, Operand},
    schema::Table,
};

use super::{Outcome, Running};
use crate::statement::{InsertShape, Returning, Sql};

impl<'a> Running<'a> {
    /// Rows one by one: what is returned comes in the order given, and an error knows its row.
    pub(super) fn insert_each(&self, rows: &'a [CheckedRow], conflict: Option<&Conflict>) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        for row in rows {
            let sql = self.insert(&row.columns, conflict, &[&row.values])?;
            outcome.add(self.execute(&sql, Some(row))?);
        }
        Ok(outcome)
    }

    /// Rows of a table that points at itself, in one statement as long as they give the same columns: a row may point at
    /// one that comes after it.
    pub(super) fn insert_together(&self, rows: &'a [CheckedRow], conflict: Option<&Conflict>) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        for same in rows.chunk_by(|a, b| a.columns == b.columns) {
            let width = same[0].columns.len().max(1) + self.statement.table.columns.len();
            for chunk in same.chunks((30_000 / width).max(1)) {
                let values: Vec<&[Operand]> = chunk.iter().map(|row| row.values.as_slice()).collect();
                let sql = self.insert(&same[0].columns, conflict, &values)?;
                outcome.add(self.execute(&sql, None)?);
            }
        }
        Ok(outcome)
    }

    fn insert(&self, columns: &Arc<[usize]>, conflict: Option<&Conflict>, rows: &[&'a [Operand]]) -> Result<Sql<'a>> {
        let shape = InsertShape {
            table: Arc::clone(&self.statement.table),
            columns: Arc::clone(columns),
            rows: rows.len(),
            conflict: conflict.cloned(),
            returning: self.statement.returning.clone(),
            places: Returning::of(self.statement) == Returning::Places,
        };
        self.state.inserts.borrow_mut().sql(&shape, &self.statement.table, rows, self.now)
    }
}

/// Whether rows of a table may point at each other.
pub(super) fn points_at_itself(table: &Table) -> bool {
    table.foreign_keys.iter().any(|key| key.table == table.name)
}
