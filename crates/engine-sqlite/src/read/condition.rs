//! Conditions as SQL. Where SQLite would compare something else than PostgreSQL (numbers kept as text, enums by their
//! letters, LIKE without case), a function of brigade's or a rank compares.

use brigade_core::{
    data::{
        Result, SqlType, Value,
        plan::{Comparator, Is, Quantifier},
    },
    engine::{CheckedNode, CheckedSearch, CheckedTest, CheckedTree, Expression},
    query::words::Language,
    schema::Relation,
};
use rusqlite::types::{ToSqlOutput, Value as Bound, ValueRef};

use super::{
    functions::search,
    node::{Alias, Sql},
};
use crate::encode;

/// What a comparison stands on.
struct Left<'l> {
    value: &'l Expression,
    relation: &'l Relation,
    alias: Alias,
}

impl Sql<'_> {
    /// One condition, in parentheses where it needs them.
    pub(super) fn tree(&mut self, tree: &CheckedTree, node: &CheckedNode, alias: Alias) -> Result<()> {
        match tree {
            CheckedTree::Group { negated, any, of } => {
                self.push(if *negated { "NOT (" } else { "(" });
                let between = if *any { " OR " } else { " AND " };
                self.joined(of, between, if *any { "0" } else { "1" }, &mut |sql, tree| sql.tree(tree, node, alias))?;
                self.push(")");
                Ok(())
            }
            CheckedTree::Compare { negated, what, test } => {
                self.push(if *negated { "NOT (" } else { "(" });
                self.test(&Left { value: what, relation: &node.relation, alias }, test)?;
                self.push(")");
                Ok(())
            }
            CheckedTree::Exists { negated, embed } => {
                self.push(if *negated { "NOT " } else { "" });
                self.exists(&node.embeds[*embed], alias)
            }
        }
    }

    /// Several with a word between, as a tree of little depth: SQLite refuses one of a thousand levels.
    fn joined<T>(
        &mut self,
        of: &[T],
        between: &str,
        none: &str,
        write: &mut dyn FnMut(&mut Self, &T) -> Result<()>,
    ) -> Result<()> {
        match of {
            [] => {
                self.push(none);
                Ok(())
            }
            [one] => write(self, one),
            _ => {
                let (first, second) = of.split_at(of.len() / 2);
                self.push("(");
                self.joined(first, between, none, write)?;
                self.push(")");
                self.push(between);
                self.push("(");
                self.joined(second, between, none, write)?;
                self.push(")");
                Ok(())
            }
        }
    }

    fn test(&mut self, left: &Left<'_>, test: &CheckedTest) -> Result<()> {
        match test {
            CheckedTest::Compare(by, value) => self.compare(left, *by, value),
            CheckedTest::Quantified(by, quantifier, values) => {
                let (between, none) = match quantifier {
                    Quantifier::Any => (" OR ", "0"),
                    Quantifier::All => (" AND ", "1"),
                };
                self.joined(values, between, none, &mut |sql, value| sql.compare(left, *by, value))
            }
            CheckedTest::In(values) => self.in_list(left, values),
            CheckedTest::Is(is) => {
                self.left(left);
                self.push(match is {
                    Is::Null | Is::Unknown => " IS NULL",
                    Is::NotNull => " IS NOT NULL",
                    Is::True => " IS 1",
                    Is::False => " IS 0",
                });
                Ok(())
            }
            CheckedTest::IsDistinct(value) => self.signed(left, " IS NOT ", value),
            CheckedTest::Contains(value) => self.inside("brigade_contains(", left, value, false),
            CheckedTest::ContainedBy(value) => self.inside("brigade_contains(", left, value, true),
            CheckedTest::Overlaps(value) => self.inside("brigade_overlaps(", left, value, false),
            CheckedTest::Search(search) => self.search(left, search),
        }
    }

    fn left(&mut self, left: &Left<'_>) {
        self.value(left.value, left.relation, left.alias);
    }

    fn compare(&mut self, left: &Left<'_>, by: Comparator, value: &Value) -> Result<()> {
        let sign = match by {
            Comparator::Eq => "=",
            Comparator::Neq => "<>",
            Comparator::Gt => ">",
            Comparator::Gte => ">=",
            Comparator::Lt => "<",
            Comparator::Lte => "<=",
            Comparator::Like => return self.pattern("brigade_like(", left, value, ",0)"),
            Comparator::Ilike => return self.pattern("brigade_like(", left, value, ",1)"),
            Comparator::Match => return self.pattern("brigade_match(", left, value, ",0)"),
            Comparator::Imatch => return self.pattern("brigade_match(", left, value, ",1)"),
        };
        let ty = left.value.ty();
        let by_rank = matches!(ty, SqlType::Enum(_)) && !matches!(by, Comparator::Eq | Comparator::Neq);
        if by_rank {
            self.sort_key(left.value, left.relation, left.alias);
            self.push(sign);
            let rank = match value {
                Value::Text(label) => self.labels(ty).iter().position(|l| l == label),
                _ => None,
            };
            self.bind(rank.map_or(Bound::Null, |rank| Bound::Integer(rank as i64)));
            return Ok(());
        }
        self.signed(left, sign, value)
    }

    /// The two with a sign between, by what they mean where that is not what lies in the column.
    fn signed(&mut self, left: &Left<'_>, sign: &str, value: &Value) -> Result<()> {
        let ty = left.value.ty();
        if is_exact(ty, value) {
            self.left(left);
            self.push(sign);
            return self.operand(value, ty);
        }
        let key = if *ty == SqlType::Interval { "brigade_interval_key(" } else { "brigade_number_key(" };
        self.sort_key(left.value, left.relation, left.alias);
        self.push(sign);
        self.push(key);
        self.operand(value, ty)?;
        self.push(")");
        Ok(())
    }

    fn pattern(&mut self, function: &str, left: &Left<'_>, value: &Value, end: &str) -> Result<()> {
        self.push(function);
        self.left(left);
        self.push(",");
        self.operand(value, &SqlType::Text)?;
        self.push(end);
        Ok(())
    }

    fn search(&mut self, left: &Left<'_>, search: &CheckedSearch) -> Result<()> {
        // Whether there is such a language is said before anything runs, and of tables without rows, too.
        Language::named(&search.language)?;
        self.push("brigade_search(");
        self.left(left);
        self.push(",");
        self.bind(Bound::Text(search::asked(search.syntax, &search.language, &search.query)));
        self.push(if left.value.ty().is_json() { ",1)" } else { ",0)" });
        Ok(())
    }

    fn inside(&mut self, function: &str, left: &Left<'_>, value: &Value, swapped: bool) -> Result<()> {
        self.push(function);
        if swapped {
            self.operand(value, left.value.ty())?;
            self.push(",");
            self.left(left);
        } else {
            self.left(left);
            self.push(",");
            self.operand(value, left.value.ty())?;
        }
        self.push(if matches!(left.value.ty(), SqlType::Array(_)) { ",1)" } else { ",0)" });
        Ok(())
    }

    /// A list of whole numbers or texts travels as one JSON array, so that lists of any length are one statement.
    fn in_list(&mut self, left: &Left<'_>, values: &[Value]) -> Result<()> {
        let ty = left.value.ty();
        if values.is_empty() {
            self.push("0");
            return Ok(());
        }
        if matches!(ty, SqlType::Numeric { .. } | SqlType::Interval) {
            self.sort_key(left.value, left.relation, left.alias);
            self.push(if *ty == SqlType::Interval {
                " IN (SELECT brigade_interval_key(value) FROM json_each("
            } else {
                " IN (SELECT brigade_number_key(value) FROM json_each("
            });
            self.bind(Bound::Text(array(values, ty)?));
            self.push("))");
            return Ok(());
        }
        self.left(left);
        if matches!(ty, SqlType::Real | SqlType::Double | SqlType::Bytea | SqlType::Bool) {
            self.push(" IN (");
            for (i, value) in values.iter().enumerate() {
                self.push(if i > 0 { "," } else { "" });
                self.operand(value, ty)?;
            }
        } else {
            self.push(" IN (SELECT value FROM json_each(");
            self.bind(Bound::Text(array(values, ty)?));
            self.push(")");
        }
        self.push(")");
        Ok(())
    }

    /// A value, bound as it lies in a column of its type.
    fn operand(&mut self, value: &Value, ty: &SqlType) -> Result<()> {
        let bound = bound(value, ty)?;
        self.bind(bound);
        Ok(())
    }
}

/// Whether equal values are equal, and lesser ones less, as they lie in the column.
fn is_exact(ty: &SqlType, value: &Value) -> bool {
    value.is_null() || !matches!(ty, SqlType::Numeric { .. } | SqlType::Interval)
}

/// A value as it lies in a column of a type.
pub(super) fn bound(value: &Value, ty: &SqlType) -> Result<Bound> {
    // What nobody knows the type of is compared as a number where it looks like one.
    if let (SqlType::Other(_), Value::Text(text)) = (ty, value)
        && let Ok(number) = text.parse::<i64>()
    {
        return Ok(Bound::Integer(number));
    }
    Ok(match encode::to_sql(value, ty)? {
        ToSqlOutput::Owned(owned) => owned,
        ToSqlOutput::Borrowed(ValueRef::Text(text)) => Bound::Text(String::from_utf8_lossy(text).into_owned()),
        ToSqlOutput::Borrowed(ValueRef::Blob(bytes)) => Bound::Blob(bytes.to_vec()),
        _ => Bound::Null,
    })
}

/// Values as a JSON array of what lies in the column.
fn array(values: &[Value], ty: &SqlType) -> Result<String> {
    let mut out = String::from("[");
    for (i, value) in values.iter().enumerate() {
        out.push_str(if i > 0 { "," } else { "" });
        match bound(value, ty)? {
            Bound::Integer(n) => out.push_str(&n.to_string()),
            Bound::Text(text) => brigade_core::data::escape_json(&text, &mut out),
            _ => out.push_str("null"),
        }
    }
    out.push(']');
    Ok(out)
}
