//! Values as SQL: a column, a place inside its JSON, a cast, an aggregate.

use brigade_core::{
    data::{Result, SqlType, plan::Place},
    engine::{CheckedNode, Expression, Output},
    schema::Relation,
};

use super::node::{Alias, Sql};
use crate::encode::{Param, quote};

impl Sql {
    /// What an item shows.
    pub(super) fn output(&mut self, node: &CheckedNode, output: &Output, alias: Alias) -> Result<()> {
        match output {
            Output::Value(value) => {
                self.value(value, &node.relation, alias);
                Ok(())
            }
            Output::Aggregate { function, of, cast, .. } => {
                self.push(function.as_str());
                self.push("(");
                match of {
                    Some(value) => self.value(value, &node.relation, alias),
                    None => self.push("*"),
                }
                self.push(")");
                if let Some(cast) = cast {
                    self.push(&format!("::{}", type_name(cast)));
                }
                Ok(())
            }
            Output::Embed(embed) => self.embed(&node.embeds[*embed], alias),
            Output::Spread { embed, item } => self.spread(&node.embeds[*embed], *item, alias),
        }
    }

    /// The same as text, for a line.
    pub(super) fn cell(&mut self, node: &CheckedNode, output: &Output, alias: Alias) -> Result<()> {
        let is_bool = match output {
            Output::Value(value) => *value.ty() == SqlType::Bool,
            _ => false,
        };
        self.push(if is_bool { "left((" } else { "(" });
        self.output(node, output, alias)?;
        self.push(if is_bool { ")::text,1)" } else { ")::text" });
        Ok(())
    }

    /// A value of a row.
    pub(super) fn value(&mut self, value: &Expression, relation: &Relation, alias: Alias) {
        self.push(if value.cast.is_some() || !value.path.is_empty() { "(" } else { "" });
        let column = &relation.columns[value.column];
        let is_array = matches!(column.ty, SqlType::Array(_)) && !value.path.is_empty();
        self.push(if is_array { "to_jsonb(" } else { "" });
        self.column(alias, &column.name);
        self.push(if is_array { ")" } else { "" });
        for step in &value.path {
            self.push(if step.as_text { "->>" } else { "->" });
            match &step.to {
                Place::Key(key) => self.bind(Param::text(key), "text"),
                Place::Index(index) => self.bind(Param::text(index.to_string()), "integer"),
            }
        }
        self.push(if value.cast.is_some() || !value.path.is_empty() { ")" } else { "" });
        if let Some(cast) = &value.cast {
            self.push(&format!("::{}", type_name(cast)));
        }
    }
}

/// The type of an explicit cast, with its lengths.
fn type_name(ty: &SqlType) -> String {
    match ty {
        SqlType::Enum(name) => quote(name),
        SqlType::Array(of) => format!("{}[]", type_name(of)),
        other => other.to_string(),
    }
}
