//! What is inside what: `@>`, `<@` and `&&` of arrays and jsonb, with PostgreSQL's rules.

use brigade_core::data::{Json, JsonValue, Numeric};
use rusqlite::{Result, functions::Context};

/// `(whole, part, is_array)`
pub(super) fn contains(context: &Context<'_>) -> Result<Option<bool>> {
    let is_array: bool = context.get(2)?;
    Ok(both(context).map(|(whole, part)| match is_array {
        true => elements(&part).iter().all(|p| elements(&whole).iter().any(|w| equal_element(w, p))),
        false => holds(&whole, &part, true),
    }))
}

/// `(array, array, …)`
pub(super) fn overlaps(context: &Context<'_>) -> Result<Option<bool>> {
    Ok(both(context)
        .map(|(a, b)| elements(&a).iter().any(|left| elements(&b).iter().any(|right| equal_element(left, right)))))
}

fn both(context: &Context<'_>) -> Option<(Json, Json)> {
    let read = |i: usize| Json::parse_lenient(context.get_raw(i).as_str().ok()?.as_bytes()).ok();
    Some((read(0)?, read(1)?))
}

/// The elements of an array of any number of dimensions.
fn elements(json: &Json) -> Vec<&Json> {
    match &json.value {
        JsonValue::Array(items) => items.iter().flat_map(elements).collect(),
        _ => vec![json],
    }
}

/// Null is no element that another could be.
fn equal_element(a: &Json, b: &Json) -> bool {
    !matches!(a.value, JsonValue::Null) && equal(a, b)
}

/// Whether jsonb holds all of another: an array holds its elements in any order, and at the top a single value too.
fn holds(whole: &Json, part: &Json, top: bool) -> bool {
    match (&whole.value, &part.value) {
        (JsonValue::Object(_), JsonValue::Object(entries)) => {
            entries.iter().all(|(key, value)| whole.get(&key.name).is_some_and(|found| holds(found, value, false)))
        }
        (JsonValue::Array(items), JsonValue::Array(parts)) => parts.iter().all(|part| {
            let is_inner = matches!(part.value, JsonValue::Array(_) | JsonValue::Object(_));
            items.iter().any(|item| if is_inner { holds(item, part, false) } else { equal(item, part) })
        }),
        (JsonValue::Array(_), JsonValue::Object(_)) => false,
        (JsonValue::Array(items), _) => top && items.iter().any(|item| equal(item, part)),
        _ => equal(whole, part),
    }
}

fn equal(a: &Json, b: &Json) -> bool {
    match (&a.value, &b.value) {
        (JsonValue::Number(a), JsonValue::Number(b)) => match (a.parse::<Numeric>(), b.parse::<Numeric>()) {
            (Ok(Numeric::Finite(a)), Ok(Numeric::Finite(b))) => a == b,
            _ => a == b,
        },
        (JsonValue::Array(a), JsonValue::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (JsonValue::Object(x), JsonValue::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(key, value)| b.get(&key.name).is_some_and(|found| equal(value, found)))
        }
        (JsonValue::String(a), JsonValue::String(b)) => a == b,
        (JsonValue::Bool(a), JsonValue::Bool(b)) => a == b,
        (JsonValue::Null, JsonValue::Null) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jsonb_holds_as_postgresql_says() {
        for (whole, part, expected) in [
            (r#"{"a":1,"b":2}"#, r#"{"a":1.0}"#, true),
            (r#"{"a":{"b":[1,2,3]}}"#, r#"{"a":{"b":[3,1]}}"#, true),
            (r#"{"a":{"b":[1,2,3]}}"#, r#"{"b":[1]}"#, false),
            ("[1,2,[1,3]]", "[1,3]", false),
            ("[1,2,[1,3]]", "[[1,3]]", true),
            (r#"["foo","bar"]"#, r#""bar""#, true),
            (r#""bar""#, r#"["bar"]"#, false),
            ("[[1]]", "1", false),
            (r#"[{"a":1,"b":2}]"#, r#"[{"a":1}]"#, true),
            ("{}", "{}", true),
            ("[1]", "{}", false),
            ("null", "null", true),
        ] {
            let json = |text: &str| Json::parse(text.as_bytes()).unwrap();
            assert_eq!(holds(&json(whole), &json(part), true), expected, "{whole} @> {part}");
        }
    }
}
