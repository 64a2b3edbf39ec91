//! Rows that are written: one statement for any number of rows that give the same columns, so that its text is found again.

use std::fmt::Write as _;

use brigade_core::{
    data::{Error, Result, code},
    engine::{Assign, CheckedRow, Conflict},
};

use super::Builder;
use crate::encode::{Param, cast, quote, text};

/// Parameters of one statement, PostgreSQL's own limit.
const PARAMETERS_MAX: usize = 65_535;

impl Builder<'_> {
    pub(super) fn insert(&mut self, rows: &[CheckedRow], conflict: Option<&Conflict>) -> Result<()> {
        let columns = &rows[0].columns;
        let table = quote(&self.table.name);
        if columns.is_empty() {
            self.params.push(Param::text(rows.len().to_string()));
            self.text = format!("INSERT INTO {table} SELECT FROM generate_series(1, $1::bigint)");
        } else {
            let names: Vec<String> = columns.iter().map(|&c| self.name(c)).collect();
            let source = if rows.len() == 1 { self.one_row(&rows[0])? } else { self.many_rows(rows)? };
            self.text = format!("INSERT INTO {table} ({}) {source}", names.join(", "));
        }
        if let Some(conflict) = conflict {
            self.conflict(conflict);
        }
        Ok(())
    }

    /// Rows that give different columns in one statement, since what is shown of them has one order and one number.
    pub(super) fn insert_with_defaults(&mut self, rows: &[CheckedRow], conflict: Option<&Conflict>) -> Result<()> {
        let mut columns: Vec<usize> = rows.iter().flat_map(|row| row.columns.iter().copied()).collect();
        columns.sort_unstable();
        columns.dedup();
        let mut lines = Vec::with_capacity(rows.len());
        for row in rows {
            let cells: Result<Vec<String>> = columns
                .iter()
                .map(|&column| match row.columns.iter().position(|&c| c == column) {
                    Some(at) => self.bind(column, &row.values[at]),
                    None => Ok("DEFAULT".to_owned()),
                })
                .collect();
            lines.push(format!("({})", cells?.join(", ")));
        }
        if self.params.len() > PARAMETERS_MAX {
            return Err(Error::new(code::LIMIT, "too many values in rows that give different columns")
                .details(format!("at most {PARAMETERS_MAX}"))
                .hint("send the rows in several requests, or give each row the same keys"));
        }
        let names: Vec<String> = columns.iter().map(|&c| self.name(c)).collect();
        let table = quote(&self.table.name);
        self.text = format!("INSERT INTO {table} ({}) VALUES {}", names.join(", "), lines.join(", "));
        if let Some(conflict) = conflict {
            self.conflict(conflict);
        }
        Ok(())
    }

    fn one_row(&mut self, row: &CheckedRow) -> Result<String> {
        let values: Result<Vec<String>> =
            row.columns.iter().zip(&row.values).map(|(&column, operand)| self.bind(column, operand)).collect();
        Ok(format!("VALUES ({})", values?.join(", ")))
    }

    /// One list a column, taken apart by the server: the text is the same for any number of rows.
    fn many_rows(&mut self, rows: &[CheckedRow]) -> Result<String> {
        let columns = &rows[0].columns;
        let (mut lists, mut names, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for (i, &column) in columns.iter().enumerate() {
            let items: Result<Vec<_>> = rows.iter().map(|row| Ok(text(&(self.resolve)(&row.values[i])?))).collect();
            self.params.push(Param::List(items?));
            lists.push(format!("${}::text[]", self.params.len()));
            names.push(format!("v{i}"));
            values.push(format!("v{i}::{}", cast(self.ty(column))));
        }
        Ok(format!("SELECT {} FROM unnest({}) AS r({})", values.join(", "), lists.join(", "), names.join(", ")))
    }

    fn conflict(&mut self, conflict: &Conflict) {
        let target: Vec<String> = conflict.target.iter().map(|&c| self.name(c)).collect();
        write!(self.text, " ON CONFLICT ({}) DO ", target.join(", ")).expect("writing to a string");
        match conflict.update.as_deref() {
            None => self.text.push_str("NOTHING"),
            // Nothing to set, yet the row counts as affected and is returned: it is set to itself.
            Some([]) => {
                let column = self.name(conflict.target[0]);
                write!(self.text, "UPDATE SET {column} = excluded.{column}").expect("writing to a string");
            }
            Some(columns) => {
                let set: Vec<String> =
                    columns.iter().map(|&c| self.name(c)).map(|c| format!("{c} = excluded.{c}")).collect();
                write!(self.text, "UPDATE SET {}", set.join(", ")).expect("writing to a string");
            }
        }
    }

    pub(super) fn update(&mut self, set: &[(usize, Assign)], has_plan: bool) -> Result<()> {
        let mut parts = Vec::new();
        for (column, assign) in set {
            let name = self.name(*column);
            parts.push(match assign {
                Assign::Set(operand) => format!("{name} = {}", self.bind(*column, operand)?),
                Assign::Add(operand) => format!("{name} = {name} + {}", self.bind(*column, operand)?),
                Assign::Default => format!("{name} = DEFAULT"),
            });
        }
        self.text = format!("UPDATE {} SET {}", self.target(has_plan), parts.join(", "));
        Ok(())
    }
}
