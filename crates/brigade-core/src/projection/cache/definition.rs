//! What a cache of brigade.toml is, held against the model: which keys a row has, what is read for a key, and which tables
//! an answer is made of.

use std::{borrow::Cow, collections::BTreeSet, sync::Arc};

use crate::{
    cache::Template,
    data::{
        Error, Layout, Result, SqlType, Value, code,
        plan::{Comparator, Comparison, Field, Node, Order, Read, Test, Tree},
    },
    engine::{CheckedEmbed, CheckedNode, CheckedRead, Link},
    query::{self, ReadRules, grammar},
    schema::{CacheConfig, Cached, Config, Model, Relation, Relations, access::Grants, nearest},
};

/// A cache of a table, ready to use.
pub(super) struct Definition {
    /// The table.
    pub table: Arc<Relation>,
    keys: Vec<RowKey>,
    /// What is shown of a row; the first one by the primary key, where several have one key.
    node: Node,
    /// The same, checked, for rows that lie in the log.
    pub shown: Arc<CheckedRead>,
    /// Tables besides, of which any change may concern any entry.
    pub embedded: BTreeSet<String>,
}

/// A key of a row.
struct RowKey {
    template: Template,
    /// Its columns, in the template's order.
    columns: Vec<(String, SqlType)>,
}

/// Holds the caches of brigade.toml against a model.
///
/// # Errors
/// BRGCFG, with the place.
pub fn check(config: &Config, model: &Arc<Model>) -> Result<()> {
    let relations = Relations::of(model);
    config.caches.iter().try_for_each(|(name, cache)| Definition::resolve(name, cache, config, &relations).map(drop))
}

const RULES: ReadRules = ReadRules { rows_max: None, aggregates: false };

impl Definition {
    pub(super) fn resolve(name: &str, config: &CacheConfig, file: &Config, relations: &Relations) -> Result<Self> {
        let wrong = |key: &str, message: String| {
            let place = file.places.get(&format!("cache.{name}.{key}")).unwrap_or(&config.place);
            Error::new(code::CONFIG, format!("{place}: [cache.{name}]: {message}"))
        };
        let Cached::Table { table, value } = &config.of else {
            return Err(wrong("query", "this version of brigade keeps no answers of queries".to_owned())
                .hint("cache a table, or take the section out"));
        };
        let model = relations.model();
        let Some(known) = model.table(table) else {
            let error = wrong("table", format!("there is no table \"{table}\""));
            return Err(match nearest(table, model.tables.keys().map(String::as_str)) {
                Some(near) => error.hint(format!("did you mean \"{near}\"?")),
                None => error.hint("name a table of migrations/"),
            });
        };
        if known.primary_key.is_none() {
            return Err(wrong("table", format!("table \"{table}\" has no primary key")).hint("give it one"));
        }
        let relation = relations.get(table).ok_or_else(|| Error::internal("a table without a relation"))?;
        let keys = config.keys.iter().map(|key| row_key(key, relation, known.settings.key_images, &wrong));
        let keys = keys.collect::<Result<Vec<_>>>()?;
        let by_key = |&column: &usize| Order {
            embed: None,
            field: Field { column: relation.columns[column].name.clone(), path: Vec::new() },
            descending: false,
            nulls_first: None,
        };
        let select =
            grammar::select(value).map_err(|e| wrong("value", e.to_string()).hint("as \"id,author:users(name)\""))?;
        let node = Node { select, order: relation.key.iter().map(by_key).collect(), limit: Some(1), ..Node::default() };
        let read = Read { from: table.clone(), node: node.clone(), count: None };
        let shown = query::check(&read, relations, RULES, Grants::EVERYTHING).map_err(|e| {
            let error = wrong("value", e.to_string());
            match e.get_hint() {
                Some(hint) => error.hint(hint),
                None => error
                    .hint("name columns of the table and tables that it is linked with, as \"id,author:users(name)\""),
            }
        })?;
        let mut embedded = BTreeSet::new();
        shown.node.embeds.iter().try_for_each(|embed| rests_on(embed, &mut embedded)).map_err(|view| {
            wrong("value", format!("\"{view}\" is a view: which of its rows a change concerns is not known"))
                .hint("embed tables")
        })?;
        let is_plain = embedded.is_empty() && !shown.node.is_grouped();
        if config.fill_on_write && !is_plain {
            return Err(wrong("value", "a change tells its own row alone".to_owned())
                .hint("take the embeds out, or fill = \"write\""));
        }
        let meets = |(i, key): (usize, &Template)| config.keys[..i].iter().any(|other| other.meets(key));
        if config.fill_on_write && config.keys.iter().enumerate().any(meets) {
            return Err(wrong("keys", "with fill = \"write\" no text may be a key of two templates".to_owned())
                .hint("begin them with words of their own, as \"link:uid:{uid}\" and \"link:slug:{slug}\""));
        }
        Ok(Self { table: Arc::clone(relation), keys, node, shown: Arc::new(shown), embedded })
    }

    pub(super) fn wants(&self, table: &str) -> bool {
        self.table.name == table || self.embedded.contains(table)
    }

    /// The tables that it rests on, as a model has them.
    pub(super) fn layouts(&self, model: &Model) -> Vec<Layout> {
        let tables = model.tables.values().filter(|table| table.primary_key.is_some() && self.wants(&table.name));
        tables.map(|table| table.layout()).collect()
    }

    /// The keys of a row that a change tells of; none where it does not tell enough.
    pub(super) fn keys_of(&self, layout: &Layout, value: impl Fn(usize) -> Option<Value>) -> Option<Vec<String>> {
        let mut keys = Vec::with_capacity(self.keys.len());
        for RowKey { template, columns } in &self.keys {
            let mut values = Vec::with_capacity(columns.len());
            for (name, _) in columns {
                values.push(value(layout.column(name)?)?);
            }
            let text = |name: &str| {
                let at = columns.iter().position(|(column, _)| column == name)?;
                values[at].to_text().map(|text| Cow::Owned(text.into_owned()))
            };
            keys.extend(template.key(text));
        }
        Some(keys)
    }

    /// What is to be read for a key, one after another until a row is found; nothing for what can be no row's key.
    pub(super) fn reads(&self, key: &str, model: &Model) -> Vec<Read> {
        self.keys.iter().filter_map(|row_key| self.read(row_key, key, model)).collect()
    }

    fn read(&self, row_key: &RowKey, key: &str, model: &Model) -> Option<Read> {
        let mut node = self.node.clone();
        let texts = row_key.template.values(key)?;
        for ((column, ty), text) in row_key.columns.iter().zip(texts) {
            // Only the one text that a row's own key has: any other would never be invalidated.
            let canonical = Value::from_text(ty, &text).ok()?.to_text()?.into_owned();
            let is_label = |name: &str| model.enums.get(name).is_none_or(|of| of.labels.contains(&text));
            if canonical != text || matches!(ty, SqlType::Enum(name) if !is_label(name)) {
                return None;
            }
            let test = Test::Compare { by: Comparator::Eq, quantifier: None, with: text };
            let field = Field { column: column.clone(), path: Vec::new() };
            node.filters.push(Tree::Compare(Comparison { field, negated: false, test }));
        }
        Some(Read { from: self.table.name.clone(), node, count: None })
    }

    /// Whether a row may have this key.
    pub(super) fn has(&self, key: &str, model: &Model) -> bool {
        self.keys.iter().any(|row_key| self.read(row_key, key, model).is_some())
    }

    /// What somebody must be allowed to read who asks the cache: what it shows, by the columns of its keys.
    pub(super) fn permission(&self) -> Read {
        let mut node = self.node.clone();
        for (column, _) in self.keys.iter().flat_map(|key| &key.columns) {
            let test = Test::Is(crate::data::plan::Is::NotNull);
            let field = Field { column: column.clone(), path: Vec::new() };
            node.filters.push(Tree::Compare(Comparison { field, negated: false, test }));
        }
        Read { from: self.table.name.clone(), node, count: None }
    }
}

fn row_key(
    template: &Template,
    relation: &Relation,
    key_images: bool,
    wrong: &impl Fn(&str, String) -> Error,
) -> Result<RowKey> {
    let mut columns = Vec::new();
    for name in template.names() {
        let Some(at) = relation.column(name) else {
            let known = relation.columns.iter().map(|column| column.name.as_str());
            let error =
                wrong("keys", format!("key \"{template}\": table \"{}\" has no column \"{name}\"", relation.name));
            return Err(match nearest(name, known.clone()) {
                Some(near) => error.hint(format!("did you mean \"{near}\"?")),
                None => error.hint(format!("it has {}", known.collect::<Vec<_>>().join(", "))),
            });
        };
        let ty = &relation.columns[at].ty;
        if !has_one_text(ty) {
            return Err(wrong("keys", format!("key \"{template}\": two texts may mean one {ty}"))
                .hint("make keys of integers, texts, uuids, booleans, enums, dates or timestamps"));
        }
        if key_images && !relation.key.contains(&at) {
            return Err(wrong(
                "keys",
                format!("key \"{template}\": changes of \"{}\" tell only its primary key", relation.name),
            )
            .hint(format!("take images = \"key\" out of [tables.{}]", relation.name)));
        }
        columns.push((name.to_owned(), ty.clone()));
    }
    if columns.is_empty() {
        return Err(wrong("keys", format!("key \"{template}\" names no column: every row would have it"))
            .hint("name the columns that tell rows apart, as \"link:{uid}\""));
    }
    Ok(RowKey { template: template.clone(), columns })
}

/// Whether equal values have equal texts.
fn has_one_text(ty: &SqlType) -> bool {
    use SqlType::{BigInt, Bool, Bytea, Date, Enum, Int, SmallInt, Text, Time, Timestamp, TimestampTz, Uuid, VarChar};
    matches!(
        ty,
        Bool | SmallInt
            | Int
            | BigInt
            | Text
            | VarChar(_)
            | Uuid
            | Date
            | Time
            | Timestamp
            | TimestampTz
            | Bytea
            | Enum(_)
    )
}

/// The tables of an embed and of what it embeds; the name of a view among them.
fn rests_on(embed: &CheckedEmbed, tables: &mut BTreeSet<String>) -> Result<(), String> {
    let mut add = |relation: &Relation| {
        if relation.is_view {
            return Err(relation.name.clone());
        }
        tables.insert(relation.name.clone());
        Ok(())
    };
    let CheckedNode { relation, embeds, .. } = &embed.node;
    add(relation)?;
    if let Link::Through { junction, .. } = &embed.link {
        add(junction)?;
    }
    embeds.iter().try_for_each(|embed| rests_on(embed, tables))
}
