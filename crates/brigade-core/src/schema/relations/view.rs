//! The columns of a view: their names, their types as far as the query tells, and which of them plainly show a column of a
//! table, so that the table's foreign keys are the view's too.

use std::collections::BTreeMap;

use sqlparser::ast::{
    Expr, Ident, ObjectName, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, TableFactor,
};

use super::{RelationColumn, expression};
use crate::{
    data::SqlType,
    schema::{Model, View},
};

/// The type of what nobody can tell the type of: the engine decides.
const UNKNOWN: &str = "unknown";

/// What a query may read, by name.
pub(super) struct Known<'m> {
    pub(super) model: &'m Model,
    pub(super) relations: BTreeMap<String, Vec<RelationColumn>>,
}

/// A table, view or subquery in FROM, under the name that the query knows it by.
pub(super) struct Source {
    alias: String,
    columns: Vec<RelationColumn>,
}

/// The columns of a view.
pub(super) fn columns(view: &View, known: &Known<'_>) -> Vec<RelationColumn> {
    let mut columns = query(&view.query, known, &[]);
    for (column, given) in columns.iter_mut().zip(&view.columns) {
        column.name.clone_from(given);
    }
    columns
}

/// The columns of a query; `outer` is what a subquery sees besides.
pub(super) fn query(query: &Query, known: &Known<'_>, outer: &[&Source]) -> Vec<RelationColumn> {
    let mut inner = Known { model: known.model, relations: known.relations.clone() };
    for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
        let mut columns = self::query(&cte.query, &inner, outer);
        for (column, given) in columns.iter_mut().zip(&cte.alias.columns) {
            column.name = name(&given.name);
        }
        inner.relations.insert(name(&cte.alias.name), columns);
    }
    body(&query.body, &inner, outer)
}

fn body(set: &SetExpr, known: &Known<'_>, outer: &[&Source]) -> Vec<RelationColumn> {
    match set {
        SetExpr::Select(select) => of_select(select, known, outer),
        SetExpr::Query(inner) => query(inner, known, outer),
        // Rows of several queries come from no one table.
        SetExpr::SetOperation { left, .. } => {
            body(left, known, outer).into_iter().map(|column| RelationColumn { base: None, ..column }).collect()
        }
        _ => Vec::new(),
    }
}

fn of_select(select: &Select, known: &Known<'_>, outer: &[&Source]) -> Vec<RelationColumn> {
    let mut sources = Vec::new();
    for from in &select.from {
        source(&from.relation, known, outer, &mut sources);
        from.joins.iter().for_each(|join| source(&join.relation, known, outer, &mut sources));
    }
    let mut columns = Vec::new();
    for item in &select.projection {
        match item {
            SelectItem::Wildcard(_) => columns.extend(sources.iter().flat_map(|s| s.columns.iter().cloned())),
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(of), _) => {
                let of = last(of);
                columns.extend(sources.iter().filter(|s| s.alias == of).flat_map(|s| s.columns.iter().cloned()));
            }
            SelectItem::UnnamedExpr(expr) => columns.push(shown(expr, None, known, &sources, outer)),
            SelectItem::ExprWithAlias { expr, alias } => {
                columns.push(shown(expr, Some(name(alias)), known, &sources, outer));
            }
            _ => {}
        }
    }
    columns
}

fn source(factor: &TableFactor, known: &Known<'_>, outer: &[&Source], sources: &mut Vec<Source>) {
    match factor {
        TableFactor::Table { name: table, alias, args: None, .. } => {
            let table = last(table);
            let columns = known.relations.get(&table).cloned().unwrap_or_default();
            let alias = alias.as_ref().map_or(table, |alias| name(&alias.name));
            sources.push(Source { alias, columns });
        }
        TableFactor::Derived { subquery, alias, .. } => {
            let columns = query(subquery, known, outer);
            let alias = alias.as_ref().map_or_else(String::new, |alias| name(&alias.name));
            sources.push(Source { alias, columns });
        }
        TableFactor::NestedJoin { table_with_joins, .. } => {
            source(&table_with_joins.relation, known, outer, sources);
            table_with_joins.joins.iter().for_each(|join| source(&join.relation, known, outer, sources));
        }
        _ => {}
    }
}

fn shown(
    expr: &Expr,
    alias: Option<String>,
    known: &Known<'_>,
    sources: &[Source],
    outer: &[&Source],
) -> RelationColumn {
    let all: Vec<&Source> = sources.iter().chain(outer.iter().copied()).collect();
    if let Some(column) = plain(expr, &all) {
        return RelationColumn { name: alias.unwrap_or_else(|| column.name.clone()), ..column.clone() };
    }
    let ty = expression::ty(expr, known, &all).unwrap_or_else(|| SqlType::Other(UNKNOWN.into()));
    RelationColumn { name: alias.unwrap_or_else(|| expression::name(expr)), ty, base: None }
}

/// The column that an expression is, if it is nothing but a column.
pub(super) fn plain<'s>(expr: &Expr, sources: &[&'s Source]) -> Option<&'s RelationColumn> {
    let (of, column) = match expr {
        Expr::Identifier(column) => (None, name(column)),
        Expr::CompoundIdentifier(parts) => match &parts[..] {
            [.., of, column] => (Some(name(of)), name(column)),
            _ => return None,
        },
        Expr::Nested(inner) => return plain(inner, sources),
        _ => return None,
    };
    let fits = |source: &&&Source| of.as_ref().is_none_or(|of| source.alias == *of);
    sources.iter().filter(fits).find_map(|source| source.columns.iter().find(|c| c.name == column))
}

/// A name, in lower case unless it was quoted.
pub(super) fn name(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

fn last(of: &ObjectName) -> String {
    of.0.last().and_then(|part| part.as_ident()).map(name).unwrap_or_default()
}
