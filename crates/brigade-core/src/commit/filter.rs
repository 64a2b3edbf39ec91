//! `where`: an object of conditions; all of it must hold.

use crate::{
    data::{Condition, Input, JsonValue, Operator, SqlType, Value, Where, code},
    engine::{Operand, Predicate},
    schema::nearest,
};

use super::{check::find_column, operand::Operands};

/// Checks a filter. An empty one is refused where it would change every row unless `all` says so.
pub(super) fn check_filter(filter: Where, writes: bool, operands: &mut Operands<'_>) -> Vec<Predicate> {
    if filter.conditions.is_empty() && writes && !filter.all {
        operands.problems.push(
            "where".to_owned(),
            code::MALFORMED,
            "a missing or empty where would change every row".to_owned(),
            Some("name the rows, or say \"all\": true".to_owned()),
        );
    }
    filter.conditions.into_iter().filter_map(|condition| check_condition(condition, operands)).collect()
}

fn check_condition(Condition { column: name, input }: Condition, operands: &mut Operands<'_>) -> Option<Predicate> {
    let field = || format!("where.{name}");
    let column = find_column(operands.table, &name, &field(), operands.problems)?;
    let ty = &operands.table.columns[column].ty;
    let (operator, inputs) = match input {
        Input::Compare(operator, values) => (operator, values.into_iter().map(Input::Value).collect()),
        Input::Json(json) => match &json.value {
            JsonValue::Object(entries) if json.get("returned").is_none() && (is_operator(entries) || !ty.is_json()) => {
                let JsonValue::Object(entries) = json.value else { return None };
                read_operator(entries, &field, operands)?
            }
            _ => (Operator::Eq, vec![Input::Json(json)]),
        },
        plain => (Operator::Eq, vec![plain]),
    };
    let checked: Option<Vec<Operand>> =
        inputs.into_iter().map(|input| operands.compared(column, operator, input, &field)).collect();
    with_null(column, operator, checked?, &field, operands)
}

type Entries = Vec<(crate::data::JsonKey, crate::data::Json)>;

fn is_operator(entries: &Entries) -> bool {
    matches!(&entries[..], [(key, _)] if Operator::parse(&key.name).is_some())
}

fn read_operator(
    entries: Entries,
    field: &dyn Fn() -> String,
    operands: &mut Operands<'_>,
) -> Option<(Operator, Vec<Input>)> {
    let words = || Operator::ALL.iter().map(|(_, word)| *word);
    let mut entries = entries.into_iter();
    let (Some((key, value)), None) = (entries.next(), entries.next()) else {
        let hint = format!("use one of {}", words().collect::<Vec<_>>().join(", "));
        let message = "a condition is a plain value or an object of one operator".to_owned();
        operands.problems.push(field(), code::MALFORMED, message, Some(hint));
        return None;
    };
    let Some(operator) = Operator::parse(&key.name) else {
        let hint = nearest(&key.name, words())
            .map(|n| format!("did you mean {n:?}?"))
            .or_else(|| Some(format!("use one of {}", words().collect::<Vec<_>>().join(", "))));
        operands.problems.push(field(), code::MALFORMED, format!("{:?} is no operator", key.name), hint);
        return None;
    };
    match (operator, value.value) {
        (Operator::In, JsonValue::Array(items)) => Some((operator, items.into_iter().map(Input::Json).collect())),
        (Operator::In, _) => {
            operands.problems.push(field(), code::MALFORMED, "\"in\" takes an array".to_owned(), None);
            None
        }
        (_, inner) => Some((operator, vec![Input::Json(crate::data::Json { at: value.at, value: inner })])),
    }
}

/// Null means null: `eq null` is `is null`. Other comparisons with null can never hold and are refused as a mistake.
fn with_null(
    column: usize,
    operator: Operator,
    checked: Vec<Operand>,
    field: &dyn Fn() -> String,
    operands: &mut Operands<'_>,
) -> Option<Predicate> {
    let null = Operand::Value(Value::Null);
    let has_null = checked.contains(&null);
    match operator {
        Operator::Eq if has_null => Some(Predicate { column, operator: Operator::Is, operands: checked }),
        Operator::Is => {
            let boolean = operands.table.columns[column].ty == SqlType::Bool;
            let fits = matches!(checked[..], [Operand::Value(Value::Null)])
                || (boolean && matches!(checked[..], [Operand::Value(Value::Bool(_))]));
            if !fits {
                let message = "\"is\" takes null, and true or false for boolean columns".to_owned();
                operands.problems.push(field(), code::MALFORMED, message, None);
            }
            fits.then_some(Predicate { column, operator, operands: checked })
        }
        _ if has_null => {
            let message = format!("{:?} with null never holds", operator.as_str());
            let hint = "use a plain null, or {\"is\": null}".to_owned();
            operands.problems.push(field(), code::MALFORMED, message, Some(hint));
            None
        }
        _ => Some(Predicate { column, operator, operands: checked }),
    }
}
