//! A [`Read`] and the [`Relations`] of the model become a [`CheckedRead`]. After that the type is the proof: an engine
//! asks nothing again.

use std::sync::Arc;

use crate::{
    data::{
        Error, Result, SqlType, code,
        plan::{Aggregate, Count, Field, FieldItem, Item, Node, Order, Read},
    },
    engine::{
        CheckedEmbed, CheckedItem, CheckedNode, CheckedOrder, CheckedRead, CheckedTree, Expression, OrderBy, Output,
    },
    limits,
    schema::{
        Model, Relation, Relations, RestConfig,
        access::{Grants, Touched, Verb},
    },
};

use super::{field, unknown};

/// What a project lets reads do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadRules<'r> {
    /// Rows of a page, at the top and in every embed.
    pub rows_max: Option<u64>,
    /// Whether sums and their like may be asked for: one of them reads every row.
    pub aggregates: bool,
    /// The language of a text search that names none.
    pub language: &'r str,
}

impl<'r> ReadRules<'r> {
    /// Those of `[rest]`.
    pub fn of(config: &'r RestConfig) -> Self {
        Self { rows_max: config.max_rows, aggregates: config.aggregates, language: &config.text_search }
    }
}

/// Checks a read, for whoever has these grants: what is closed to them is refused before it is looked for, so that it cannot
/// be told from what is not there.
///
/// # Errors
/// 42501 for what is closed, PostgREST's codes for names and shapes, SQLSTATE for operands, BRG413 for limits.
pub fn check(read: &Read, relations: &Relations, rules: ReadRules<'_>, grants: Grants<'_>) -> Result<CheckedRead> {
    grants.allow(&read.from, Verb::Select, Touched::Columns(&[]))?;
    let relation = relations.get(&read.from).ok_or_else(|| unknown::relation(&read.from, relations, grants))?;
    check_of(read, relation, relations, rules, grants)
}

/// Checks a read of rows that have the columns of a relation, wherever they come from.
///
/// # Errors
/// As [`check`].
pub fn check_of(
    read: &Read,
    relation: &Arc<Relation>,
    relations: &Relations,
    rules: ReadRules<'_>,
    grants: Grants<'_>,
) -> Result<CheckedRead> {
    let mut checker = Checker { relations, rules, grants, items: 0, embeds: 0, conditions: 0 };
    let node = checker.node(&read.node, relation, 0)?;
    let mut checked = CheckedRead::new(relations.model(), node);
    checked.count = read.count;
    Ok(checked)
}

pub(super) struct Checker<'r> {
    pub(super) relations: &'r Relations,
    pub(super) rules: ReadRules<'r>,
    pub(super) grants: Grants<'r>,
    items: usize,
    pub(super) embeds: usize,
    pub(super) conditions: usize,
}

/// What names may mean inside a node.
pub(super) struct Scope<'s> {
    pub(super) relation: &'s Arc<Relation>,
    names: &'s [String],
}

impl Scope<'_> {
    /// The embed that is known by a name.
    pub(super) fn embed(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|n| n == name)
    }
}

/// A limit of `limits.rs` is passed.
pub(super) fn past(what: &str, limit: &str, max: usize) -> Error {
    Error::new(code::LIMIT, what.to_owned()).details(format!("{limit} is {max}")).hint("ask in several parts")
}

impl Checker<'_> {
    pub(super) fn model(&self) -> &Model {
        self.relations.model()
    }

    pub(super) fn node(&mut self, node: &Node, relation: &Arc<Relation>, depth: usize) -> Result<CheckedNode> {
        let mut items = Vec::with_capacity(node.select.len());
        let mut embeds = Vec::new();
        let mut names = Vec::new();
        for item in &node.select {
            match item {
                Item::All => {
                    self.allow_every_column(relation)?;
                    let all = 0..relation.columns.len();
                    items.extend(all.map(|c| CheckedItem {
                        name: relation.columns[c].name.clone(),
                        output: Output::Value(Expression::column(relation, c)),
                    }));
                }
                Item::Field(item) => items.push(self.field(item, relation)?),
                Item::Count { alias, cast } => {
                    items.push(self.count(alias.as_deref(), cast.as_deref(), self.rules.aggregates)?);
                }
                Item::Embed(embed) => {
                    let checked = self.embed(embed, relation, depth + 1)?;
                    show(embed.known_as(), embed.spread, embeds.len(), &checked, &mut items)?;
                    names.push(embed.known_as().to_owned());
                    embeds.push(checked);
                }
            }
            self.items += 1;
            if self.items.max(items.len()) > limits::ITEMS_MAX {
                return Err(past("too many columns are selected", "ITEMS_MAX", limits::ITEMS_MAX));
            }
        }
        let scope = Scope { relation, names: &names };
        let filters =
            node.filters.iter().map(|tree| self.tree(tree, &scope, 0)).collect::<Result<Vec<CheckedTree>>>()?;
        let order = node.order.iter().map(|order| self.order(order, &scope, &embeds, &items)).collect::<Result<_>>()?;
        let limit = match (node.limit, self.rules.rows_max) {
            (Some(asked), Some(max)) => Some(asked.min(max)),
            (asked, max) => asked.or(max),
        };
        let offset = node.offset.unwrap_or(0);
        Ok(CheckedNode { relation: Arc::clone(relation), items, embeds, filters, policy: None, order, limit, offset })
    }

    fn allow_every_column(&self, relation: &Relation) -> Result<()> {
        if !self.grants.are_limited() {
            return Ok(());
        }
        let columns: Vec<&str> = relation.columns.iter().map(|column| column.name.as_str()).collect();
        self.grants.allow(&relation.name, Verb::Select, Touched::Every(&columns))
    }

    fn field(&self, item: &FieldItem, relation: &Relation) -> Result<CheckedItem> {
        let FieldItem { alias, field: of, cast, aggregate, aggregate_cast } = item;
        // `rel(count)` is how clients ask for the number of rows, and it was allowed before there were aggregates.
        if of.column == "count" && of.path.is_empty() && aggregate.is_none() && relation.column("count").is_none() {
            return self.count(alias.as_deref(), cast.as_deref(), true);
        }
        let mut value = field::expression(of, relation, self.grants)?;
        value.cast = cast.as_deref().map(|name| field::cast_from(&value.base, name, self.model())).transpose()?;
        let name = alias.clone().unwrap_or_else(|| shown_name(of));
        let Some(function) = aggregate else {
            return Ok(CheckedItem { name, output: Output::Value(value) });
        };
        self.allow_aggregates(self.rules.aggregates)?;
        let ty = field::aggregated(*function, value.ty())?;
        let cast = aggregate_cast.as_deref().map(|name| field::cast_from(&ty, name, self.model())).transpose()?;
        let output = Output::Aggregate { function: *function, of: Some(value), ty, cast };
        let name = alias.clone().unwrap_or_else(|| function.as_str().to_owned());
        Ok(CheckedItem { name, output })
    }

    fn count(&self, alias: Option<&str>, cast: Option<&str>, allowed: bool) -> Result<CheckedItem> {
        self.allow_aggregates(allowed)?;
        let cast = cast.map(|name| field::cast_from(&SqlType::BigInt, name, self.model())).transpose()?;
        let output = Output::Aggregate { function: Aggregate::Count, of: None, ty: SqlType::BigInt, cast };
        Ok(CheckedItem { name: alias.unwrap_or("count").to_owned(), output })
    }

    fn allow_aggregates(&self, allowed: bool) -> Result<()> {
        let refused = || {
            Error::new("PGRST123", "Use of aggregate functions is not allowed")
                .hint("set aggregates = true in [rest] of brigade.toml")
        };
        allowed.then_some(()).ok_or_else(refused)
    }

    fn order(
        &self,
        order: &Order,
        scope: &Scope<'_>,
        embeds: &[CheckedEmbed],
        items: &[CheckedItem],
    ) -> Result<CheckedOrder> {
        let by = match &order.embed {
            None => match field::expression(&order.field, scope.relation, self.grants) {
                Ok(value) => OrderBy::Value(value),
                Err(error) => match items.iter().position(|i| i.name == order.field.column && is_aggregate(i)) {
                    Some(item) => OrderBy::Item(item),
                    None => return Err(error),
                },
            },
            Some(name) => {
                let embed = scope.embed(name).ok_or_else(|| unknown::not_embedded(name))?;
                if !embeds[embed].is_one {
                    let from = &scope.relation.name;
                    return Err(Error::new("PGRST118", format!("A related order on '{name}' is not possible"))
                        .details(format!(
                            "'{from}' and '{name}' do not form a many-to-one or one-to-one relationship"
                        )));
                }
                OrderBy::Embed(embed, field::expression(&order.field, &embeds[embed].node.relation, self.grants)?)
            }
        };
        let ty = match &by {
            OrderBy::Value(value) | OrderBy::Embed(_, value) => Some(value.ty()),
            OrderBy::Item(_) => None,
        };
        if ty == Some(&SqlType::Json) {
            return Err(Error::new("42883", "could not identify an ordering operator for type json"));
        }
        Ok(CheckedOrder {
            by,
            descending: order.descending,
            nulls_first: order.nulls_first.unwrap_or(order.descending),
        })
    }
}

/// An embed under its own name; the items of a spread one under theirs.
fn show(name: &str, spread: bool, index: usize, embed: &CheckedEmbed, items: &mut Vec<CheckedItem>) -> Result<()> {
    if spread {
        let spread = embed
            .node
            .items
            .iter()
            .enumerate()
            .map(|(item, of)| CheckedItem { name: of.name.clone(), output: Output::Spread { embed: index, item } });
        items.extend(spread);
    } else if !embed.node.items.is_empty() {
        items.push(CheckedItem { name: name.to_owned(), output: Output::Embed(index) });
    }
    Ok(())
}

fn is_aggregate(item: &CheckedItem) -> bool {
    matches!(item.output, Output::Aggregate { .. })
}

/// A column's name; of a place inside JSON its last key.
fn shown_name(field: &Field) -> String {
    let key = field.path.iter().rev().find_map(|step| match &step.to {
        crate::data::plan::Place::Key(key) => Some(key.clone()),
        crate::data::plan::Place::Index(_) => None,
    });
    key.unwrap_or_else(|| field.column.clone())
}

impl CheckedRead {
    /// Whether the page is all there is, so that its rows need not be counted again.
    pub fn is_whole(&self) -> bool {
        self.node.limit.is_none() && self.node.offset == 0
    }

    /// Whether a total is asked for that the page itself does not tell.
    pub fn counts_apart(&self) -> bool {
        self.count == Some(Count::Exact) && !self.is_whole()
    }
}
