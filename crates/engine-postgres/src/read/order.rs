//! Orders as SQL, always with the place of nulls.

use brigade_core::{
    data::Result,
    engine::{CheckedNode, OrderBy},
};

use super::node::{Alias, Sql};

impl Sql {
    /// ` ORDER BY …`
    pub(super) fn order(&mut self, node: &CheckedNode, alias: Alias) -> Result<()> {
        for (i, order) in node.order.iter().enumerate() {
            self.push(if i > 0 { "," } else { " ORDER BY " });
            match &order.by {
                OrderBy::Value(value) => self.value(value, &node.relation, alias),
                OrderBy::Embed(embed, value) => self.of_the_one(&node.embeds[*embed], value, alias)?,
                OrderBy::Item(item) => self.push(&(item + 1).to_string()),
            }
            self.push(if order.descending { " DESC" } else { "" });
            self.push(match (order.descending, order.nulls_first) {
                (false, false) | (true, true) => "",
                (_, true) => " NULLS FIRST",
                (_, false) => " NULLS LAST",
            });
        }
        Ok(())
    }
}
