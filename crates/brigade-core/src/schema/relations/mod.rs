//! What can be read: tables and views alike, each with its columns, their types, and what links it to the others.
//!
//! Derived from the [`Model`] alone, so that every engine answers for the same names.

mod expression;
mod links;
mod view;

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use crate::data::SqlType;

use super::{Model, Table};

pub use links::{Cardinality, Relationship, Way};

/// Every relation of a model.
#[derive(Clone, Debug, Default)]
pub struct Relations {
    model: Arc<Model>,
    by_name: BTreeMap<String, Arc<Relation>>,
    /// Ways between relations, by the name of where they begin.
    links: BTreeMap<String, Vec<Relationship>>,
}

/// The relations of the model in force, made once for each model.
#[derive(Debug, Default)]
pub struct LatestRelations(RwLock<Option<Arc<Relations>>>);

impl LatestRelations {
    /// Those of a model.
    pub fn of(&self, model: &Arc<Model>) -> Arc<Relations> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known.filter(|known| Arc::ptr_eq(known.model(), model)) {
            return known;
        }
        let relations = Arc::new(Relations::of(model));
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&relations));
        relations
    }
}

/// A table or a view, as it is read.
#[derive(Clone, Debug, PartialEq)]
pub struct Relation {
    /// Its name.
    pub name: String,
    /// Its columns, in order.
    pub columns: Vec<RelationColumn>,
    /// Indexes of the primary key's columns; empty without one, and for views.
    pub key: Vec<usize>,
    /// Whether it is a view.
    pub is_view: bool,
}

/// A column of a relation.
#[derive(Clone, Debug, PartialEq)]
pub struct RelationColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: SqlType,
    /// The column of a table that it plainly shows.
    pub base: Option<(String, usize)>,
}

impl Relations {
    /// The relations of a model.
    pub fn of(model: &Arc<Model>) -> Self {
        let mut all: Vec<Arc<Relation>> = model.tables.values().map(|table| Arc::new(Relation::of(table))).collect();
        all.extend(views(model, &all));
        let mut links: BTreeMap<String, Vec<Relationship>> = BTreeMap::new();
        for link in links::find(model, &all) {
            links.entry(link.from.name.clone()).or_default().push(link);
        }
        let by_name = all.into_iter().map(|relation| (relation.name.clone(), relation)).collect();
        Self { model: Arc::clone(model), by_name, links }
    }

    /// The model they come from.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// A relation by name.
    pub fn get(&self, name: &str) -> Option<&Arc<Relation>> {
        self.by_name.get(name)
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }
}

/// The views of a model; each may rest on those before it.
fn views(model: &Model, tables: &[Arc<Relation>]) -> Vec<Arc<Relation>> {
    let relations = tables.iter().map(|table| (table.name.clone(), table.columns.clone())).collect();
    let mut known = view::Known { model, relations };
    let mut ordered: Vec<_> = model.views.iter().collect();
    ordered.sort_by_key(|(_, view)| view.order);
    let mut views = Vec::with_capacity(ordered.len());
    for (name, of) in ordered {
        let columns = view::columns(of, &known);
        known.relations.insert(name.clone(), columns.clone());
        views.push(Arc::new(Relation { name: name.clone(), columns, key: Vec::new(), is_view: true }));
    }
    views
}

impl Relation {
    fn of(table: &Arc<Table>) -> Self {
        Self {
            name: table.name.clone(),
            columns: table
                .columns
                .iter()
                .enumerate()
                .map(|(i, c)| RelationColumn {
                    name: c.name.clone(),
                    ty: c.ty.clone(),
                    base: Some((table.name.clone(), i)),
                })
                .collect(),
            key: table.key().to_vec(),
            is_view: false,
        }
    }

    /// The index of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == name)
    }

    /// Its column that plainly shows a column of a table.
    fn shows(&self, table: &str, column: usize) -> Option<usize> {
        self.columns.iter().position(|c| c.base.as_ref().is_some_and(|(t, i)| t == table && *i == column))
    }
}
