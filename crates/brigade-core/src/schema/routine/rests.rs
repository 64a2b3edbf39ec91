//! Which tables an answer of a query is made of.

use std::{collections::BTreeSet, ops::ControlFlow};

use sqlparser::ast::{Visit, visit_relations};

use crate::schema::Model;

use super::NamedQuery;

/// The tables that a query rests on: those that its head names, else those that its text does, behind views too. None where
/// neither tells.
pub fn rests_on(query: &NamedQuery, model: &Model) -> Option<BTreeSet<String>> {
    let mut tables = BTreeSet::new();
    for table in &query.tables {
        add(table, model, &mut tables);
    }
    if query.tables.is_empty() {
        for statement in &query.statements {
            collect(statement.parsed.as_deref()?, model, &mut tables);
        }
    }
    Some(tables)
}

/// A name inside of the query itself, as that of a WITH, may be that of a table: then one too many is found.
fn collect<V: Visit>(sql: &V, model: &Model, tables: &mut BTreeSet<String>) {
    let _ = visit_relations(sql, |name| {
        if let Some(part) = name.0.last().and_then(|part| part.as_ident()) {
            let folded = if part.quote_style.is_some() { part.value.clone() } else { part.value.to_lowercase() };
            add(&folded, model, tables);
        }
        ControlFlow::<()>::Continue(())
    });
}

fn add(name: &str, model: &Model, tables: &mut BTreeSet<String>) {
    if let Some(view) = model.views.get(name) {
        // A view rests on older ones alone, so this ends.
        collect(view.query.as_ref(), model, tables);
    } else if model.tables.contains_key(name) {
        tables.insert(name.to_owned());
    }
}
