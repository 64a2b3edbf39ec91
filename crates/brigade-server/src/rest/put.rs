//! PUT is a row under its key: the URL names the whole key and nothing else, and the body says the same.

use brigade::{
    data::{
        Error, Input, JsonValue, Record, Result, Value,
        plan::{Comparator, Comparison, Node, Test, Tree},
    },
    schema::Relation,
};

/// Whether URL and body name one row.
///
/// # Errors
/// PGRST114 for a page, PGRST105 for filters that are not just the key, PGRST115 where the body says something else.
pub(super) fn check(node: &Node, relation: &Relation, rows: &[Record]) -> Result<()> {
    if node.limit.is_some() || node.offset.is_some() {
        return Err(Error::new("PGRST114", "limit/offset querystring parameters are not allowed for PUT"));
    }
    let invalid =
        || Error::new("PGRST105", "Filters must include all and only primary key columns with 'eq' operators");
    let named: Vec<(&str, &str)> = node.filters.iter().map(equality).collect::<Option<_>>().ok_or_else(invalid)?;
    let is_named = |&column: &usize| named.iter().filter(|(n, _)| *n == relation.columns[column].name).count() == 1;
    if relation.key.is_empty() || named.len() != relation.key.len() || !relation.key.iter().all(is_named) {
        return Err(invalid());
    }
    let differs = || Error::new("PGRST115", "Payload values do not match URL in primary key column(s)");
    let [row] = rows else { return Err(differs()) };
    let is_same = |(name, text): &(&str, &str)| {
        let column = relation.column(name)?;
        let (_, given) = row.iter().find(|(n, _)| n == name)?;
        let ty = &relation.columns[column].ty;
        let given = match given {
            Input::Value(value) => Value::from_text(ty, &value.to_text()?).ok()?,
            Input::Json(json) => match &json.value {
                JsonValue::String(text) => Value::from_text(ty, text).ok()?,
                _ => return None,
            },
            _ => return None,
        };
        (Value::from_text(ty, text).ok()? == given).then_some(())
    };
    named.iter().all(|pair| is_same(pair).is_some()).then_some(()).ok_or_else(differs)
}

/// `column=eq.value`
fn equality(tree: &Tree) -> Option<(&str, &str)> {
    let Tree::Compare(Comparison { field, negated: false, test }) = tree else { return None };
    match test {
        Test::Compare { by: Comparator::Eq, quantifier: None, with } if field.path.is_empty() => {
            Some((&field.column, with))
        }
        _ => None,
    }
}
