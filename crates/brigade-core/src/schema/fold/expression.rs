//! Expressions of checks, generated columns, indexes and defaults: which columns they name, and that these exist.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, Value, visit_expressions, visit_expressions_mut};

use crate::{
    data::{Result, SqlType, code},
    schema::{Expression, Table, place::did_you_mean},
};

use super::{Fold, folded};

impl Expression {
    pub(super) fn of(expr: &Expr) -> Self {
        Self { sql: expr.to_string(), ast: Box::new(expr.clone()) }
    }

    /// Puts another name in the place of a column's.
    pub(super) fn rename_column(&mut self, table: &str, from: &str, to: &Ident) {
        self.rewrite(|parts| {
            let alone = parts.len() == 1 || parts.len() == 2 && folded(&parts[0]) == table;
            if let Some(last) = parts.last_mut()
                && alone
                && folded(last) == from
            {
                *last = to.clone();
            }
        });
    }

    /// Puts another name in the place of a table's.
    pub(super) fn rename_table(&mut self, from: &str, to: &Ident) {
        self.rewrite(|parts| {
            if parts.len() == 2 && folded(&parts[0]) == from {
                parts[0] = to.clone();
            }
        });
    }

    fn rewrite(&mut self, edit: impl Fn(&mut [Ident])) {
        let _ = visit_expressions_mut(&mut self.ast, |expr| {
            match expr {
                Expr::Identifier(ident) => edit(std::slice::from_mut(ident)),
                Expr::CompoundIdentifier(parts) => edit(parts),
                _ => {}
            }
            ControlFlow::<()>::Continue(())
        });
        self.sql = self.ast.to_string();
    }

    /// Whether it names the column.
    pub(super) fn names(&self, column: &str) -> bool {
        columns(&self.ast).iter().any(|c| c.last().is_some_and(|ident| folded(ident) == column))
    }

    /// Whether a string in it is this one.
    pub(super) fn says(&self, text: &str) -> bool {
        visit_expressions(&self.ast, |expr| match literal(expr) {
            Some(value) if value == text => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
        .is_break()
    }
}

/// The columns that an expression names, with whatever stands before them.
fn columns(expr: &Expr) -> Vec<Vec<Ident>> {
    let mut out = Vec::new();
    let _ = visit_expressions(expr, |expr| {
        match expr {
            Expr::Identifier(ident) => out.push(vec![ident.clone()]),
            Expr::CompoundIdentifier(parts) => out.push(parts.clone()),
            _ => {}
        }
        ControlFlow::<()>::Continue(())
    });
    out
}

/// The text of a string literal, casts and parentheses aside.
pub(super) fn literal(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => Some(text),
            _ => None,
        },
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => literal(inner),
        _ => None,
    }
}

impl Fold<'_> {
    /// Checks an expression over the columns of one table. Answers the columns it names, each once.
    pub(super) fn expression_over(&self, table: &Table, expr: &Expr, what: &str) -> Result<Vec<usize>> {
        self.no_subquery(expr, what)?;
        let mut out = Vec::new();
        for parts in columns(expr) {
            let column = match parts.as_slice() {
                [column] => self.column_named(table, column)?,
                [of, column] if folded(of) == table.name => self.column_named(table, column)?,
                [of, ..] => {
                    let message = format!("{what} of table \"{}\" names \"{}\"", table.name, folded(of));
                    return Err(self
                        .error_at(of, code::UNKNOWN_TABLE, message)
                        .hint("name columns of this table alone"));
                }
                [] => continue,
            };
            if !out.contains(&column) {
                out.push(column);
            }
        }
        Ok(out)
    }

    fn no_subquery(&self, expr: &Expr, what: &str) -> Result<()> {
        let found = visit_expressions(expr, |expr| match expr {
            Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        });
        match found {
            ControlFlow::Break(()) => Err(self.error(code::UNSUPPORTED, format_args!("a query inside {what}"))),
            ControlFlow::Continue(()) => Ok(()),
        }
    }

    /// Checks a default: it names no column, and a label of an enum exists.
    pub(super) fn default_of(&self, column: &Ident, ty: &SqlType, expr: &Expr) -> Result<Expression> {
        self.no_subquery(expr, "a default")?;
        if let Some(ident) = columns(expr).into_iter().next().and_then(|mut parts| parts.pop()) {
            let message = format!("the default of column \"{}\" names a column, \"{}\"", folded(column), ident.value);
            return Err(self.error_at(&ident, code::UNSUPPORTED, message).hint("a text stands in single quotes"));
        }
        if let (SqlType::Enum(name), Some(label)) = (ty, literal(expr))
            && let Some(ty) = self.model.enums.get(name.as_ref())
            && !ty.labels.iter().any(|l| l == label)
        {
            let message =
                format!("the default of column \"{}\": \"{label}\" is no label of enum {name}", folded(column));
            let hint = did_you_mean(label, ty.labels.iter().map(String::as_str));
            return Err(self.error_at(column, code::INVALID_TEXT, message).hint(hint));
        }
        Ok(Expression::of(expr))
    }
}
