//! Embeds as correlated subqueries that answer JSON: with the outer statement they are one statement.

use brigade_core::{
    data::Result,
    engine::{CheckedEmbed, CheckedNode, Expression, Link},
};

use super::node::{Alias, Shape, Sql};

impl Sql {
    /// The rows of an embed that belong to the row of `outer`: an object or null, or an array.
    pub(super) fn embed(&mut self, embed: &CheckedEmbed, outer: Alias) -> Result<()> {
        if embed.is_one {
            self.push("(SELECT row_to_json(e.*) FROM (");
            let node = CheckedNode { limit: Some(1), ..embed.node.clone() };
            self.linked(&node, embed, outer, Shape::Columns)?;
            self.push(") AS e)");
        } else {
            self.push("coalesce((SELECT json_agg(e) FROM (");
            self.linked(&embed.node, embed, outer, Shape::Columns)?;
            self.push(") AS e),'[]'::json)");
        }
        Ok(())
    }

    /// One item of an embed as a value of the row itself; an array of them where there may be several rows.
    pub(super) fn spread(&mut self, embed: &CheckedEmbed, item: usize, outer: Alias) -> Result<()> {
        let node = CheckedNode { items: vec![embed.node.items[item].clone()], ..embed.node.clone() };
        if embed.is_one {
            self.push("(");
            self.linked(&CheckedNode { limit: Some(1), ..node }, embed, outer, Shape::Value)?;
            self.push(")");
        } else {
            self.push("coalesce((SELECT json_agg(e.v) FROM (");
            self.linked(&node, embed, outer, Shape::Value)?;
            self.push(") AS e),'[]'::json)");
        }
        Ok(())
    }

    /// Whether the row of `outer` has any row of the embed.
    pub(super) fn exists(&mut self, embed: &CheckedEmbed, outer: Alias) -> Result<()> {
        self.push("EXISTS (SELECT 1");
        self.matching(embed, outer)?;
        self.push(")");
        Ok(())
    }

    /// A value of the one row of an embed, for an order.
    pub(super) fn of_the_one(&mut self, embed: &CheckedEmbed, value: &Expression, outer: Alias) -> Result<()> {
        let alias = self.alias();
        self.push("(SELECT ");
        self.value(value, &embed.node.relation, alias);
        self.rest(embed, outer, alias)?;
        self.push(" LIMIT 1)");
        Ok(())
    }

    fn matching(&mut self, embed: &CheckedEmbed, outer: Alias) -> Result<()> {
        let alias = self.alias();
        self.rest(embed, outer, alias)
    }

    /// ` FROM … WHERE …` of the rows that belong to the row of `outer`.
    fn rest(&mut self, embed: &CheckedEmbed, outer: Alias, alias: Alias) -> Result<()> {
        let through = self.alias();
        self.push(" FROM ");
        self.from(embed, alias, through);
        self.conditions(&embed.node, alias, &mut |sql| {
            sql.tie(embed, outer, alias, through);
            true
        })
    }

    /// The rows that belong to the row of `outer`.
    fn linked(&mut self, node: &CheckedNode, embed: &CheckedEmbed, outer: Alias, shape: Shape) -> Result<()> {
        let (alias, through) = (self.alias(), self.alias());
        let from = |sql: &mut Self| sql.from(embed, alias, through);
        let mut link = |sql: &mut Self| {
            sql.tie(embed, outer, alias, through);
            true
        };
        self.select(node, alias, &from, &mut link, shape)
    }

    /// What is read: the relation, joined with its junction where there is one.
    fn from(&mut self, embed: &CheckedEmbed, alias: Alias, through: Alias) {
        let Link::Through { junction, far, .. } = &embed.link else {
            return self.relation(&embed.node.relation.name, alias);
        };
        self.relation(&junction.name, through);
        self.push(" JOIN ");
        self.relation(&embed.node.relation.name, alias);
        for (i, &(middle, theirs)) in far.iter().enumerate() {
            self.push(if i > 0 { " AND " } else { " ON " });
            self.column(through, &junction.columns[middle].name);
            self.push("=");
            self.column(alias, &embed.node.relation.columns[theirs].name);
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
