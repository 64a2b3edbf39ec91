//! What SELECT and RETURNING list: texts, names and types of columns.

use brigade_core::data::SqlType;
use sqlparser::ast::{Expr, SelectItem, SelectItemQualifiedWildcardKind};

use super::cell;
use crate::tables::{
    expression::{Result, Scope, folded, last_name, unknown},
    name::quote,
};

pub(super) type Columns = Vec<(String, Option<SqlType>)>;

/// The items of SELECT or RETURNING; `own` sources from that index on are the query's own.
pub(in crate::tables) fn projection(
    scope: &Scope<'_>,
    own: usize,
    items: &[SelectItem],
    wants: &[SqlType],
) -> Result<(String, Columns)> {
    let mut texts = Vec::new();
    let mut columns: Columns = Vec::new();
    for (i, item) in items.iter().enumerate() {
        match item {
            SelectItem::Wildcard(_) => {
                texts.push("*".to_owned());
                columns.extend(scope.sources[own..].iter().flat_map(|s| s.columns.clone().unwrap_or_default()));
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(table), _) => {
                let alias = last_name(table);
                texts.push(format!("{}.*", quote(&alias)));
                let source = scope.sources.iter().rev().find(|s| s.alias == alias);
                columns.extend(source.and_then(|s| s.columns.clone()).unwrap_or_default());
            }
            SelectItem::UnnamedExpr(e) => {
                let name = column_name(e);
                let ty = scope.any(e)?.ty;
                texts.push(format!("{} AS {}", cell(scope, e, wants.get(i))?, quote(&name)));
                columns.push((name, ty));
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                let name = folded(alias);
                let ty = scope.any(expr)?.ty;
                texts.push(format!("{} AS {}", cell(scope, expr, wants.get(i))?, quote(&name)));
                columns.push((name, ty));
            }
            other => return Err(unknown("the column", &other.to_string())),
        }
    }
    Ok((texts.join(", "), columns))
}

/// The name PostgreSQL gives a column without AS.
fn column_name(e: &Expr) -> String {
    match e {
        Expr::Identifier(ident) => folded(ident),
        Expr::CompoundIdentifier(parts) => parts.last().map_or_else(|| "?column?".to_owned(), folded),
        Expr::Function(f) => last_name(&f.name),
        Expr::Cast { expr, .. } | Expr::Nested(expr) => column_name(expr),
        Expr::Case { .. } => "case".to_owned(),
        Expr::Extract { .. } => "extract".to_owned(),
        Expr::Exists { .. } => "exists".to_owned(),
        _ => "?column?".to_owned(),
    }
}
