//! Conditions as SQL: PostgreSQL's own operators, with operands bound and cast to the type they are compared with.

use brigade_core::{
    data::{
        Result, SqlType, Value,
        plan::{Comparator, Is, Quantifier, Syntax},
    },
    engine::{CheckedNode, CheckedSearch, CheckedTest, CheckedTree, Expression},
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
        let ty = left.value.ty();
        if let CheckedTest::Search(search) = test {
            self.words(ty, search);
        }
        self.value(left.value, left.relation, left.alias);
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
            CheckedTest::Search(search) => return self.search(search),
        };
        self.push(sign.0);
        self.operand(sign.1, ty);
    }

    /// What comes before the value in which words are searched; what is no text may be words already.
    fn words(&mut self, ty: &SqlType, search: &CheckedSearch) {
        match ty {
            SqlType::Other(_) => self.push("("),
            _ => self.push(&format!("to_tsvector({},", language(search))),
        }
    }

    /// What comes behind it.
    fn search(&mut self, search: &CheckedSearch) {
        self.push(match search.syntax {
            Syntax::Standard => ") @@ to_tsquery(",
            Syntax::Plain => ") @@ plainto_tsquery(",
            Syntax::Phrase => ") @@ phraseto_tsquery(",
            Syntax::Web => ") @@ websearch_to_tsquery(",
        });
        self.push(&format!("{},", language(search)));
        self.operand(&Value::Text(search.query.clone()), &SqlType::Text);
        self.push(")");
    }

    fn operand(&mut self, value: &Value, ty: &SqlType) {
        self.bind(Param::value(value), &cast(ty));
    }

    fn list(&mut self, values: &[Value], ty: &SqlType) {
        let array = Value::Array(values.to_vec());
        self.bind(Param::value(&array), &format!("{}[]", cast(ty)));
    }
}

/// The language stands in the statement's text, so that an index on `to_tsvector('english', column)` is found.
fn language(search: &CheckedSearch) -> String {
    format!("'{}'::regconfig", search.language.replace('\'', "''"))
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
