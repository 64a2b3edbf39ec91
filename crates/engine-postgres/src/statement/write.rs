//! Rows that are written: one statement for any number of rows that give the same columns, so that its text is found again.

use std::fmt::Write as _;

use brigade_core::{
    data::Result,
    engine::{Assign, CheckedRow, Conflict},
};

use super::Builder;
use crate::encode::{Param, cast, quote, text};

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

    pub(super) fn update(&mut self, set: &[(usize, Assign)]) -> Result<()> {
        let mut parts = Vec::new();
        for (column, assign) in set {
            let name = self.name(*column);
            parts.push(match assign {
                Assign::Set(operand) => format!("{name} = {}", self.bind(*column, operand)?),
                Assign::Add(operand) => format!("{name} = {name} + {}", self.bind(*column, operand)?),
                Assign::Default => format!("{name} = DEFAULT"),
            });
        }
        self.text = format!("UPDATE {} SET {}", quote(&self.table.name), parts.join(", "));
        Ok(())
    }
}
