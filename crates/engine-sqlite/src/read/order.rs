//! Orders as SQL: with PostgreSQL's meaning of what is greater, and always with the place of nulls.

use brigade_core::{
    data::{Result, SqlType},
    engine::{CheckedNode, Expression, OrderBy},
    schema::Relation,
};
use rusqlite::types::Value as Bound;

use super::node::{Alias, Sql};

impl Sql<'_> {
    /// ` ORDER BY …`
    pub(super) fn order(&mut self, node: &CheckedNode, alias: Alias) -> Result<()> {
        for (i, order) in node.order.iter().enumerate() {
            self.push(if i > 0 { "," } else { " ORDER BY " });
            match &order.by {
                OrderBy::Value(value) => self.sort_key(value, &node.relation, alias),
                OrderBy::Embed(embed, value) => self.of_the_one(&node.embeds[*embed], value, alias)?,
                OrderBy::Item(item) => {
                    self.output(node, &node.items[*item].output, alias)?;
                }
            }
            self.push(if order.descending { " DESC" } else { "" });
            self.push(match (order.descending, order.nulls_first) {
                (false, true) | (true, false) => "",
                (_, true) => " NULLS FIRST",
                (_, false) => " NULLS LAST",
            });
        }
        Ok(())
    }

    /// What sorts as PostgreSQL sorts the value.
    pub(super) fn sort_key(&mut self, value: &Expression, relation: &Relation, alias: Alias) {
        match value.ty() {
            SqlType::Numeric { .. } => self.wrapped("brigade_number_key(", value, relation, alias),
            SqlType::Interval => self.wrapped("brigade_interval_key(", value, relation, alias),
            ty @ SqlType::Enum(_) => {
                let labels = self.labels(ty);
                self.push("CASE ");
                self.value(value, relation, alias);
                for (rank, label) in labels.iter().enumerate() {
                    self.push(" WHEN ");
                    self.bind(Bound::Text(label.clone()));
                    self.push(&format!(" THEN {rank}"));
                }
                self.push(" END");
            }
            _ => self.value(value, relation, alias),
        }
    }

    fn wrapped(&mut self, function: &str, value: &Expression, relation: &Relation, alias: Alias) {
        self.push(function);
        self.value(value, relation, alias);
        self.push(")");
    }
}
