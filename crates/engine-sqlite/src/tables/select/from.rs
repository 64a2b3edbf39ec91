//! What stands behind FROM: tables, views, names of WITH, subqueries, and how they are joined.

use sqlparser::ast::{Join, JoinConstraint, JoinOperator, TableFactor, TableWithJoins};

use super::{columns::Columns, query};
use crate::tables::{
    expression::{Result, Scope, Source, folded, last_name, unknown},
    name::{self, quote},
};

pub(super) fn joined(scope: &mut Scope<'_>, table: &TableWithJoins) -> Result<String> {
    let mut text = factor(scope, &table.relation)?;
    for join in &table.joins {
        text.push_str(&joining(scope, join)?);
    }
    Ok(text)
}

fn joining(scope: &mut Scope<'_>, join: &Join) -> Result<String> {
    let right = factor(scope, &join.relation)?;
    let (word, constraint) = match &join.join_operator {
        JoinOperator::Join(c) | JoinOperator::Inner(c) => ("JOIN", c),
        JoinOperator::Left(c) | JoinOperator::LeftOuter(c) => ("LEFT JOIN", c),
        JoinOperator::CrossJoin(c) => ("CROSS JOIN", c),
        JoinOperator::Right(_) | JoinOperator::RightOuter(_) | JoinOperator::FullOuter(_) => {
            return Err(unknown("RIGHT and FULL JOIN in every SQLite that may read the file:", "JOIN")
                .hint("turn it into a LEFT JOIN"));
        }
        _ => return Err(unknown("the join", "JOIN")),
    };
    let constraint = match constraint {
        JoinConstraint::On(e) => format!(" ON {}", scope.condition(e)?),
        JoinConstraint::Using(columns) => {
            let columns: Vec<String> = columns.iter().map(last_name).collect();
            format!(" USING ({})", name::list(columns.iter().map(String::as_str)))
        }
        JoinConstraint::None => String::new(),
        JoinConstraint::Natural => return Err(unknown("the join", "NATURAL")),
    };
    Ok(format!(" {word} {right}{constraint}"))
}

/// A table, view, name of WITH, or subquery; it can be named from here on.
pub(in crate::tables) fn factor(scope: &mut Scope<'_>, factor: &TableFactor) -> Result<String> {
    match factor {
        TableFactor::Table { name, alias, args: None, .. } => {
            let table = last_name(name);
            let shown = alias.as_ref().map_or_else(|| table.clone(), |a| folded(&a.name));
            let columns = columns_of(scope, &table);
            scope.sources.push(Source { alias: shown.clone(), columns });
            Ok(if shown == table { quote(&table) } else { format!("{} AS {}", quote(&table), quote(&shown)) })
        }
        TableFactor::Derived { lateral: false, subquery, alias: Some(alias), .. } => {
            let inner = query(scope, subquery)?;
            let alias = folded(&alias.name);
            let text = format!("({}) AS {}", inner.text, quote(&alias));
            scope.sources.push(Source { alias, columns: Some(inner.columns) });
            Ok(text)
        }
        TableFactor::NestedJoin { table_with_joins, alias: None } => {
            Ok(format!("({})", joined(scope, table_with_joins)?))
        }
        other => Err(unknown("the table", &other.to_string())),
    }
}

fn columns_of(scope: &Scope<'_>, name: &str) -> Option<Columns> {
    if let Some(source) = scope.named.iter().rev().find(|s| s.alias == name) {
        return source.columns.clone();
    }
    if let Some(table) = scope.model.table(name) {
        return Source::of(table, name).columns;
    }
    let view = scope.model.views.get(name)?;
    let mut columns = query(&Scope::of_nothing(scope.model), &view.query).ok()?.columns;
    for (column, given) in columns.iter_mut().zip(&view.columns) {
        column.0.clone_from(given);
    }
    Some(columns)
}
