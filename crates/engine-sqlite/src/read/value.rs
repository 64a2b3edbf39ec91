//! Values as SQL: a column, a place inside its JSON, a cast, an aggregate.

use brigade_core::{
    data::{
        Result, SqlType,
        plan::{Aggregate, Place, Step},
    },
    engine::{CheckedNode, Expression, Output},
    schema::Relation,
};
use rusqlite::types::Value as Bound;

use super::{
    node::{Alias, Sql},
    row::Kind,
};

impl Sql<'_> {
    /// What an item shows, and how it is to be written.
    pub(super) fn output(&mut self, node: &CheckedNode, output: &Output, alias: Alias) -> Result<Kind> {
        match output {
            Output::Value(value) => {
                self.value(value, &node.relation, alias);
                Ok(Kind::of(value.ty()))
            }
            Output::Aggregate { function, of, ty, cast } => {
                self.aggregate(*function, of.as_ref(), ty, cast.as_ref(), &node.relation, alias);
                Ok(Kind::of(cast.as_ref().unwrap_or(ty)))
            }
            Output::Embed(embed) => {
                self.embed(&node.embeds[*embed], alias)?;
                Ok(Kind::Raw)
            }
            Output::Spread { embed, item } => self.spread(&node.embeds[*embed], *item, alias),
        }
    }

    /// A value of a row.
    pub(super) fn value(&mut self, value: &Expression, relation: &Relation, alias: Alias) {
        self.push(if value.cast.is_some() { "brigade_cast(" } else { "" });
        let column = &relation.columns[value.column];
        if value.path.is_empty() {
            self.column(alias, &column.name);
        } else {
            self.push("brigade_path(");
            self.column(alias, &column.name);
            self.push(",");
            self.bind(Bound::Text(encode(&value.path)));
            self.push(")");
        }
        if let Some(cast) = &value.cast {
            self.cast_to(&value.base, cast);
        }
    }

    /// The rest of `brigade_cast(value`.
    fn cast_to(&mut self, from: &SqlType, to: &SqlType) {
        self.push(",");
        self.bind(Bound::Text(from.to_string()));
        self.push(",");
        let mut target = to.to_string();
        for label in self.labels(to) {
            target.push('\0');
            target.push_str(label);
        }
        self.bind(Bound::Text(target));
        self.push(")");
    }

    fn aggregate(
        &mut self,
        function: Aggregate,
        of: Option<&Expression>,
        ty: &SqlType,
        cast: Option<&SqlType>,
        relation: &Relation,
        alias: Alias,
    ) {
        self.push(if cast.is_some() { "brigade_cast(" } else { "" });
        let Some(value) = of else {
            self.push("count(*)");
            if let Some(cast) = cast {
                self.cast_to(ty, cast);
            }
            return;
        };
        let is_number = matches!(value.ty(), SqlType::Numeric { .. });
        self.push(match (function, value.ty()) {
            (Aggregate::Count, _) => "count(",
            (Aggregate::Sum, SqlType::Real | SqlType::Double) => "sum(",
            (Aggregate::Avg, SqlType::Real | SqlType::Double) => "avg(",
            (Aggregate::Sum, SqlType::SmallInt | SqlType::Int) => "sum(",
            (Aggregate::Sum, _) => "brigade_sum(",
            (Aggregate::Avg, _) => "brigade_avg(",
            (Aggregate::Min, _) if is_number => "brigade_min(",
            (Aggregate::Max, _) if is_number => "brigade_max(",
            (Aggregate::Min, _) => "min(",
            (Aggregate::Max, _) => "max(",
        });
        self.value(value, relation, alias);
        self.push(")");
        if let Some(cast) = cast {
            self.cast_to(ty, cast);
        }
    }
}

/// A way into JSON as one text: each step a letter, what it goes to, and NUL.
fn encode(path: &[Step]) -> String {
    let mut out = String::new();
    for step in path {
        match &step.to {
            Place::Key(key) => {
                out.push('k');
                out.push_str(key);
            }
            Place::Index(index) => {
                out.push('i');
                out.push_str(&index.to_string());
            }
        }
        out.push('\0');
    }
    out.push(if path.last().is_some_and(|step| step.as_text) { 't' } else { 'j' });
    out
}
