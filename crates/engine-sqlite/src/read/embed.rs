//! Embeds as correlated subqueries that answer JSON text: with the outer statement they are one statement.

use brigade_core::{
    data::Result,
    engine::{CheckedEmbed, CheckedItem, CheckedNode, Expression, Link},
};
use rusqlite::types::Value as Bound;

use super::{
    node::{Alias, Shape, Sql},
    row::Kind,
};

impl Sql<'_> {
    /// The rows of an embed that belong to the row of `outer`: an object or null, or an array.
    pub(super) fn embed(&mut self, embed: &CheckedEmbed, outer: Alias) -> Result<()> {
        if embed.is_one {
            self.push("(");
            let node = CheckedNode { limit: Some(1), ..embed.node.clone() };
            self.linked(&node, embed, outer, Shape::Object)?;
            self.push(")");
            return Ok(());
        }
        self.push("(SELECT '['||coalesce(group_concat(o,','),'')||']' FROM (");
        self.linked(&embed.node, embed, outer, Shape::Object)?;
        self.push("))");
        Ok(())
    }

    /// One item of an embed as a value of the row itself; an array of them where there may be several rows.
    pub(super) fn spread(&mut self, embed: &CheckedEmbed, item: usize, outer: Alias) -> Result<Kind> {
        let items: Vec<CheckedItem> = vec![embed.node.items[item].clone()];
        let node = CheckedNode { items, ..embed.node.clone() };
        if embed.is_one {
            self.push("(");
            let node = CheckedNode { limit: Some(1), ..node };
            let kinds = self.linked(&node, embed, outer, Shape::Value)?;
            self.push(")");
            return Ok(kinds.into_iter().next().unwrap_or(Kind::Raw));
        }
        self.push("(SELECT '['||coalesce(group_concat(brigade_json(");
        let place = self.bound.len();
        self.bind(Bound::Null);
        self.push(",v),','),'')||']' FROM (");
        let kinds = self.linked(&node, embed, outer, Shape::Value)?;
        self.push("))");
        let mut layout = String::new();
        kinds.first().unwrap_or(&Kind::Raw).note("", &mut layout);
        self.bound[place] = Bound::Text(layout);
        Ok(Kind::Raw)
    }

    /// Whether the row of `outer` has any row of the embed.
    pub(super) fn exists(&mut self, embed: &CheckedEmbed, outer: Alias) -> Result<()> {
        let alias = self.alias();
        self.push("EXISTS (SELECT 1 FROM ");
        let through = self.from(embed, alias);
        self.conditions(&embed.node, alias, &mut |sql| {
            sql.tie(embed, outer, alias, through);
            true
        })?;
        self.push(")");
        Ok(())
    }

    /// A value of the one row of an embed, for an order.
    pub(super) fn of_the_one(&mut self, embed: &CheckedEmbed, value: &Expression, outer: Alias) -> Result<()> {
        let alias = self.alias();
        self.push("(SELECT ");
        self.sort_key(value, &embed.node.relation, alias);
        self.push(" FROM ");
        let through = self.from(embed, alias);
        self.conditions(&embed.node, alias, &mut |sql| {
            sql.tie(embed, outer, alias, through);
            true
        })?;
        self.push(" LIMIT 1)");
        Ok(())
    }

    /// The rows that belong to the row of `outer`.
    fn linked(&mut self, node: &CheckedNode, embed: &CheckedEmbed, outer: Alias, shape: Shape) -> Result<Vec<Kind>> {
        let (alias, through) = (self.alias(), self.alias());
        let from = |sql: &mut Self| sql.source_as(embed, alias, through);
        let mut link = |sql: &mut Self| {
            sql.tie(embed, outer, alias, through);
            true
        };
        self.select(node, alias, &from, &mut link, shape)
    }

    /// What is read; answers the alias of a junction.
    fn from(&mut self, embed: &CheckedEmbed, alias: Alias) -> Alias {
        let through = self.alias();
        self.source_as(embed, alias, through);
        through
    }

    fn source_as(&mut self, embed: &CheckedEmbed, alias: Alias, through: Alias) {
        if let Link::Through { junction, far, .. } = &embed.link {
            self.relation(&junction.name, through);
            self.push(" JOIN ");
            self.relation(&embed.node.relation.name, alias);
            for (i, &(middle, theirs)) in far.iter().enumerate() {
                self.push(if i > 0 { " AND " } else { " ON " });
                self.column(through, &junction.columns[middle].name);
                self.push("=");
                self.column(alias, &embed.node.relation.columns[theirs].name);
            }
        } else {
            self.relation(&embed.node.relation.name, alias);
        }
    }

    /// The condition that makes rows belong to the row of `outer`.
    fn tie(&mut self, embed: &CheckedEmbed, outer: Alias, alias: Alias, through: Alias) {
        let (pairs, relation, alias) = match &embed.link {
            Link::Direct(pairs) => (pairs, &embed.node.relation, alias),
            Link::Through { junction, near, .. } => (near, junction, through),
        };
        for (i, &(ours, theirs)) in pairs.iter().enumerate() {
            self.push(if i > 0 { " AND " } else { "" });
            self.column(alias, &relation.columns[theirs].name);
            self.push("=");
            self.column(outer, &embed.outer.columns[ours].name);
        }
    }
}
