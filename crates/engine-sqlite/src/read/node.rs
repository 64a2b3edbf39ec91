//! A node as SQL. Texts depend on the read's shape alone, so that a prepared statement is found again; everything that the
//! caller gave is bound.

use std::sync::Arc;

use brigade_core::{
    data::{Error, Result, SqlType, code},
    engine::{CheckedNode, CheckedTree, Output, Source},
    schema::{Model, Piece, Table},
};
use rusqlite::types::Value as Bound;

use super::{condition::bound, row::Kind};
use crate::{statement::quoted, tables::rowid};

/// Parameters of one statement (SQLite's own limit is 32,766).
pub(super) const PARAMETERS_MAX: usize = 32_000;

/// SQL as it is written, with its parameters in order.
pub(super) struct Sql<'r> {
    pub(super) text: String,
    pub(super) bound: Vec<Bound>,
    pub(super) model: &'r Model,
    /// The number of the next alias: each place where a relation is read has its own.
    aliases: usize,
}

/// The rows of a routine: its SQL, and its values as SQLite keeps them.
pub(super) struct Rows {
    pub(super) pieces: Arc<[Piece]>,
    pub(super) values: Vec<Bound>,
}

impl Rows {
    /// Those of a source.
    pub(super) fn of(source: &Source) -> Result<Self> {
        let values = source.values.iter().map(|(value, ty)| bound(value, ty)).collect::<Result<_>>()?;
        Ok(Self { pieces: Arc::clone(&source.pieces), values })
    }
}

/// The alias under which a relation is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Alias(usize);

/// What a SELECT's items become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A column each.
    Columns,
    /// One column `o`: a JSON object.
    Object,
    /// The one item there is, as the column `v`.
    Value,
}

impl<'r> Sql<'r> {
    pub(super) fn new(model: &'r Model) -> Self {
        Self { text: String::with_capacity(256), bound: Vec::new(), model, aliases: 0 }
    }

    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(super) fn bind(&mut self, value: Bound) {
        self.text.push('?');
        self.bound.push(value);
    }

    pub(super) fn alias(&mut self) -> Alias {
        self.aliases += 1;
        Alias(self.aliases - 1)
    }

    /// `t0`
    pub(super) fn name(&mut self, alias: Alias) {
        self.text.push('t');
        self.text.push_str(&alias.0.to_string());
    }

    /// `t0."column"`
    pub(super) fn column(&mut self, alias: Alias, column: &str) {
        self.name(alias);
        self.text.push('.');
        quoted(&mut self.text, column);
    }

    /// `"relation" AS t0`
    pub(super) fn relation(&mut self, relation: &str, alias: Alias) {
        quoted(&mut self.text, relation);
        self.text.push_str(" AS ");
        self.name(alias);
    }

    /// `: "parameters are too many"`, before anything runs.
    pub(super) fn finish(self) -> Result<(String, Vec<Bound>)> {
        if self.bound.len() > PARAMETERS_MAX {
            return Err(Error::new(code::LIMIT, format!("a read has at most {PARAMETERS_MAX} values in it"))
                .hint("ask in several parts"));
        }
        Ok((self.text, self.bound))
    }

    /// The whole read: one column for each item. Answers what the columns are.
    pub(super) fn page(&mut self, node: &CheckedNode, source: Option<&Rows>) -> Result<Vec<Kind>> {
        let alias = self.alias();
        self.select(node, alias, &|sql| sql.root(node, source, alias), &mut |_| false, Shape::Columns)
    }

    /// The rows that the whole read is about.
    fn root(&mut self, node: &CheckedNode, source: Option<&Rows>, alias: Alias) {
        let Some(Rows { pieces, values }) = source else { return self.relation(&node.relation.name, alias) };
        self.push("(");
        for piece in pieces.iter() {
            match piece {
                Piece::Text(text) => self.push(text),
                Piece::Value(value) => self.bind(values[*value].clone()),
            }
        }
        self.push(") AS ");
        self.name(alias);
    }

    /// The rows that lie at some places of the table, one after the other: CROSS JOIN keeps SQLite from turning them round.
    pub(super) fn at_places(&mut self, node: &CheckedNode, table: &Table, places: &[i64]) -> Result<Vec<Kind>> {
        let alias = self.alias();
        let list: Vec<String> = places.iter().map(i64::to_string).collect();
        let list = Bound::Text(format!("[{}]", list.join(",")));
        let from = |sql: &mut Self| {
            sql.push("json_each(");
            sql.bind(list.clone());
            sql.push(") AS place CROSS JOIN ");
            sql.relation(&node.relation.name, alias);
            sql.push(" ON ");
            sql.column(alias, rowid(table));
            sql.push("=place.value");
        };
        self.select(node, alias, &from, &mut |_| false, Shape::Columns)
    }

    /// The node's conditions alone, without the word before them. Its relation is known as `t0`.
    pub(super) fn only_conditions(mut self, node: &CheckedNode) -> Result<(String, Vec<Bound>)> {
        let alias = self.alias();
        self.conditions(node, alias, &mut |_| false)?;
        let (text, bound) = self.finish()?;
        Ok((text.strip_prefix(" WHERE ").unwrap_or("1").to_owned(), bound))
    }

    /// The number of rows that the node has without limit and offset.
    pub(super) fn count(&mut self, node: &CheckedNode, source: Option<&Rows>) -> Result<()> {
        let alias = self.alias();
        self.push("SELECT count(*) FROM ");
        if node.is_grouped() {
            self.push("(");
            let whole = CheckedNode { limit: None, offset: 0, order: Vec::new(), ..node.clone() };
            self.select(&whole, alias, &|sql| sql.root(node, source, alias), &mut |_| false, Shape::Columns)?;
            self.push(")");
            return Ok(());
        }
        self.root(node, source, alias);
        self.conditions(node, alias, &mut |_| false)
    }

    /// `SELECT … FROM … WHERE … GROUP BY … ORDER BY … LIMIT …`. `from` writes what is read, `link` the condition that ties
    /// it to an outer row (and says whether it wrote one).
    ///
    /// Embeds are asked of the page's rows alone: SQLite would ask them of every row that it sorts. The inner LIMIT and the
    /// outer one keep it from merging the two.
    pub(super) fn select(
        &mut self,
        node: &CheckedNode,
        alias: Alias,
        from: &dyn Fn(&mut Self),
        link: &mut dyn FnMut(&mut Self) -> bool,
        shape: Shape,
    ) -> Result<Vec<Kind>> {
        let is_limited = node.limit.is_some() || node.offset > 0;
        let has_embeds = node.items.iter().any(|i| matches!(i.output, Output::Embed(_) | Output::Spread { .. }));
        let apart = is_limited && has_embeds && !node.is_grouped();
        self.push("SELECT ");
        let kinds = self.outputs(node, alias, shape)?;
        self.push(" FROM ");
        if apart {
            self.push("(SELECT ");
            self.name(alias);
            self.push(".* FROM ");
        }
        from(self);
        self.conditions(node, alias, link)?;
        self.group(node, alias)?;
        self.order(node, alias)?;
        self.limit(node);
        if apart {
            self.push(") AS ");
            self.name(alias);
            self.push(" LIMIT -1");
        }
        Ok(kinds)
    }

    /// The items, and what they are.
    fn outputs(&mut self, node: &CheckedNode, alias: Alias, shape: Shape) -> Result<Vec<Kind>> {
        let mut kinds = Vec::with_capacity(node.items.len());
        if shape != Shape::Object {
            for (i, item) in node.items.iter().enumerate() {
                self.push(if i > 0 { "," } else { "" });
                kinds.push(self.output(node, &item.output, alias)?);
            }
            self.push(if node.items.is_empty() { "1" } else { "" });
            self.push(if shape == Shape::Value { " AS v" } else { "" });
            return Ok(kinds);
        }
        // What the function needs to know comes before the values, but is known only after them.
        self.push("brigade_object(");
        let place = self.bound.len();
        self.bind(Bound::Null);
        let mut layout = String::new();
        for item in &node.items {
            self.push(",");
            let kind = self.output(node, &item.output, alias)?;
            kind.note(&item.name, &mut layout);
            kinds.push(kind);
        }
        self.bound[place] = Bound::Text(layout);
        self.push(") AS o");
        Ok(kinds)
    }

    /// ` WHERE …`: first the link to the outer row, then the policy, then what the caller asked.
    pub(super) fn conditions(
        &mut self,
        node: &CheckedNode,
        alias: Alias,
        link: &mut dyn FnMut(&mut Self) -> bool,
    ) -> Result<()> {
        let before = self.text.len();
        self.push(" WHERE ");
        let mut any = link(self);
        let inner = node.embeds.iter().enumerate().filter(|(_, e)| e.is_inner);
        let inner: Vec<CheckedTree> = inner.map(|(embed, _)| CheckedTree::Exists { negated: false, embed }).collect();
        for tree in node.policy.iter().chain(&node.filters).chain(&inner) {
            self.push(if any { " AND " } else { "" });
            self.tree(tree, node, alias)?;
            any = true;
        }
        if !any {
            self.text.truncate(before);
        }
        Ok(())
    }

    fn group(&mut self, node: &CheckedNode, alias: Alias) -> Result<()> {
        if !node.is_grouped() {
            return Ok(());
        }
        let mut any = false;
        for item in &node.items {
            if matches!(item.output, Output::Aggregate { .. }) {
                continue;
            }
            self.push(if any { "," } else { " GROUP BY " });
            self.output(node, &item.output, alias)?;
            any = true;
        }
        Ok(())
    }

    fn limit(&mut self, node: &CheckedNode) {
        if node.limit.is_none() && node.offset == 0 {
            return;
        }
        self.push(" LIMIT ");
        self.bind(Bound::Integer(node.limit.map_or(-1, |n| i64::try_from(n).unwrap_or(i64::MAX))));
        if node.offset > 0 {
            self.push(" OFFSET ");
            self.bind(Bound::Integer(i64::try_from(node.offset).unwrap_or(i64::MAX)));
        }
    }

    /// The labels of an enum.
    pub(super) fn labels(&self, ty: &SqlType) -> &'r [String] {
        match ty {
            SqlType::Enum(name) => self.model.enums.get(&**name).map_or(&[], |e| &e.labels),
            _ => &[],
        }
    }
}
