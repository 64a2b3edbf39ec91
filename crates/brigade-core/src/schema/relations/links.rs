//! Which rows of one relation belong to which of another: every foreign key gives a way there and a way back, and a table
//! whose key is made of two foreign keys gives a way across.
//!
//! A view keeps the foreign keys of a table whose columns it shows plainly. A table is a junction only if both foreign keys
//! lie within its primary key: else it is a thing of its own that happens to point twice.

use std::sync::Arc;

use super::{Relation, Relations};
use crate::schema::{ForeignKey, Model, Table};

/// A way from one relation to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Relationship {
    /// Where it begins.
    pub from: Arc<Relation>,
    /// Where it leads.
    pub to: Arc<Relation>,
    /// How many belong to how many.
    pub cardinality: Cardinality,
    /// Which columns meet.
    pub way: Way,
}

/// How many rows of the one belong to how many of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cardinality {
    /// Many here to one there: the foreign key is here.
    ManyToOne,
    /// One here to many there: the foreign key is there.
    OneToMany,
    /// One to one; the foreign key is unique.
    OneToOne {
        /// Whether the foreign key is here.
        key_is_here: bool,
    },
    /// Many to many, through a junction.
    ManyToMany,
}

/// The columns that meet.
#[derive(Clone, Debug, PartialEq)]
pub enum Way {
    /// Pairs of columns here and there.
    Direct {
        /// The foreign key's name.
        constraint: String,
        /// The pairs.
        columns: Vec<(usize, usize)>,
    },
    /// By way of a junction.
    Through {
        /// It.
        junction: Arc<Relation>,
        /// The names of its two foreign keys: to here, and to there.
        constraints: (String, String),
        /// Pairs of columns here and in the junction.
        near: Vec<(usize, usize)>,
        /// Pairs of columns in the junction and there.
        far: Vec<(usize, usize)>,
    },
}

impl Relationship {
    /// Whether at most one row belongs.
    pub fn is_one(&self) -> bool {
        matches!(self.cardinality, Cardinality::ManyToOne | Cardinality::OneToOne { .. })
    }

    /// Whether the foreign key is here.
    pub fn key_is_here(&self) -> bool {
        matches!(self.cardinality, Cardinality::ManyToOne | Cardinality::OneToOne { key_is_here: true })
    }

    /// The one column that the foreign key is made of.
    pub fn key_column(&self) -> Option<&str> {
        let Way::Direct { columns, .. } = &self.way else { return None };
        let [(here, there)] = columns[..] else { return None };
        Some(if self.key_is_here() { &self.from.columns[here].name } else { &self.to.columns[there].name })
    }
}

impl Relations {
    /// Every way that begins at a relation.
    pub fn links_of(&self, relation: &Relation) -> &[Relationship] {
        self.links.get(&relation.name).map_or(&[], Vec::as_slice)
    }
}

/// Every way between the relations of a model.
pub(super) fn find(model: &Model, relations: &[Arc<Relation>]) -> Vec<Relationship> {
    let mut links = Vec::new();
    for table in model.tables.values() {
        for key in &table.foreign_keys {
            let Some(target) = model.table(&key.table) else { continue };
            let is_unique = is_unique(table, &key.columns);
            for child in relations {
                for parent in relations {
                    direct(table, key, target, is_unique, child, parent, &mut links);
                }
            }
        }
    }
    for table in model.tables.values() {
        let Some(junction) = relations.iter().find(|r| r.name == table.name) else { continue };
        let within = |key: &ForeignKey| !key.columns.is_empty() && key.columns.iter().all(|c| table.key().contains(c));
        let keys: Vec<&ForeignKey> = table.foreign_keys.iter().filter(|key| within(key)).collect();
        for near in &keys {
            for far in keys.iter().filter(|far| far.columns != near.columns) {
                through(model, junction, near, far, relations, &mut links);
            }
        }
    }
    links
}

fn direct(
    table: &Table,
    key: &ForeignKey,
    target: &Table,
    is_unique: bool,
    child: &Arc<Relation>,
    parent: &Arc<Relation>,
    links: &mut Vec<Relationship>,
) {
    let Some(columns) = pairs(table, key, target, child, parent) else { return };
    let back: Vec<(usize, usize)> = columns.iter().map(|&(here, there)| (there, here)).collect();
    let way = |columns| Way::Direct { constraint: key.name.clone(), columns };
    let (there, here) = match is_unique {
        true => (Cardinality::OneToOne { key_is_here: true }, Cardinality::OneToOne { key_is_here: false }),
        false => (Cardinality::ManyToOne, Cardinality::OneToMany),
    };
    let (from, to) = (Arc::clone(child), Arc::clone(parent));
    links.push(Relationship { from, to, cardinality: there, way: way(columns) });
    let (from, to) = (Arc::clone(parent), Arc::clone(child));
    links.push(Relationship { from, to, cardinality: here, way: way(back) });
}

fn through(
    model: &Model,
    junction: &Arc<Relation>,
    near: &ForeignKey,
    far: &ForeignKey,
    relations: &[Arc<Relation>],
    links: &mut Vec<Relationship>,
) {
    let (Some(table), Some(here), Some(there)) =
        (model.table(&junction.name), model.table(&near.table), model.table(&far.table))
    else {
        return;
    };
    for from in relations {
        let Some(back) = pairs(table, near, here, junction, from) else { continue };
        for to in relations {
            let Some(columns) = pairs(table, far, there, junction, to) else { continue };
            links.push(Relationship {
                from: Arc::clone(from),
                to: Arc::clone(to),
                cardinality: Cardinality::ManyToMany,
                way: Way::Through {
                    junction: Arc::clone(junction),
                    constraints: (near.name.clone(), far.name.clone()),
                    near: back.iter().map(|&(j, f)| (f, j)).collect(),
                    far: columns,
                },
            });
        }
    }
}

/// Pairs of the foreign key's columns in `child` and what they point at in `parent`, where both show all of them.
fn pairs(
    table: &Table,
    key: &ForeignKey,
    target: &Table,
    child: &Relation,
    parent: &Relation,
) -> Option<Vec<(usize, usize)>> {
    let pair = |(&column, reference): (&usize, &String)| {
        Some((child.shows(&table.name, column)?, parent.shows(&target.name, target.column(reference)?)?))
    };
    key.columns.iter().zip(&key.references).map(pair).collect()
}

/// Whether no two rows can have the same values in these columns.
fn is_unique(table: &Table, columns: &[usize]) -> bool {
    let among = |key: &[usize]| !key.is_empty() && key.iter().all(|c| columns.contains(c));
    let index = |index: &crate::schema::Index| {
        let parts: Option<Vec<usize>> = index
            .parts
            .iter()
            .map(|part| match &part.of {
                crate::schema::IndexOn::Column(name) => table.column(name),
                crate::schema::IndexOn::Expression(_) => None,
            })
            .collect();
        index.unique && index.predicate.is_none() && parts.is_some_and(|parts| among(&parts))
    };
    among(table.key()) || table.uniques.iter().any(|u| among(&u.columns)) || table.indexes.iter().any(index)
}
