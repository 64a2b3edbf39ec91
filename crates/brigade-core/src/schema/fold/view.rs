//! CREATE VIEW, and which views rest on what.

use std::{collections::BTreeSet, ops::ControlFlow};

use sqlparser::ast::{CreateView, Ident, ObjectName, Query, TableFactor, Visit, Visitor};

use crate::{
    data::{Result, code},
    schema::{
        View,
        lex::{Quoting, Token, TokenKind, lex},
        place::did_you_mean,
    },
};

use super::{Fold, folded, state};

impl Fold<'_> {
    pub(super) fn create_view(&mut self, create: &CreateView) -> Result<()> {
        let (name, ident) = self.name(&create.name)?;
        if create.materialized {
            return Err(self.only_postgres("a materialized view"));
        }
        if create.temporary {
            return Err(self.only_postgres("a temporary view"));
        }
        let old = self.model.views.get(&name).map(|v| v.order);
        match old {
            Some(_) if create.or_replace => {}
            Some(_) if create.if_not_exists => return Ok(()),
            _ => self.may_create(&name, ident)?,
        }
        let newest = self.model.views.values().map(|v| v.order).max();
        let order = old.unwrap_or_else(|| newest.map_or(0, |n| n + 1));
        for read in reads(&create.query) {
            self.may_read(&name, order, &read)?;
        }
        let view = View {
            order,
            sql: self.query_text(),
            query: create.query.clone(),
            columns: create.columns.iter().map(|c| folded(&c.name)).collect(),
        };
        self.model.views.insert(name, view);
        Ok(())
    }

    fn may_read(&self, view: &str, order: u32, read: &ObjectName) -> Result<()> {
        let (name, ident) = self.name(read)?;
        match self.model.views.get(&name) {
            Some(other) if other.order >= order => {
                let message = format!("view \"{view}\" reads view \"{name}\", which is newer");
                Err(self.error_at(ident, code::UNSUPPORTED, message).hint("drop the view and create it anew"))
            }
            Some(_) => Ok(()),
            None if self.model.tables.contains_key(&name) => Ok(()),
            None => {
                let known = self.model.tables.keys().chain(self.model.views.keys()).map(String::as_str);
                let message = format!("table or view \"{name}\" does not exist");
                Err(self.error_at(ident, code::UNKNOWN_TABLE, message).hint(did_you_mean(&name, known)))
            }
        }
    }

    /// The text behind `AS`, from where the query begins.
    fn query_text(&self) -> String {
        let sql = self.statement.sql.as_str();
        let tokens = lex("", sql, Quoting::Postgres).unwrap_or_default();
        let behind = tokens.iter().position(|t| t.is(sql, "AS")).and_then(|i| tokens.get(i + 1));
        behind.map_or_else(String::new, |t| sql[t.start..].to_string())
    }

    /// Names of the views that read a table or view, directly or through others, the newest first.
    pub(super) fn readers(&self, name: &str) -> Vec<String> {
        let mut read = BTreeSet::from([name.to_string()]);
        let mut views: Vec<(&String, &View)> = self.model.views.iter().collect();
        views.sort_by_key(|(_, view)| view.order);
        let mut out = Vec::new();
        for (view_name, view) in views {
            let reads = reads(&view.query);
            let names = reads.iter().filter_map(|r| r.0.last()?.as_ident().map(folded));
            if view_name != name && names.into_iter().any(|n| read.contains(&n)) {
                read.insert(view_name.clone());
                out.insert(0, view_name.clone());
            }
        }
        out
    }

    /// Refuses a change of something that views read, or with CASCADE drops them.
    pub(super) fn drop_readers(&mut self, name: &str, column: Option<&str>, cascade: bool, at: &Ident) -> Result<()> {
        let mut readers = self.readers(name);
        if let Some(column) = column
            && !readers.iter().any(|view| mentions(&self.model.views[view].sql, column))
        {
            readers.clear();
        }
        if let Some(view) = readers.last()
            && !cascade
        {
            let message = format!("view \"{view}\" rests on \"{}\"", column.unwrap_or(name));
            return Err(self
                .error_at(at, state::DEPENDED_UPON, message)
                .hint("drop the view before, and create it anew after"));
        }
        for view in readers {
            self.model.views.remove(&view);
        }
        Ok(())
    }
}

/// Whether a query may name a column: by its name, or by `*`.
fn mentions(sql: &str, column: &str) -> bool {
    let tokens = lex("", sql, Quoting::Postgres).unwrap_or_default();
    let all = |before: &Token| {
        before.is_symbol(b'.')
            || before.is_symbol(b',')
            || ["SELECT", "ALL", "DISTINCT"].iter().any(|w| before.is(sql, w))
    };
    let star = tokens.windows(2).any(|pair| pair[1].is_symbol(b'*') && all(&pair[0]));
    star || tokens.iter().any(|t| match t.kind {
        TokenKind::Word => t.text(sql).to_lowercase() == column,
        TokenKind::Name => t.text(sql).trim_matches('"').replace("\"\"", "\"") == column,
        _ => false,
    })
}

/// The tables and views that a query reads, without its own WITH queries and functions.
fn reads(query: &Query) -> Vec<ObjectName> {
    let mut reader = Reader::default();
    let _ = query.visit(&mut reader);
    let own = |name: &ObjectName| match name.0.as_slice() {
        [part] => part.as_ident().is_some_and(|ident| reader.own.contains(&folded(ident))),
        _ => false,
    };
    reader.relations.iter().filter(|name| !own(name)).cloned().collect()
}

#[derive(Default)]
struct Reader {
    relations: Vec<ObjectName>,
    own: BTreeSet<String>,
}

impl Visitor for Reader {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        self.own.extend(tables.map(|cte| folded(&cte.alias.name)));
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: None, .. } = factor {
            self.relations.push(name.clone());
        }
        ControlFlow::Continue(())
    }
}
