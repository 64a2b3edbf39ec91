//! A column's type as JSON Schema (2020-12), which says what comes in an answer.

use brigade::{data::SqlType, schema::Model};
use serde_json::{Value, json};

/// The schema of a type's values, null aside.
pub fn schema(ty: &SqlType, model: &Model) -> Value {
    let special = json!({"enum": ["NaN", "Infinity", "-Infinity"]});
    match ty {
        SqlType::Bool => json!({"type": "boolean"}),
        SqlType::SmallInt => json!({"type": "integer", "minimum": i16::MIN, "maximum": i16::MAX}),
        SqlType::Int => json!({"type": "integer", "format": "int32"}),
        SqlType::BigInt => json!({"type": "integer", "format": "int64"}),
        SqlType::Real => json!({"anyOf": [{"type": "number", "format": "float"}, special]}),
        SqlType::Double => json!({"anyOf": [{"type": "number", "format": "double"}, special]}),
        SqlType::Numeric { .. } => json!({"anyOf": [{"type": "number"}, special]}),
        SqlType::VarChar(n) => json!({"type": "string", "maxLength": n}),
        SqlType::Char(n) => json!({"type": "string", "minLength": n, "maxLength": n}),
        SqlType::Uuid => json!({"type": "string", "format": "uuid"}),
        SqlType::Date => json!({"type": "string", "format": "date"}),
        SqlType::TimestampTz => json!({"type": "string", "format": "date-time"}),
        SqlType::Bytea => json!({"type": "string", "pattern": "^\\\\x([0-9a-f]{2})*$"}),
        SqlType::Json | SqlType::Jsonb => json!({}),
        SqlType::Enum(name) => match model.enums.get(&**name) {
            Some(known) => json!({"type": "string", "enum": known.labels}),
            None => json!({"type": "string"}),
        },
        SqlType::Array(of) => json!({"type": "array", "items": or_null(schema(of, model))}),
        _ => json!({"type": "string"}),
    }
}

/// A schema that null fits, too.
pub fn or_null(schema: Value) -> Value {
    if schema.as_object().is_some_and(serde_json::Map::is_empty) {
        return schema;
    }
    match (schema.get("type").cloned(), schema.get("enum").is_some()) {
        (Some(Value::String(name)), false) => {
            let mut schema = schema;
            schema["type"] = json!([name, "null"]);
            schema
        }
        _ => json!({"anyOf": [schema, {"type": "null"}]}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_fits_where_it_may() {
        let model = Model::default();
        let of = |ty: SqlType| or_null(schema(&ty, &model));
        assert_eq!(of(SqlType::Int), json!({"type": ["integer", "null"], "format": "int32"}));
        assert_eq!(of(SqlType::Jsonb), json!({}));
        assert_eq!(of(SqlType::Double)["anyOf"][1], json!({"type": "null"}));
        let array = of(SqlType::Array(Box::new(SqlType::Text)));
        assert_eq!(array, json!({"type": ["array", "null"], "items": {"type": ["string", "null"]}}));
    }
}
