//! Filters: every column is found, every operand read as its column's type, and how deep and how many they are is bounded.

use crate::{
    data::{
        Error, Result, SqlType, Value, code,
        plan::{Comparator, Comparison, Group, Is, Test, TextSearch, Tree},
    },
    engine::{CheckedSearch, CheckedTest, CheckedTree, Expression},
    limits,
};

use super::{
    check::{Checker, Scope, past},
    field, operand, unknown, words,
};

impl Checker<'_> {
    pub(super) fn tree(&mut self, tree: &Tree, scope: &Scope<'_>, depth: usize) -> Result<CheckedTree> {
        if depth > limits::CONDITION_DEPTH_MAX {
            return Err(past("conditions nest too deep", "CONDITION_DEPTH_MAX", limits::CONDITION_DEPTH_MAX));
        }
        match tree {
            Tree::Group(Group { negated, any, of }) => {
                let of = of.iter().map(|tree| self.tree(tree, scope, depth + 1)).collect::<Result<_>>()?;
                Ok(CheckedTree::Group { negated: *negated, any: *any, of })
            }
            Tree::Compare(comparison) => self.comparison(comparison, scope),
        }
    }

    fn comparison(&mut self, comparison: &Comparison, scope: &Scope<'_>) -> Result<CheckedTree> {
        self.conditions += 1;
        if self.conditions > limits::CONDITIONS_MAX {
            return Err(past("too many conditions", "CONDITIONS_MAX", limits::CONDITIONS_MAX));
        }
        let Comparison { field: of, negated, test } = comparison;
        if of.path.is_empty()
            && let Some(embed) = scope.embed(&of.column)
        {
            return embed_exists(&of.column, embed, *negated, test);
        }
        let what = field::expression(of, scope.relation, self.grants)?;
        let test = self.test(test, &what)?;
        Ok(CheckedTree::Compare { negated: *negated, what, test })
    }

    fn test(&self, test: &Test, what: &Expression) -> Result<CheckedTest> {
        let ty = what.ty();
        let read = |text: &str| operand::read(ty, text, self.model());
        Ok(match test {
            Test::Compare { by, quantifier, with } => {
                operand::is_comparable(*by, ty)?;
                match quantifier {
                    None if by.is_pattern() => CheckedTest::Compare(*by, operand::pattern(*by, with)),
                    None => CheckedTest::Compare(*by, read(with)?),
                    Some(quantifier) => CheckedTest::Quantified(*by, *quantifier, self.list(*by, ty, with)?),
                }
            }
            Test::In(texts) => {
                is_short(texts.len())?;
                operand::is_comparable(Comparator::Eq, ty)?;
                CheckedTest::In(texts.iter().map(|text| read(text)).collect::<Result<_>>()?)
            }
            Test::Is(is) => {
                let word = is.as_str().to_uppercase();
                if matches!(is, Is::True | Is::False | Is::Unknown) && *ty != SqlType::Bool {
                    let name = operand::long_name(ty);
                    let message = format!("argument of IS {word} must be type boolean, not type {name}");
                    return Err(Error::new("42804", message));
                }
                CheckedTest::Is(*is)
            }
            Test::IsDistinct(text) => {
                operand::is_comparable(Comparator::Eq, ty)?;
                // PostgREST knows the word null here, since there is no other way to say it.
                CheckedTest::IsDistinct(if text.eq_ignore_ascii_case("null") { Value::Null } else { read(text)? })
            }
            Test::Contains(text) => has_inside(ty, "@>").and_then(|()| read(text)).map(CheckedTest::Contains)?,
            Test::ContainedBy(text) => has_inside(ty, "<@").and_then(|()| read(text)).map(CheckedTest::ContainedBy)?,
            Test::Overlaps(text) => {
                if !matches!(ty, SqlType::Array(_)) {
                    return Err(operand::no_operator(ty, "&&"));
                }
                CheckedTest::Overlaps(read(text)?)
            }
            Test::Search(search) => CheckedTest::Search(self.search(search, ty)?),
            Test::Range(word, _) => return Err(unknown::not_there(&format!("ranges ({word})"))),
        })
    }

    /// A search for words, in a text or in the texts of a JSON value.
    fn search(&self, search: &TextSearch, ty: &SqlType) -> Result<CheckedSearch> {
        if !(ty.is_text() || ty.is_json() || matches!(ty, SqlType::Other(_))) {
            let name = operand::long_name(ty);
            return Err(Error::new("42883", format!("operator does not exist: {name} @@ tsquery"))
                .hint("only text and json have words in them: cast the column, or search another"));
        }
        words::check(search.syntax, &search.query)?;
        let language = search.language.as_deref().unwrap_or(self.rules.language);
        let language = words::language_name(language)?;
        Ok(CheckedSearch { syntax: search.syntax, language, query: search.query.clone() })
    }

    fn list(&self, by: Comparator, ty: &SqlType, text: &str) -> Result<Vec<Value>> {
        let items = operand::read_list(if by.is_pattern() { &SqlType::Text } else { ty }, text, self.model())?;
        is_short(items.len())?;
        let pattern = |item: Value| match item {
            Value::Text(text) if by.is_pattern() => operand::pattern(by, &text),
            other => other,
        };
        Ok(items.into_iter().map(pattern).collect())
    }
}

/// `rel=is.null` asks for rows that have none, `rel=not.is.null` for those that have some.
fn embed_exists(name: &str, embed: usize, negated: bool, test: &Test) -> Result<CheckedTree> {
    match test {
        Test::Is(Is::Null) => Ok(CheckedTree::Exists { negated: !negated, embed }),
        Test::Is(Is::NotNull) => Ok(CheckedTree::Exists { negated, embed }),
        _ => Err(Error::new("PGRST120", "Bad operator on the '".to_owned() + name + "' embedded resource")
            .details("Only is null or not is null filters are allowed on embedded resources")),
    }
}

fn has_inside(ty: &SqlType, sign: &str) -> Result<()> {
    match ty {
        SqlType::Array(_) | SqlType::Jsonb => Ok(()),
        _ => Err(operand::no_operator(ty, sign)),
    }
}

fn is_short(length: usize) -> Result<()> {
    if length > limits::LIST_MAX {
        return Err(Error::new(code::LIMIT, format!("{length} values are more than a list may have"))
            .details(format!("LIST_MAX is {}", limits::LIST_MAX))
            .hint("ask in several parts"));
    }
    Ok(())
}
