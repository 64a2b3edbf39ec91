//! With which rows a new one would collide: what a REPLACE removes, by every unique key and index that there is.

use brigade_core::schema::{Index, IndexOn, Model, Table};

use super::Texts;
use crate::tables::{ddl, expression::Scope, quote};

impl<'a> Texts<'a> {
    /// A unique index: its columns or expressions, among the rows of its predicate.
    pub(super) fn index_hit(&mut self, model: &Model, index: &Index, new: &dyn Fn(&str) -> String) {
        let row = |column: &str| format!("t.{}", quote(column));
        let said = |write: &dyn Fn(&str) -> String, e: &sqlparser::ast::Expr| {
            let scope = Scope { write: Some(write), ..Scope::of_table(model, self.table) };
            scope.any(e).map(|s| s.text).unwrap_or_else(|_| "1".to_owned())
        };
        let mut pairs = Vec::new();
        let mut columns = Some(Vec::new());
        for part in &index.parts {
            match &part.of {
                IndexOn::Column(name) => {
                    pairs.push(format!("{} = {}", row(name), new(name)));
                    if let Some(columns) = &mut columns {
                        columns.push(name.as_str());
                    }
                }
                IndexOn::Expression(e) => {
                    pairs.push(format!("{} = {}", said(&row, &e.ast), said(new, &e.ast)));
                    columns = None;
                }
            }
        }
        if let Some(predicate) = &index.predicate {
            pairs.push(said(&row, &predicate.ast));
            columns = None;
        }
        self.hits.push(pairs.join(" AND "));
        match columns {
            Some(columns) => self.changes(&columns),
            None => self.unique_columns = None,
        }
    }

    pub(super) fn changes(&mut self, columns: &[&str]) {
        let generated = |name: &str| self.table.column(name).is_some_and(|c| self.table.columns[c].generated.is_some());
        if columns.iter().any(|c| generated(c)) {
            self.unique_columns = None;
        } else if let Some(all) = &mut self.unique_columns {
            all.extend(columns.iter().map(|c| quote(c)));
        }
    }
}

/// NEW's value as it will be: in a BEFORE trigger a null that becomes a default is still null.
pub(super) fn new_value(model: &Model, table: &Table, column: &str) -> String {
    let plain = format!("NEW.{}", quote(column));
    let Some(found) = table.column(column).map(|c| &table.columns[c]) else { return plain };
    let default = found.default.as_ref().filter(|_| !found.nullable);
    match default.and_then(|d| ddl::default_value(model, found, &d.ast).ok()) {
        Some(value) if !value.contains("random") => format!("coalesce({plain}, {value})"),
        _ => plain,
    }
}
