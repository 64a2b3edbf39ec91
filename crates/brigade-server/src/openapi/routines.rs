//! A routine as a path: what it is given, and what it answers.

use brigade::{
    engine::{Routine, RoutineShape},
    schema::Model,
};
use serde_json::{Map, Value, json};

use super::{
    tables::{reference, segment},
    types::{or_null, schema},
};

/// Adds a routine. Of several with one name the first is described: OpenAPI knows one operation for a path.
pub fn describe(routine: &Routine, model: &Model, paths: &mut Map<String, Value>) {
    let name = &routine.name;
    let operation = |verb: &str| {
        json!({
            "tags": ["routines"],
            "operationId": format!("{verb} {name}"),
            "summary": format!("Call {name}"),
            "responses": {
                "200": {"description": "its result", "content": {"application/json": {"schema": result(routine, model)}}},
                "default": reference("responses", "error"),
            },
        })
    };
    let mut path = Map::new();
    if !routine.writes {
        let mut get = operation("get");
        let parameters = routine.params.iter().filter(|param| !param.name.is_empty()).map(|param| {
            let schema = schema(&param.ty, model);
            json!({"name": param.name, "in": "query", "required": !param.has_default, "schema": schema})
        });
        get["parameters"] = parameters.collect();
        path.insert("get".to_owned(), get);
    }
    let mut post = operation("call");
    let properties: Map<String, Value> =
        routine.params.iter().map(|param| (param.name.clone(), or_null(schema(&param.ty, model)))).collect();
    let required: Vec<&str> =
        routine.params.iter().filter(|param| !param.has_default).map(|param| param.name.as_str()).collect();
    // One parameter without a name takes the whole body.
    let body = match properties.get("") {
        Some(whole) => whole.clone(),
        None => json!({"type": "object", "properties": properties, "required": required}),
    };
    post["requestBody"] = json!({"content": {"application/json": {"schema": body}}});
    path.insert("post".to_owned(), post);
    paths.insert(format!("/rest/v1/rpc/{}", segment(name)), Value::Object(path));
}

fn result(routine: &Routine, model: &Model) -> Value {
    let columns = &routine.relation.columns;
    let row = || {
        let properties: Map<String, Value> =
            columns.iter().map(|column| (column.name.clone(), or_null(schema(&column.ty, model)))).collect();
        json!({"type": "object", "properties": properties})
    };
    let value = || columns.first().map_or(json!({}), |column| or_null(schema(&column.ty, model)));
    match routine.shape {
        RoutineShape::Rows => json!({"type": "array", "items": row()}),
        RoutineShape::Row => or_null(row()),
        RoutineShape::Values => json!({"type": "array", "items": value()}),
        RoutineShape::Value => value(),
        RoutineShape::Nothing => json!({"type": "null"}),
    }
}
