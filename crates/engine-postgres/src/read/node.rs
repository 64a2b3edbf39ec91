//! A node as SQL. Texts depend on the read's shape alone, so that a prepared statement is found again; every value that the
//! caller gave is bound, with a cast that gives it its type.

use brigade_core::{
    data::{Result, Value},
    engine::{CheckedNode, CheckedRead, CheckedTree, Output, Source},
    schema::Piece,
};

use crate::encode::{Param, cast, quote};

/// SQL as it is written, with its parameters in order.
#[derive(Debug, Default)]
pub(super) struct Sql {
    pub(super) text: String,
    pub(super) params: Vec<Param>,
    /// The number of the next alias: each place where a relation is read has its own.
    aliases: usize,
}

/// Where the rows of a read come from.
#[derive(Clone, Copy, Debug)]
pub(super) enum From<'f> {
    /// A table or view, or what stands for it under this name.
    Relation(&'f str),
    /// A routine.
    Source(&'f Source),
}

impl<'f> From<'f> {
    /// What a read says.
    pub(super) fn of(read: &'f CheckedRead) -> Self {
        match &read.source {
            Some(source) => Self::Source(source),
            None => Self::Relation(&read.node.relation.name),
        }
    }
}

/// The alias under which a relation is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Alias(usize);

/// What a SELECT's items become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A column each, under its name.
    Columns,
    /// A column each, as text.
    Cells,
    /// The one item there is, as the column `v`.
    Value,
}

impl Sql {
    /// SQL whose parameters come behind those that are there.
    pub(super) fn behind(params: Vec<Param>) -> Self {
        Self { params, ..Self::default() }
    }

    /// The node's conditions alone, without the word before them. Its relation is known as `t0`.
    pub(super) fn only_conditions(mut self, node: &CheckedNode) -> Result<(String, Vec<Param>)> {
        let alias = self.alias();
        self.conditions(node, alias, &mut |_| false)?;
        Ok((self.text.strip_prefix(" WHERE ").unwrap_or("true").to_owned(), self.params))
    }

    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// `$1::type`
    pub(super) fn bind(&mut self, param: Param, ty: &str) {
        self.params.push(param);
        let place = self.params.len();
        // What nobody knows the type of takes it from what it is compared with.
        let is_known = !ty.starts_with("unknown");
        self.text.push_str(&if is_known { format!("${place}::{ty}") } else { format!("${place}") });
    }

    pub(super) fn alias(&mut self) -> Alias {
        self.aliases += 1;
        Alias(self.aliases - 1)
    }

    /// `t0`
    pub(super) fn name(&mut self, alias: Alias) {
        self.text.push_str(&format!("t{}", alias.0));
    }

    /// `t0."column"`
    pub(super) fn column(&mut self, alias: Alias, column: &str) {
        self.name(alias);
        self.text.push('.');
        self.text.push_str(&quote(column));
    }

    /// `"relation" AS t0`
    pub(super) fn relation(&mut self, relation: &str, alias: Alias) {
        self.text.push_str(&quote(relation));
        self.text.push_str(" AS ");
        self.name(alias);
    }

    /// The rows of the node itself, wherever they come from.
    pub(super) fn page(&mut self, node: &CheckedNode, from: From<'_>, shape: Shape) -> Result<()> {
        let alias = self.alias();
        self.select(node, alias, &|sql| sql.root(from, alias), &mut |_| false, shape)
    }

    fn root(&mut self, from: From<'_>, alias: Alias) {
        let source = match from {
            From::Relation(name) => return self.relation(name, alias),
            From::Source(source) => source,
        };
        self.push("(");
        self.pieces(source, &source.pieces);
        self.push(") AS ");
        self.name(alias);
    }

    /// A statement of a routine.
    pub(super) fn pieces(&mut self, source: &Source, pieces: &[Piece]) {
        for piece in pieces {
            match piece {
                Piece::Text(text) => self.push(text),
                Piece::Value(value) => {
                    let (value, ty) = &source.values[*value];
                    self.bind(Param::value(value), &cast(ty));
                }
            }
        }
    }

    /// The rows that the node has without limit and offset, each as nothing.
    pub(super) fn all(&mut self, node: &CheckedNode, from: From<'_>) -> Result<()> {
        let items = if node.is_grouped() { node.items.clone() } else { Vec::new() };
        let whole = CheckedNode { limit: None, offset: 0, order: Vec::new(), items, ..node.clone() };
        self.page(&whole, from, Shape::Columns)
    }

    /// `SELECT … FROM … WHERE … GROUP BY … ORDER BY … LIMIT …`. `from` writes what is read, `link` the condition that ties
    /// it to an outer row (and says whether it wrote one).
    pub(super) fn select(
        &mut self,
        node: &CheckedNode,
        alias: Alias,
        from: &dyn Fn(&mut Self),
        link: &mut dyn FnMut(&mut Self) -> bool,
        shape: Shape,
    ) -> Result<()> {
        self.push("SELECT ");
        self.items(node, alias, shape)?;
        self.push(" FROM ");
        from(self);
        self.conditions(node, alias, link)?;
        self.group(node);
        self.order(node, alias)?;
        self.limit(node);
        Ok(())
    }

    /// What each row shows, with commas between.
    pub(super) fn items(&mut self, node: &CheckedNode, alias: Alias, shape: Shape) -> Result<()> {
        for (i, item) in node.items.iter().enumerate() {
            self.push(if i > 0 { "," } else { "" });
            match shape {
                Shape::Columns => {
                    self.output(node, &item.output, alias)?;
                    self.push(" AS ");
                    self.push(&quote(&item.name));
                }
                Shape::Cells => self.cell(node, &item.output, alias)?,
                Shape::Value => {
                    self.output(node, &item.output, alias)?;
                    self.push(" AS v");
                }
            }
        }
        Ok(())
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

    /// Groups are named by the places of their columns: a parameter written twice would be another one.
    fn group(&mut self, node: &CheckedNode) {
        if !node.is_grouped() {
            return;
        }
        let plain = |(i, item): (usize, &brigade_core::engine::CheckedItem)| {
            (!matches!(item.output, Output::Aggregate { .. })).then(|| (i + 1).to_string())
        };
        let places: Vec<String> = node.items.iter().enumerate().filter_map(plain).collect();
        if !places.is_empty() {
            self.push(" GROUP BY ");
            self.push(&places.join(","));
        }
    }

    fn limit(&mut self, node: &CheckedNode) {
        let number = |n: u64| Param::value(&Value::Int(i64::try_from(n).unwrap_or(i64::MAX)));
        if let Some(limit) = node.limit {
            self.push(" LIMIT ");
            self.bind(number(limit), "bigint");
        }
        if node.offset > 0 {
            self.push(" OFFSET ");
            self.bind(number(node.offset), "bigint");
        }
    }
}
