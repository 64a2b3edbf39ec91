//! One value of a column, read strictly and written exactly.
//!
//! Three forms go in and out: JSON (HTTP), PostgreSQL's text form (CSV, logical replication, parameters), and Rust.
//! None of them guesses: `true`, `1.5` or `"x"` into an integer is 22P02, never a conversion.

mod array;
mod cast;
mod read;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, fmt::Write as _};

use uuid::Uuid;

use super::{
    Interval, Json, JsonValue, Numeric, SqlType, code, date, escape_json, interval, numeric::NumericError, time_of_day,
    timestamp, timestamptz,
};

use array::{array, array_text};
use read::{bytes, datetime, float, integer, is_infinity, limited, no_nul, numeric};

/// One value. An enum's label and a type that only PostgreSQL has are [`Value::Text`].
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// null
    Null,
    /// boolean
    Bool(bool),
    /// smallint, integer, bigint
    Int(i64),
    /// real
    Real(f32),
    /// double precision
    Double(f64),
    /// numeric
    Numeric(Numeric),
    /// text, varchar, char, an enum's label
    Text(String),
    /// uuid
    Uuid(Uuid),
    /// bytea
    Bytes(Vec<u8>),
    /// days since 1970-01-01
    Date(i32),
    /// microseconds since midnight
    Time(i64),
    /// microseconds since 1970-01-01 00:00, without a zone
    Timestamp(i64),
    /// microseconds since 1970-01-01T00:00Z
    TimestampTz(i64),
    /// an interval
    Interval(Interval),
    /// json as it was written, or jsonb in PostgreSQL's own normal form
    Json(String),
    /// an array; elements of more dimensions are arrays again
    Array(Vec<Value>),
}

/// Why a value does not fit its column's type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueError {
    /// The SQLSTATE that PostgreSQL answers.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
}

type Read = Result<Value, ValueError>;

fn invalid(ty: &SqlType, shown: &str) -> ValueError {
    let shown: Cow<'_, str> = if shown.chars().count() > 80 {
        format!("{}…", shown.chars().take(80).collect::<String>()).into()
    } else {
        shown.into()
    };
    ValueError { code: code::INVALID_TEXT, message: format!("{shown:?} is no {ty}") }
}

fn out_of_range(ty: &SqlType) -> ValueError {
    ValueError { code: code::OUT_OF_RANGE, message: format!("out of range for {ty}") }
}

impl Value {
    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Reads a JSON value as a column's type, strictly. Null is null for every type. Enum labels are checked by the
    /// caller, who knows the model.
    ///
    /// # Errors
    /// With PostgreSQL's SQLSTATE.
    pub fn from_json(ty: &SqlType, json: &Json) -> Read {
        let mismatch = || ValueError { code: code::INVALID_TEXT, message: format!("{} is no {ty}", shorten(json)) };
        match (&json.value, ty) {
            (JsonValue::Null, _) => Ok(Self::Null),
            (_, SqlType::Json) => no_nul(ty, Self::Json(json.to_compact())),
            (_, SqlType::Jsonb) => {
                json.to_jsonb().map(Self::Json).ok_or_else(|| out_of_range(ty)).and_then(|v| no_nul(ty, v))
            }
            (JsonValue::Bool(b), SqlType::Bool) => Ok(Self::Bool(*b)),
            (JsonValue::Number(digits), t) if t.is_number() => Self::from_text(ty, digits),
            (JsonValue::String(text), t) if !matches!(t, SqlType::Array(_)) => Self::from_text(ty, text),
            (JsonValue::Array(items), SqlType::Array(of)) => items
                .iter()
                .map(|item| match &item.value {
                    JsonValue::Array(_) if !of.is_json() => Self::from_json(ty, item),
                    _ => Self::from_json(of, item),
                })
                .collect::<Result<Vec<_>, _>>()
                .map(Self::Array),
            _ => Err(mismatch()),
        }
    }

    /// Reads PostgreSQL's text form of a type.
    ///
    /// # Errors
    /// With PostgreSQL's SQLSTATE.
    pub fn from_text(ty: &SqlType, text: &str) -> Read {
        let bad = || invalid(ty, text);
        match ty {
            SqlType::Bool => match text.trim().to_ascii_lowercase().as_str() {
                "t" | "true" | "yes" | "on" | "1" | "y" => Ok(Self::Bool(true)),
                "f" | "false" | "no" | "off" | "0" | "n" => Ok(Self::Bool(false)),
                _ => Err(bad()),
            },
            SqlType::SmallInt => integer(ty, text, i64::from(i16::MIN), i64::from(i16::MAX)),
            SqlType::Int => integer(ty, text, i64::from(i32::MIN), i64::from(i32::MAX)),
            SqlType::BigInt => integer(ty, text, i64::MIN, i64::MAX),
            SqlType::Real => match float(text).ok_or_else(bad)? {
                wide if wide.is_finite() && (wide as f32).is_infinite() => Err(out_of_range(ty)),
                wide if wide != 0.0 && wide as f32 == 0.0 => Err(out_of_range(ty)),
                _ => Ok(Self::Real(text.trim().parse().map_err(|_| bad())?)),
            },
            SqlType::Double => match float(text).ok_or_else(bad)? {
                wide if wide.is_infinite() && !is_infinity(text) => Err(out_of_range(ty)),
                wide => Ok(Self::Double(wide)),
            },
            SqlType::Numeric { precision, scale } => numeric(ty, text, *precision, *scale),
            SqlType::Text | SqlType::Other(_) | SqlType::Enum(_) => no_nul(ty, Self::Text(text.to_owned())),
            SqlType::VarChar(n) => limited(ty, text, *n, false),
            SqlType::Char(n) => limited(ty, text, *n, true),
            SqlType::Uuid => Uuid::try_parse(text.trim()).map(Self::Uuid).map_err(|_| bad()),
            SqlType::Date => date::parse(text).map(Self::Date).ok_or_else(|| datetime(ty, text)),
            SqlType::Time => time_of_day::parse(text).map(Self::Time).ok_or_else(|| datetime(ty, text)),
            SqlType::Timestamp => timestamp::parse(text).map(Self::Timestamp).ok_or_else(|| datetime(ty, text)),
            SqlType::TimestampTz => timestamptz::parse(text).map(Self::TimestampTz).ok_or_else(|| datetime(ty, text)),
            SqlType::Interval => interval::parse(text).map(Self::Interval).ok_or_else(|| datetime(ty, text)),
            SqlType::Json => match Json::parse_lenient(text.as_bytes()) {
                Ok(_) => Ok(Self::Json(text.to_owned())),
                Err(_) => Err(bad()),
            },
            SqlType::Jsonb => {
                let json = Json::parse_lenient(text.as_bytes()).map_err(|_| bad())?;
                no_nul(ty, Self::Json(json.to_jsonb().ok_or_else(|| out_of_range(ty))?))
            }
            SqlType::Bytea => bytes(ty, text),
            SqlType::Array(of) => array(of, text).ok_or_else(bad)?,
        }
    }

    /// PostgreSQL's text form, or nothing for null. [`Value::from_text`] reads it back exactly.
    pub fn to_text(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Null => return None,
            Self::Bool(b) => Cow::Borrowed(if *b { "true" } else { "false" }),
            Self::Int(n) => n.to_string().into(),
            Self::Real(n) => float_text(f64::from(*n), n.to_string()),
            Self::Double(n) => float_text(*n, format!("{n:?}")),
            Self::Numeric(n) => n.to_string().into(),
            Self::Text(s) | Self::Json(s) => Cow::Borrowed(s),
            Self::Uuid(u) => u.to_string().into(),
            Self::Bytes(b) => hex(b).into(),
            Self::Date(d) => date::format(*d).into(),
            Self::Time(t) => time_of_day::format(*t).into(),
            Self::Timestamp(t) => timestamp::format(*t).into(),
            Self::TimestampTz(t) => timestamptz::format(*t).into(),
            Self::Interval(i) => interval::format(*i).into(),
            Self::Array(items) => {
                let mut out = String::new();
                array_text(items, &mut out);
                out.into()
            }
        })
    }

    /// Appends its JSON form (`http-api.md` §1): numbers with their exact digits, NaN and infinities as strings.
    pub fn write_json(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(_) | Self::Int(_) | Self::Json(_) => out.push_str(&self.to_text().expect("not null")),
            Self::Numeric(Numeric::Finite(_)) => out.push_str(&self.to_text().expect("not null")),
            Self::Real(n) if n.is_finite() => out.push_str(&self.to_text().expect("not null")),
            Self::Double(n) if n.is_finite() => out.push_str(&self.to_text().expect("not null")),
            Self::Array(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    out.push_str(if i > 0 { "," } else { "" });
                    item.write_json(out);
                }
                out.push(']');
            }
            other => escape_json(&other.to_text().expect("not null"), out),
        }
    }
}

macro_rules! from {
    ($($rust:ty => |$v:ident| $value:expr;)*) => {$(
        impl From<$rust> for Value {
            fn from($v: $rust) -> Self {
                $value
            }
        }
    )*};
}

from! {
    bool => |v| Self::Bool(v);
    i16 => |v| Self::Int(v.into());
    i32 => |v| Self::Int(v.into());
    i64 => |v| Self::Int(v);
    f64 => |v| Self::Double(v);
    &str => |v| Self::Text(v.to_owned());
    String => |v| Self::Text(v);
    Uuid => |v| Self::Uuid(v);
    Vec<u8> => |v| Self::Bytes(v);
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

fn shorten(json: &Json) -> String {
    match &json.value {
        JsonValue::Array(_) | JsonValue::Object(_) => json.kind().to_owned(),
        _ => {
            let text = json.to_compact();
            if text.chars().count() > 80 { format!("{}…", text.chars().take(80).collect::<String>()) } else { text }
        }
    }
}

fn float_text(wide: f64, shown: String) -> Cow<'static, str> {
    if wide.is_nan() {
        "NaN".into()
    } else if wide.is_infinite() {
        if wide > 0.0 { "Infinity".into() } else { "-Infinity".into() }
    } else {
        shown.strip_suffix(".0").map_or_else(|| shown.clone(), str::to_owned).into()
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2 + 2);
    out.push_str("\\x");
    for byte in bytes {
        write!(out, "{byte:02x}").expect("writing to a string");
    }
    out
}
