//! A routine that answers no rows answers what it gives: one object, one value, or a list of values.

use brigade::{
    data::{Error, Json, JsonValue, Result},
    engine::RoutineShape,
};

/// The body of an answer, made of the list of objects that was read.
pub(super) fn body(rows: Vec<u8>, shape: RoutineShape) -> Result<Vec<u8>> {
    if matches!(shape, RoutineShape::Rows | RoutineShape::Nothing) {
        return Ok(rows);
    }
    let json = Json::parse_lenient(&rows).map_err(|_| Error::internal("rows that are no JSON"))?;
    let JsonValue::Array(rows) = json.value else { return Err(Error::internal("rows that are no list")) };
    let null = || "null".to_owned();
    let text = match shape {
        RoutineShape::Row => rows.first().map_or_else(null, Json::to_compact),
        RoutineShape::Value => rows.first().and_then(value).map_or_else(null, Json::to_compact),
        _ => {
            let values: Vec<String> = rows.iter().filter_map(value).map(Json::to_compact).collect();
            format!("[{}]", values.join(","))
        }
    };
    Ok(text.into_bytes())
}

/// The one value of a row.
fn value(row: &Json) -> Option<&Json> {
    match &row.value {
        JsonValue::Object(entries) => entries.first().map(|(_, value)| value),
        _ => None,
    }
}
