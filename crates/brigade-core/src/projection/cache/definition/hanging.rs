//! Rows of other tables that hang on cached rows: which columns of both link them, and so which entries a change of the other
//! table concerns.
//!
//! What hangs on a row directly, or the row of a junction, tells by its own columns which rows it hangs on. What is farther away
//! does not.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    has_one_text,
    table::{TableDefinition, rests_on},
};
use crate::{
    data::{
        Change, Image, Json, JsonValue, Layout, Op, SqlType, Value,
        plan::{Comparator, Comparison, Field, FieldItem, Group, Item, Node, Read, Test, Tree},
    },
    engine::{CheckedEmbed, Link},
    schema::Relation,
};

/// Values that link rows, by the number of the [`Hanging`] that they are of.
pub(in super::super) type Links = BTreeMap<usize, BTreeSet<Vec<String>>>;

/// How the rows of another table hang on cached rows.
pub(super) struct Hanging {
    /// The other table.
    pub table: String,
    /// The columns that link: the cached table's, and the other one's.
    columns: Vec<(String, String)>,
}

impl Hanging {
    fn of(near: &Relation, other: &Relation, pairs: &[(usize, usize)]) -> Option<Self> {
        let link = |&(near_at, other_at): &(usize, usize)| {
            let (ours, theirs) = (&near.columns[near_at], &other.columns[other_at]);
            let are_alike = has_one_text(&ours.ty) && family(&ours.ty) == family(&theirs.ty);
            are_alike.then(|| (ours.name.clone(), theirs.name.clone()))
        };
        let columns = pairs.iter().map(link).collect::<Option<Vec<_>>>()?;
        Some(Self { table: other.name.clone(), columns })
    }

    fn ours(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(ours, _)| ours.as_str())
    }

    fn theirs(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(_, theirs)| theirs.as_str())
    }
}

/// How the rows of embedded tables hang on a table's rows, and the tables of which that cannot be told.
pub(super) fn hanging(table: &Relation, embeds: &[CheckedEmbed]) -> (Vec<Hanging>, BTreeSet<String>) {
    let (mut known, mut beyond) = (Vec::new(), BTreeSet::new());
    for embed in embeds {
        let (near, pairs) = match &embed.link {
            Link::Direct(pairs) => (&embed.node.relation, pairs),
            Link::Through { junction, near, .. } => {
                beyond.insert(embed.node.relation.name.clone());
                (junction, near)
            }
        };
        match Hanging::of(table, near, pairs) {
            Some(one) => known.push(one),
            None => drop(beyond.insert(near.name.clone())),
        }
        for farther in &embed.node.embeds {
            // That none of them is a view is known.
            let _ = rests_on(farther, &mut beyond);
        }
    }
    (known, beyond)
}

impl TableDefinition {
    /// The values by which a change's rows hang on cached rows; none where that is not told.
    pub(super) fn links(&self, change: &Change) -> Option<Links> {
        let mut links = Links::new();
        if self.beyond.contains(&change.layout.table) {
            return None;
        }
        for (at, hanging) in self.hanging.iter().enumerate().filter(|(_, one)| one.table == change.layout.table) {
            let of = |value: &dyn Fn(usize) -> Option<Value>| texts(&change.layout, hanging.theirs(), value);
            let before = change.before.as_ref().map(|image| of(&|column| told(&change.layout, image, column)));
            let after = change.after.as_ref().map(|row| of(&|column| row.get(column).cloned()));
            for one in [before, after].into_iter().flatten() {
                links.entry(at).or_default().extend(one?);
            }
        }
        Some(links)
    }

    /// The keys of the rows that values link to, where the values themselves tell them; takes those out.
    pub(in super::super) fn keys_of_links(&self, links: &mut Links) -> Vec<String> {
        let mut keys = Vec::new();
        links.retain(|at, values| {
            let ours: Vec<&str> = self.hanging[*at].ours().collect();
            if !self.keys.iter().all(|key| key.columns.iter().all(|(column, _)| ours.contains(&column.as_str()))) {
                return true;
            }
            for (key, value) in self.keys.iter().flat_map(|key| values.iter().map(move |value| (key, value))) {
                let text = |name: &str| Some(value[ours.iter().position(|one| *one == name)?].as_str().into());
                keys.extend(key.template.key(text));
            }
            false
        });
        keys
    }

    /// What asks the truth for the keys of the rows that values link to.
    pub(in super::super) fn read_linked(&self, links: &Links, rows_max: u64) -> Read {
        let columns: BTreeSet<&str> =
            self.keys.iter().flat_map(|key| &key.columns).map(|(name, _)| name.as_str()).collect();
        let field = |column: &str| Field { column: column.to_owned(), path: Vec::new() };
        let shown = |column: &str| {
            let field = field(column);
            Item::Field(FieldItem { alias: None, field, cast: None, aggregate: None, aggregate_cast: None })
        };
        let compare = |column: &str, test| Tree::Compare(Comparison { field: field(column), negated: false, test });
        let equal = |(column, value): (&str, &String)| {
            compare(column, Test::Compare { by: Comparator::Eq, quantifier: None, with: value.clone() })
        };
        let mut of = Vec::new();
        for (at, values) in links {
            let hanging = &self.hanging[*at];
            match &hanging.columns[..] {
                [(ours, _)] => of.push(compare(ours, Test::In(values.iter().flatten().cloned().collect()))),
                _ => of.extend(values.iter().map(|value| {
                    let of = hanging.ours().zip(value).map(equal).collect();
                    Tree::Group(Group { negated: false, any: false, of })
                })),
            }
        }
        let filters = vec![Tree::Group(Group { negated: false, any: true, of })];
        let select = columns.into_iter().map(shown).collect();
        Read {
            from: self.table.name.clone(),
            node: Node { select, filters, limit: Some(rows_max), ..Node::default() },
            count: None,
        }
    }

    /// The keys of the rows that such a read has answered.
    pub(in super::super) fn keys_answered(&self, body: &[u8]) -> Option<Vec<String>> {
        let JsonValue::Array(rows) = Json::parse(body).ok()?.value else { return None };
        let mut keys = Vec::new();
        for row in rows {
            for key in &self.keys {
                let text = |name: &str| {
                    let (_, ty) = key.columns.iter().find(|(column, _)| column == name)?;
                    let value = Value::from_json(ty, row.get(name)?).ok()?;
                    value.to_text().map(|text| text.into_owned().into())
                };
                keys.extend(key.template.key(text));
            }
        }
        Some(keys)
    }

    /// The keys that a change of a cached row takes away from the rows that values link to: those of the row as it was. None
    /// where it does not tell.
    pub(in super::super) fn keys_unlinked(&self, change: &Change, links: &Links) -> Option<Vec<String>> {
        if change.layout.table != self.table.name {
            return Some(Vec::new());
        }
        if matches!(change.op, Op::Truncate | Op::Schema) {
            return None;
        }
        let Some(before) = &change.before else { return Some(Vec::new()) };
        let value = |column: usize| told(&change.layout, before, column);
        for (at, values) in links {
            let link = texts(&change.layout, self.hanging[*at].ours(), &value)?;
            if link.is_some_and(|link| values.contains(&link)) {
                return self.keys_of(&change.layout, value);
            }
        }
        Some(Vec::new())
    }
}

/// The value of a column in an image, where it is told.
fn told(layout: &Layout, image: &Image, column: usize) -> Option<Value> {
    match image {
        Image::Whole(row) => row.get(column).cloned(),
        Image::Key(key) => key.get(layout.key.iter().position(|&at| at == column)?).cloned(),
    }
}

/// The texts of columns; inner none where one of them is null, so that it links nothing. Outer none where one is not told.
fn texts<'c>(
    layout: &Layout,
    mut columns: impl Iterator<Item = &'c str>,
    value: &dyn Fn(usize) -> Option<Value>,
) -> Option<Option<Vec<String>>> {
    columns.try_fold(Some(Vec::new()), |texts, column| {
        let value = value(layout.column(column)?)?;
        Some(texts.zip(value.to_text()).map(|(mut texts, text)| {
            texts.push(text.into_owned());
            texts
        }))
    })
}

/// Types of which equal values have equal texts, also where the types differ.
fn family(ty: &SqlType) -> SqlType {
    match ty {
        SqlType::SmallInt | SqlType::Int => SqlType::BigInt,
        SqlType::VarChar(_) => SqlType::Text,
        other => other.clone(),
    }
}
