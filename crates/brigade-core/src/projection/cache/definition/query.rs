//! A cache of a named query's answers: a key holds the values of its parameters.

use std::{borrow::Cow, collections::BTreeSet, sync::Arc};

use crate::{
    cache::{Prefix, Template},
    data::{
        Change, Error, Layout, Op, Result, Row, SqlType, Value,
        plan::{Item, Node, Read},
    },
    engine::{CheckedRead, Gone, Routine, RoutineShape},
    query,
    schema::{CacheConfig, Relations, access::Grants, did_you_mean, nearest},
};

use super::{RULES, canonical, has_one_text};

/// A query that answers may be kept of.
#[derive(Clone, Debug)]
pub struct CachedQuery {
    /// The query.
    pub routine: Arc<Routine>,
    /// The tables that it rests on; none: nobody knows.
    pub tables: Option<BTreeSet<String>>,
}

/// The queries of a project, as they are now: a migration makes them ready anew.
pub trait Queries: Send + Sync {
    /// A query by name.
    fn query(&self, name: &str) -> Option<CachedQuery>;

    /// Their names.
    fn names(&self) -> Vec<String>;
}

/// A cache of a query, ready to use.
pub(in super::super) struct QueryDefinition {
    pub name: String,
    templates: Vec<Template>,
    /// Its parameters' types, by name.
    params: Vec<(String, SqlType)>,
    pub tables: BTreeSet<String>,
}

impl QueryDefinition {
    pub(super) fn resolve(
        name: &str,
        config: &CacheConfig,
        queries: &dyn Queries,
        wrong: &impl Fn(&str, String) -> Error,
    ) -> Result<Self> {
        let Some(CachedQuery { routine, tables }) = queries.query(name) else {
            let error = wrong("query", format!("there is no query \"{name}\""));
            let names = queries.names();
            return Err(match nearest(name, names.iter().map(String::as_str)) {
                Some(near) => error.hint(format!("did you mean \"queries/{near}.sql\"?")),
                None => error.hint(format!("write queries/{name}.sql")),
            });
        };
        if routine.writes || routine.shape == RoutineShape::Nothing {
            return Err(wrong("query", format!("query \"{name}\" changes rows, or answers none"))
                .hint("cache a query that only reads"));
        }
        let Some(tables) = tables.filter(|tables| !tables.is_empty()) else {
            return Err(wrong("query", format!("which tables \"{name}\" rests on is not known"))
                .hint(format!("write a line \"-- tables a, b\" into the head of queries/{name}.sql")));
        };
        let params: Vec<(String, SqlType)> = routine.params.iter().map(|p| (p.name.clone(), p.ty.clone())).collect();
        for template in &config.keys {
            for key in template.names() {
                let Some((_, ty)) = params.iter().find(|(param, _)| param == key) else {
                    let error =
                        wrong("keys", format!("key \"{template}\": query \"{name}\" has no parameter \"{key}\""));
                    let names = params.iter().map(|(param, _)| param.as_str());
                    return Err(error.hint(did_you_mean(key, names)));
                };
                if !has_one_text(ty) {
                    return Err(wrong("keys", format!("key \"{template}\": two texts may mean one {ty}"))
                        .hint("make keys of integers, texts, uuids, booleans, enums, dates or timestamps"));
                }
            }
            let named: Vec<&str> = template.names().collect();
            if let Some(left) = routine.params.iter().find(|p| !p.has_default && !named.contains(&p.name.as_str())) {
                let message =
                    format!("key \"{template}\" does not hold parameter \"{}\", which has no default", left.name);
                return Err(wrong("keys", message).hint("name every parameter that has no default"));
            }
        }
        Ok(Self { name: name.to_owned(), templates: config.keys.clone(), params, tables })
    }

    /// What a change of a table that it rests on may concern: by the key's columns that the table has, as far as they are at the
    /// front of the key; all keys that begin so.
    pub(super) fn gone(&self, change: &Change) -> Vec<Gone> {
        let before = change.before.as_ref().map(|image| image.row());
        let rows: Vec<Option<&Row>> = match (change.op, before, &change.after) {
            (Op::Truncate | Op::Schema, ..) | (_, Some(None), _) => vec![None],
            (_, before, after) => before.into_iter().chain(after.iter().map(Some)).collect(),
        };
        let mut gone = Vec::new();
        for (row, template) in rows.iter().flat_map(|row| self.templates.iter().map(move |t| (row, t))) {
            let prefix = template.prefix(|name| self.value(name, &change.layout, (*row)?));
            let one = match prefix {
                Prefix::Key(key) => Gone::Key(key),
                Prefix::All(prefix) => Gone::Prefix(prefix),
            };
            if !gone.contains(&one) {
                gone.push(one);
            }
        }
        gone
    }

    /// The text of a column that a parameter has the name and the type of.
    fn value<'v>(&self, name: &str, layout: &Layout, row: &Row) -> Option<Cow<'v, str>> {
        let at = layout.column(name)?;
        let (_, ty) = self.params.iter().find(|(param, _)| param == name)?;
        let is_same = *ty == layout.columns[at].ty || (is_integer(ty) && is_integer(&layout.columns[at].ty));
        row[at].to_text().filter(|_| is_same).map(|text| Cow::Owned(text.into_owned()))
    }

    /// The call that a key stands for; none for what is no key of it.
    pub(super) fn read(&self, key: &str, relations: &Relations, queries: &dyn Queries) -> Result<Option<CheckedRead>> {
        let Some((template, texts)) = self.templates.iter().find_map(|t| Some((t, t.values(key)?))) else {
            return Ok(None);
        };
        let Some(CachedQuery { routine, .. }) = queries.query(&self.name) else { return Ok(None) };
        let mut given: Vec<Option<Value>> = vec![None; routine.params.len()];
        for (name, text) in template.names().zip(texts) {
            let Some(at) = routine.params.iter().position(|param| param.name == name) else { return Ok(None) };
            let ty = &routine.params[at].ty;
            let Some(value) = canonical(ty, &text, relations.model()) else { return Ok(None) };
            given[at] = Some(value);
        }
        let node = Node { select: vec![Item::All], ..Node::default() };
        let read = Read { from: self.name.clone(), node, count: None };
        let mut checked = query::check_of(&read, &routine.relation, relations, RULES, Grants::EVERYTHING)?;
        checked.source = Some(routine.source(given));
        Ok(Some(checked))
    }

    /// Whether an answer is one object, and not a list of them.
    pub(super) fn is_single(&self, queries: &dyn Queries) -> bool {
        queries.query(&self.name).is_some_and(|query| query.routine.shape == RoutineShape::Row)
    }
}

fn is_integer(ty: &SqlType) -> bool {
    matches!(ty, SqlType::SmallInt | SqlType::Int | SqlType::BigInt)
}
