//! A cache of a table's rows: which keys a row has, and what is read for a key.

use std::{borrow::Cow, collections::BTreeSet, sync::Arc};

use crate::{
    cache::Template,
    data::{
        Change, Error, Image, Layout, Op, Result, Row, SqlType, Value,
        plan::{Comparator, Comparison, Field, Is, Node, Order, Read, Test, Tree},
    },
    engine::{CheckedEmbed, CheckedNode, CheckedRead, Gone, Link},
    query::{self, grammar},
    schema::{CacheConfig, Model, Relation, Relations, access::Grants, did_you_mean},
};

use super::{
    Concerned, RULES, canonical, everything,
    hanging::{Hanging, hanging},
    has_one_text,
};

/// A cache of a table, ready to use.
pub(in super::super) struct TableDefinition {
    /// The table.
    pub table: Arc<Relation>,
    pub(super) keys: Vec<RowKey>,
    /// What is shown of a row; the first one by the primary key, where several have one key.
    node: Node,
    /// The same, checked, for rows that lie in the log.
    pub shown: Arc<CheckedRead>,
    /// The tables besides that are shown.
    pub embedded: BTreeSet<String>,
    /// How their rows hang on this table's.
    pub(super) hanging: Vec<Hanging>,
    /// Those of them of which any change may concern any entry.
    pub(super) beyond: BTreeSet<String>,
}

/// A key of a row.
pub(super) struct RowKey {
    pub template: Template,
    /// Its columns, in the template's order.
    pub columns: Vec<(String, SqlType)>,
}

impl RowKey {
    /// The values of a key, in the order of its columns; none for what can be no row's key.
    fn values(&self, key: &str, model: &Model) -> Option<Vec<String>> {
        let texts = self.template.values(key)?;
        // Only the one text that a row's own key has: any other would never be invalidated.
        let is_own = |((_, ty), text): (&(String, SqlType), &String)| canonical(ty, text, model).is_some();
        self.columns.iter().zip(&texts).all(is_own).then_some(texts)
    }
}

impl TableDefinition {
    pub(super) fn resolve(
        (table, value): (&str, &str),
        config: &CacheConfig,
        relations: &Relations,
        wrong: &impl Fn(&str, String) -> Error,
    ) -> Result<Self> {
        let model = relations.model();
        let Some(known) = model.table(table) else {
            let known = model.tables.keys().map(String::as_str);
            return Err(wrong("table", format!("there is no table \"{table}\"")).hint(did_you_mean(table, known)));
        };
        if known.primary_key.is_none() {
            return Err(wrong("table", format!("table \"{table}\" has no primary key")).hint("give it one"));
        }
        let relation = relations.get(table).ok_or_else(|| Error::internal("a table without a relation"))?;
        let keys = config.keys.iter().map(|key| row_key(key, relation, known.settings.key_images, wrong));
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
        let read = Read { from: table.to_owned(), node: node.clone(), count: None };
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
        let (hanging, beyond) = hanging(relation, &shown.node.embeds);
        Ok(Self { table: Arc::clone(relation), keys, node, shown: Arc::new(shown), embedded, hanging, beyond })
    }

    /// The keys of a row that a change tells of; none where it does not tell enough.
    pub(in super::super) fn keys_of(
        &self,
        layout: &Layout,
        value: impl Fn(usize) -> Option<Value>,
    ) -> Option<Vec<String>> {
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
    pub(super) fn checked(&self, key: &str, relations: &Relations) -> Result<Vec<CheckedRead>> {
        let reads = self.keys.iter().filter_map(|row_key| self.read(row_key, key, relations.model()));
        reads.map(|read| everything(&read, relations)).collect()
    }

    fn read(&self, row_key: &RowKey, key: &str, model: &Model) -> Option<Read> {
        let texts = row_key.values(key, model)?;
        let tests = texts.into_iter().map(|with| Test::Compare { by: Comparator::Eq, quantifier: None, with });
        Some(self.where_keys(row_key.columns.iter().zip(tests)))
    }

    /// What is shown of a row, where each of these columns fits.
    fn where_keys<'c>(&self, columns: impl Iterator<Item = (&'c (String, SqlType), Test)>) -> Read {
        let mut node = self.node.clone();
        node.filters.extend(columns.map(|((column, _), test)| {
            let field = Field { column: column.clone(), path: Vec::new() };
            Tree::Compare(Comparison { field, negated: false, test })
        }));
        Read { from: self.table.name.clone(), node, count: None }
    }

    pub(super) fn concerned(&self, change: &Change) -> Concerned {
        let keys = if change.op == Op::Truncate { None } else { self.keys_around(change) };
        keys.unwrap_or_else(|| Concerned::Gone(vec![Gone::All]))
    }

    /// The keys of a row before and after a change, and what links it with others; none where the change does not tell enough.
    fn keys_around(&self, change: &Change) -> Option<Concerned> {
        let layout = &change.layout;
        let links = self.links(change)?;
        if layout.table != self.table.name {
            return Some(Concerned::Keys { before: Vec::new(), after: Vec::new(), links });
        }
        let of = |row: &Row| self.keys_of(layout, |at| Some(row[at].clone()));
        let before = match &change.before {
            None => Vec::new(),
            Some(Image::Whole(row)) => of(row)?,
            // Of a row whose key alone is told, its other keys are not known.
            Some(Image::Key(key)) => {
                self.keys_of(layout, |at| key.get(layout.key.iter().position(|&k| k == at)?).cloned())?
            }
        };
        let after = change.after.as_ref().map_or(Some(Vec::new()), of)?;
        Some(Concerned::Keys { before, after, links })
    }

    /// Whether a row may have this key.
    pub(super) fn has(&self, key: &str, model: &Model) -> bool {
        self.keys.iter().any(|row_key| row_key.values(key, model).is_some())
    }

    /// What somebody must be allowed to read who asks the cache: what it shows, by the columns of its keys.
    pub(super) fn permission(&self) -> Read {
        self.where_keys(self.keys.iter().flat_map(|key| &key.columns).map(|column| (column, Test::Is(Is::NotNull))))
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
            return Err(error.hint(did_you_mean(name, known)));
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

/// The tables of an embed and of what it embeds; the name of a view among them.
pub(super) fn rests_on(embed: &CheckedEmbed, tables: &mut BTreeSet<String>) -> Result<(), String> {
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
