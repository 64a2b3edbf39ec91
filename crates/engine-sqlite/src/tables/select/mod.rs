//! Queries: of views, of INSERT … SELECT, and inside expressions.

mod columns;
mod from;

use brigade_core::data::SqlType;
use sqlparser::ast::{
    Distinct, Expr, GroupByExpr, LimitClause, OrderByExpr, OrderByKind, Query, Select, SetExpr, SetOperator,
    SetQuantifier,
};

use super::{
    expression::{Result, Scope, Source, folded, unknown},
    name::{self, quote},
};

pub(super) use columns::projection;
pub(super) use from::factor;

/// A translated query.
#[derive(Clone, Debug)]
pub(super) struct Translated {
    /// SQLite's text.
    pub text: String,
    /// Its columns, with their types where they are known.
    pub columns: Vec<(String, Option<SqlType>)>,
}

/// Translates a query. `wants` of the caller are not known here: literals stay text.
pub(super) fn query(outer: &Scope<'_>, q: &Query) -> Result<Translated> {
    typed(outer, q, &[])
}

/// As [`query`], for columns whose types the place of the query fixes (INSERT … SELECT, INSERT … VALUES).
pub(super) fn typed(outer: &Scope<'_>, q: &Query, wants: &[SqlType]) -> Result<Translated> {
    if q.fetch.is_some() || !q.locks.is_empty() || q.for_clause.is_some() || !q.pipe_operators.is_empty() {
        return Err(unknown("FETCH, FOR UPDATE and the like in", &q.to_string()));
    }
    let mut scope = outer.clone();
    let mut text = String::new();
    if let Some(with) = &q.with {
        let mut parts = Vec::new();
        for cte in &with.cte_tables {
            let inner = query(&scope, &cte.query)?;
            let alias = folded(&cte.alias.name);
            let mut columns = inner.columns;
            for (column, given) in columns.iter_mut().zip(&cte.alias.columns) {
                column.0 = folded(&given.name);
            }
            let given = if cte.alias.columns.is_empty() {
                String::new()
            } else {
                format!("({})", name::list(columns.iter().map(|(n, _)| n.as_str())))
            };
            parts.push(format!("{}{given} AS ({})", quote(&alias), inner.text));
            scope.named.push(Source { alias, columns: Some(columns) });
        }
        let recursive = if with.recursive { "RECURSIVE " } else { "" };
        text.push_str(&format!("WITH {recursive}{} ", parts.join(", ")));
    }
    let (body, inner) = set(&scope, &q.body, wants)?;
    text.push_str(&body.text);
    if let Some(by) = &q.order_by {
        match &by.kind {
            OrderByKind::Expressions(items) => text.push_str(&format!(" ORDER BY {}", order(&inner, items)?)),
            OrderByKind::All(_) => return Err(unknown("the order", &by.to_string())),
        }
    }
    match &q.limit_clause {
        None => {}
        Some(LimitClause::LimitOffset { limit, offset, limit_by }) if limit_by.is_empty() => {
            let limit = limit.as_ref().map_or(Ok("-1".to_owned()), |e| Ok(inner.any(e)?.text))?;
            text.push_str(&format!(" LIMIT {limit}"));
            if let Some(offset) = offset {
                text.push_str(&format!(" OFFSET {}", inner.any(&offset.value)?.text));
            }
        }
        Some(other) => return Err(unknown("the limit", &other.to_string())),
    }
    Ok(Translated { text, columns: body.columns })
}

fn set<'a>(scope: &Scope<'a>, body: &SetExpr, wants: &[SqlType]) -> Result<(Translated, Scope<'a>)> {
    match body {
        SetExpr::Select(s) => select(scope, s, wants),
        SetExpr::Query(q) => {
            let inner = typed(scope, q, wants)?;
            let text = format!("SELECT * FROM ({})", inner.text);
            Ok((Translated { text, ..inner }, scope.clone()))
        }
        SetExpr::SetOperation { left, op, set_quantifier, right } => {
            let (left, inner) = set(scope, left, wants)?;
            let (right, _) = set(scope, right, wants)?;
            let word = match (op, set_quantifier) {
                (SetOperator::Union, SetQuantifier::All) => "UNION ALL",
                (SetOperator::Union, SetQuantifier::None | SetQuantifier::Distinct) => "UNION",
                (SetOperator::Intersect, SetQuantifier::None | SetQuantifier::Distinct) => "INTERSECT",
                (SetOperator::Except, SetQuantifier::None | SetQuantifier::Distinct) => "EXCEPT",
                _ => return Err(unknown("the set operation", &format!("{op} {set_quantifier}"))),
            };
            let text = format!("{} {word} {}", left.text, right.text);
            Ok((Translated { text, columns: left.columns }, inner))
        }
        SetExpr::Values(values) => {
            let mut rows = Vec::new();
            for row in &values.rows {
                let cells = row.content.iter().enumerate().map(|(i, e)| cell(scope, e, wants.get(i)));
                rows.push(format!("({})", cells.collect::<Result<Vec<_>>>()?.join(", ")));
            }
            let width = values.rows.first().map_or(0, |r| r.content.len());
            let columns = (1..=width).map(|i| (format!("column{i}"), wants.get(i - 1).cloned())).collect();
            Ok((Translated { text: format!("VALUES {}", rows.join(", ")), columns }, scope.clone()))
        }
        other => Err(unknown("the query", &other.to_string())),
    }
}

fn cell(scope: &Scope<'_>, e: &Expr, want: Option<&SqlType>) -> Result<String> {
    match want {
        Some(ty) => scope.value(e, ty),
        None => Ok(scope.any(e)?.text),
    }
}

fn select<'a>(outer: &Scope<'a>, s: &Select, wants: &[SqlType]) -> Result<(Translated, Scope<'a>)> {
    let odd = s.top.is_some() || s.into.is_some() || !s.named_window.is_empty() || s.qualify.is_some();
    if odd || !s.lateral_views.is_empty() {
        return Err(unknown("the query", &s.to_string()));
    }
    let mut scope = outer.clone();
    let mut tables = Vec::new();
    for table in &s.from {
        tables.push(from::joined(&mut scope, table)?);
    }
    let mut text = "SELECT ".to_owned();
    match &s.distinct {
        None | Some(Distinct::All) => {}
        Some(Distinct::Distinct) => text.push_str("DISTINCT "),
        Some(Distinct::On(_)) => return Err(unknown("DISTINCT ON in", "DISTINCT ON")),
    }
    let (items, columns) = projection(&scope, outer.sources.len(), &s.projection, wants)?;
    text.push_str(&items);
    if !tables.is_empty() {
        text.push_str(&format!(" FROM {}", tables.join(", ")));
    }
    if let Some(condition) = &s.selection {
        text.push_str(&format!(" WHERE {}", scope.condition(condition)?));
    }
    match &s.group_by {
        GroupByExpr::Expressions(items, modifiers) if modifiers.is_empty() => {
            if !items.is_empty() {
                let items = items.iter().map(|e| Ok(scope.any(e)?.text)).collect::<Result<Vec<_>>>()?;
                text.push_str(&format!(" GROUP BY {}", items.join(", ")));
            }
        }
        other => return Err(unknown("the grouping", &other.to_string())),
    }
    if let Some(condition) = &s.having {
        text.push_str(&format!(" HAVING {}", scope.condition(condition)?));
    }
    Ok((Translated { text, columns }, scope))
}

/// Items of ORDER BY. PostgreSQL puts nulls last going up and first going down; SQLite the other way round.
pub(super) fn order(scope: &Scope<'_>, items: &[OrderByExpr]) -> Result<String> {
    use sqlparser::ast::OrderBySort;
    let mut out = Vec::new();
    for item in items {
        let down = match &item.options.sort {
            None | Some(OrderBySort::Asc) => false,
            Some(OrderBySort::Desc) => true,
            Some(_) => return Err(unknown("ORDER BY … USING", "USING")),
        };
        let of = scope.any(&item.expr)?;
        let of = match &of.ty {
            Some(SqlType::Numeric { .. }) => format!("CAST({} AS REAL)", of.text),
            Some(SqlType::Enum(name)) => match scope.model.enums.get(&**name) {
                Some(labels) => {
                    let whens = labels.labels.iter().enumerate();
                    let whens: String =
                        whens.map(|(i, l)| format!(" WHEN {} THEN {i}", name::text_literal(l))).collect();
                    format!("CASE {}{whens} END", of.text)
                }
                None => of.text,
            },
            _ => of.text,
        };
        let nulls_first = item.options.nulls_first.unwrap_or(down);
        out.push(format!(
            "{of} {} NULLS {}",
            if down { "DESC" } else { "ASC" },
            if nulls_first { "FIRST" } else { "LAST" }
        ));
    }
    Ok(out.join(", "))
}
