//! The text of an operand becomes a value of the type it is compared with, by the same readers that judge what is written.
//! The words of an error are PostgreSQL's, since clients show them.

use crate::{
    data::{Error, Result, SqlType, Value, code, plan::Comparator},
    schema::Model,
};

/// A value of a type.
pub(super) fn read(ty: &SqlType, text: &str, model: &Model) -> Result<Value> {
    let ty = &compared_as(ty);
    model.read_text(ty, text).map_err(|error| {
        let message = match (error.code, ty) {
            (code::INVALID_TEXT, SqlType::Enum(name)) => format!("invalid input value for enum {name}: \"{text}\""),
            (code::INVALID_TEXT, SqlType::Array(_)) => format!("malformed array literal: \"{text}\""),
            (code::INVALID_TEXT | "22007", _) => format!("invalid input syntax for type {}: \"{text}\"", long_name(ty)),
            (code::OUT_OF_RANGE, _) => format!("value \"{text}\" is out of range for type {}", long_name(ty)),
            (code::DATETIME_RANGE, _) => format!("date/time field value out of range: \"{text}\""),
            _ => error.message.clone(),
        };
        Error::new(error.code, message)
    })
}

/// A list of values of a type, as an array's text: `{a,"b c"}`.
pub(super) fn read_list(ty: &SqlType, text: &str, model: &Model) -> Result<Vec<Value>> {
    match read(&SqlType::Array(Box::new(compared_as(ty))), text, model)? {
        Value::Array(items) => Ok(items),
        _ => Err(Error::new(code::INVALID_TEXT, format!("malformed array literal: \"{text}\""))),
    }
}

/// A pattern. `*` stands for `%`, which would have to be escaped in a URL.
pub(super) fn pattern(by: Comparator, text: &str) -> Value {
    match by {
        Comparator::Like | Comparator::Ilike => Value::Text(text.replace('*', "%")),
        _ => Value::Text(text.to_owned()),
    }
}

/// Whether values of a type can be compared so.
pub(super) fn is_comparable(by: Comparator, ty: &SqlType) -> Result<()> {
    let sign = match by {
        Comparator::Eq => "=",
        Comparator::Neq => "<>",
        Comparator::Gt => ">",
        Comparator::Gte => ">=",
        Comparator::Lt => "<",
        Comparator::Lte => "<=",
        Comparator::Like => "~~",
        Comparator::Ilike => "~~*",
        Comparator::Match => "~",
        Comparator::Imatch => "~*",
    };
    let fits = match ty {
        SqlType::Json => false,
        // What only PostgreSQL has is PostgreSQL's to judge.
        SqlType::Other(_) => true,
        ty if by.is_pattern() => ty.is_text(),
        _ => true,
    };
    fits.then_some(()).ok_or_else(|| no_operator(ty, sign))
}

/// 42883, in PostgreSQL's words.
pub(super) fn no_operator(ty: &SqlType, sign: &str) -> Error {
    Error::new("42883", format!("operator does not exist: {} {sign} unknown", long_name(ty)))
        .hint("No operator matches the given name and argument types. You might need to add explicit type casts.")
}

/// Lengths do not matter where nothing is stored.
fn compared_as(ty: &SqlType) -> SqlType {
    match ty {
        SqlType::VarChar(_) => SqlType::Text,
        SqlType::Numeric { .. } => SqlType::Numeric { precision: None, scale: 0 },
        SqlType::Array(of) => SqlType::Array(Box::new(compared_as(of))),
        other => other.clone(),
    }
}

/// A type as PostgreSQL's messages name it.
pub(super) fn long_name(ty: &SqlType) -> String {
    match ty {
        SqlType::VarChar(_) => "character varying".to_owned(),
        SqlType::Char(_) => "character".to_owned(),
        SqlType::Numeric { .. } => "numeric".to_owned(),
        SqlType::Timestamp => "timestamp without time zone".to_owned(),
        SqlType::TimestampTz => "timestamp with time zone".to_owned(),
        SqlType::Time => "time without time zone".to_owned(),
        SqlType::Array(of) => format!("{}[]", long_name(of)),
        other => other.to_string(),
    }
}
