//! Values of Rust, which a program that uses the library gives, and the columns that they fit.

use crate::data::{SqlType, Value, ValueError, code};

/// A value of Rust for a column: the same type, or one that loses nothing. Goes through the text form, so that lengths
/// and ranges are judged in one place.
pub(super) fn fit(ty: &SqlType, value: Value) -> Result<Value, ValueError> {
    let same = match (&value, ty) {
        (Value::Null, _) => return Ok(value),
        (Value::Int(_), SqlType::SmallInt | SqlType::Int | SqlType::BigInt | SqlType::Numeric { .. })
        | (Value::Numeric(_), SqlType::Numeric { .. })
        | (
            Value::Text(_),
            SqlType::Text | SqlType::VarChar(_) | SqlType::Char(_) | SqlType::Enum(_) | SqlType::Other(_),
        )
        | (Value::Json(_), SqlType::Json | SqlType::Jsonb)
        | (Value::Bool(_), SqlType::Bool)
        | (Value::Real(_) | Value::Int(_), SqlType::Real)
        | (Value::Real(_) | Value::Double(_) | Value::Int(_), SqlType::Double)
        | (Value::Uuid(_), SqlType::Uuid)
        | (Value::Bytes(_), SqlType::Bytea)
        | (Value::Date(_), SqlType::Date)
        | (Value::Time(_), SqlType::Time)
        | (Value::Timestamp(_), SqlType::Timestamp)
        | (Value::TimestampTz(_), SqlType::TimestampTz)
        | (Value::Interval(_), SqlType::Interval)
        | (Value::Array(_), SqlType::Array(_)) => true,
        (Value::Text(_), ty) => !matches!(ty, SqlType::Bytea),
        _ => false,
    };
    let text = value.to_text().expect("null was handled");
    if !same {
        return Err(ValueError { code: code::INVALID_TEXT, message: format!("{text:?} is no {ty}") });
    }
    Value::from_text(ty, &text)
}
