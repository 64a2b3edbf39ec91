//! Conditions as SQL: PostgreSQL's own operators, with operands bound and cast to the type they are compared with.

use brigade_core::{
    data::{
        Result, SqlType, Value,
        plan::{Comparator, Is, Quantifier},
    },
    engine::{CheckedNode, CheckedTest, CheckedTree, Expression},
    schema::Relation,
};

use super::node::{Alias, Sql};
use crate::encode::{Param, cast};

/// What a comparison stands on.
struct Left<'l> {
    value: &'l Expression,
    relation: &'l Relation,
    alias: Alias,
}

impl Sql {
    /// One condition, in parentheses where it needs them.
    pub(super) fn tree(&mut self, tree: &CheckedTree, node: &CheckedNode, alias: Alias) -> Result<()> {
        match tree {
            CheckedTree::Group { negated, any, of } => {
                self.push(if *negated { "NOT (" } else { "(" });
                for (i, tree) in of.iter().enumerate() {
                    self.push(match (i, any) {
                        (0, _) => "",
                        (_, true) => " OR ",
                        (_, false) => " AND ",
                    });
                    self.tree(tree, node, alias)?;
                }
                self.push(match (of.is_empty(), any) {
                    (true, true) => "false)",
                    (true, false) => "true)",
                    _ => ")",
                });
                Ok(())
            }
            CheckedTree::Compare { negated, what, test } => {
                self.push(if *negated { "NOT (" } else { "(" });
                self.test(&Left { value: what, relation: &node.relation, alias }, test);
                self.push(")");
                Ok(())
            }
            CheckedTree::Exists { negated, embed } => {
                self.push(if *negated { "NOT " } else { "" });
                self.exists(&node.embeds[*embed], alias)
            }
        }
    }

    fn test(&mut self, left: &Left<'_>, test: &CheckedTest) {
        self.value(left.value, left.relation, left.alias);
        let ty = left.value.ty();
        let sign = match test {
            CheckedTest::Compare(by, value) => {
                self.push(sign(*by));
                let ty = if by.is_pattern() { &SqlType::Text } else { ty };
                return self.operand(value, ty);
            }
            CheckedTest::Quantified(by, quantifier, values) => {
                self.push(sign(*by));
                self.push(if *quantifier == Quantifier::Any { "ANY(" } else { "ALL(" });
                self.list(values, if by.is_pattern() { &SqlType::Text } else { ty });
                return self.push(")");
            }
            // An array of arrays would be one array of more dimensions.
            CheckedTest::In(values) if matches!(ty, SqlType::Array(_)) => {
                self.push(" IN (NULL");
                for value in values {
                    self.push(",");
                    self.operand(value, ty);
                }
                return self.push(")");
            }
            CheckedTest::In(values) => {
                self.push("=ANY(");
                self.list(values, ty);
                return self.push(")");
            }
            CheckedTest::Is(is) => {
                return self.push(match is {
                    Is::Null => " IS NULL",
                    Is::NotNull => " IS NOT NULL",
                    Is::True => " IS TRUE",
                    Is::False => " IS FALSE",
                    Is::Unknown => " IS UNKNOWN",
                });
            }
            CheckedTest::IsDistinct(value) => (" IS DISTINCT FROM ", value),
            CheckedTest::Contains(value) => (" @> ", value),
            CheckedTest::ContainedBy(value) => (" <@ ", value),
            CheckedTest::Overlaps(value) => (" && ", value),
        };
        self.push(sign.0);
        self.operand(sign.1, ty);
    }

    fn operand(&mut self, value: &Value, ty: &SqlType) {
        self.bind(Param::value(value), &cast(ty));
    }

    fn list(&mut self, values: &[Value], ty: &SqlType) {
        let array = Value::Array(values.to_vec());
        self.bind(Param::value(&array), &format!("{}[]", cast(ty)));
    }
}

fn sign(by: Comparator) -> &'static str {
    match by {
        Comparator::Eq => " = ",
        Comparator::Neq => " <> ",
        Comparator::Gt => " > ",
        Comparator::Gte => " >= ",
        Comparator::Lt => " < ",
        Comparator::Lte => " <= ",
        Comparator::Like => " LIKE ",
        Comparator::Ilike => " ILIKE ",
        Comparator::Match => " ~ ",
        Comparator::Imatch => " ~* ",
    }
}
