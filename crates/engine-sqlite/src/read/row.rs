//! What a row shows, as JSON or as a line: written straight from what lies in the column, whose text is nearly always
//! PostgreSQL's own form already.

use brigade_core::{
    data::{SqlType, Value, escape_json},
    engine::push_cell,
};
use rusqlite::types::ValueRef;

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// 0 and 1 are false and true.
    Bool,
    /// A 32-bit float.
    Single,
    /// A number, or a text that is one.
    Number,
    /// A timestamp, whose fixed digits are cut to those that say something.
    Time,
    /// JSON as it lies there.
    Raw,
    /// The elements of an array, as JSON.
    Array,
    /// A text.
    Text,
    /// Bytes.
    Bytes,
}

const KINDS: [(Kind, u8); 8] = [
    (Kind::Bool, b'b'),
    (Kind::Single, b's'),
    (Kind::Number, b'n'),
    (Kind::Time, b'z'),
    (Kind::Raw, b'j'),
    (Kind::Array, b'a'),
    (Kind::Text, b't'),
    (Kind::Bytes, b'x'),
];

impl Kind {
    /// How values of a type are written.
    pub(super) fn of(ty: &SqlType) -> Self {
        match ty {
            SqlType::Bool => Self::Bool,
            SqlType::Real => Self::Single,
            SqlType::SmallInt | SqlType::Int | SqlType::BigInt | SqlType::Double | SqlType::Numeric { .. } => {
                Self::Number
            }
            SqlType::Timestamp | SqlType::TimestampTz => Self::Time,
            SqlType::Json | SqlType::Jsonb => Self::Raw,
            SqlType::Array(_) => Self::Array,
            SqlType::Bytea => Self::Bytes,
            _ => Self::Text,
        }
    }

    /// Notes a kind with its name, for [`layout`].
    pub(super) fn note(self, name: &str, out: &mut String) {
        let letter = KINDS.iter().find(|(kind, _)| *kind == self).map_or(b't', |(_, letter)| *letter);
        out.push(char::from(letter));
        out.push_str(name);
        out.push('\0');
    }

    /// Writes a value as JSON.
    pub(crate) fn write(self, value: ValueRef<'_>, out: &mut String) {
        match value {
            ValueRef::Null => out.push_str("null"),
            ValueRef::Integer(n) if self == Self::Bool => out.push_str(if n == 0 { "false" } else { "true" }),
            ValueRef::Integer(n) => push_integer(n, out),
            ValueRef::Real(n) if self == Self::Single => Value::Real(n as f32).write_json(out),
            ValueRef::Real(n) => Value::Double(n).write_json(out),
            ValueRef::Text(bytes) => self.write_text(&String::from_utf8_lossy(bytes), out),
            ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()).write_json(out),
        }
    }

    fn write_text(self, text: &str, out: &mut String) {
        match self {
            Self::Raw | Self::Array => out.push_str(text),
            Self::Number if text.bytes().next_back().is_some_and(|b| b.is_ascii_digit()) => out.push_str(text),
            Self::Time => escape_json(&without_zeros(text), out),
            _ => escape_json(text, out),
        }
    }

    /// Writes a value as a cell of a line, as PostgreSQL prints it; nothing for null.
    pub(crate) fn write_cell(self, value: ValueRef<'_>, out: &mut String) {
        let text = match (self, value) {
            (_, ValueRef::Null) => return,
            (Self::Bool, ValueRef::Integer(n)) => (if n == 0 { "f" } else { "t" }).to_owned(),
            (Self::Time, ValueRef::Text(bytes)) => {
                let text = without_zeros(&String::from_utf8_lossy(bytes)).replacen('T', " ", 1);
                text.strip_suffix("+00:00").map(|t| format!("{t}+00")).unwrap_or(text)
            }
            (Self::Array, ValueRef::Text(bytes)) => array_cell(bytes),
            (Self::Text | Self::Raw | Self::Number, ValueRef::Text(bytes)) => {
                String::from_utf8_lossy(bytes).into_owned()
            }
            (kind, value) => {
                let mut json = String::new();
                kind.write(value, &mut json);
                json.trim_matches('"').replace("\\\\", "\\")
            }
        };
        push_cell(Some(&text), out);
    }
}

/// The names and kinds that [`Kind::note`] wrote.
pub(crate) fn layout(text: &str) -> Vec<(String, Kind)> {
    let entry = |entry: &str| {
        let letter = entry.bytes().next()?;
        let kind = KINDS.iter().find(|(_, l)| *l == letter)?.0;
        Some((entry[1..].to_owned(), kind))
    };
    text.split_terminator('\0').filter_map(entry).collect()
}

fn push_integer(n: i64, out: &mut String) {
    use std::fmt::Write as _;
    write!(out, "{n}").expect("writing to a string");
}

/// `…:00.500000+00:00` as `…:00.5+00:00`, `…:00.000000` as `…:00`.
fn without_zeros(text: &str) -> String {
    let Some((before, after)) = text.split_once('.') else { return text.to_owned() };
    let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    let digits = after[..end].trim_end_matches('0');
    let point = if digits.is_empty() { "" } else { "." };
    format!("{before}{point}{digits}{}", &after[end..])
}

/// A JSON array as PostgreSQL's text of an array.
fn array_cell(json: &[u8]) -> String {
    use brigade_core::data::{Json, JsonValue};
    fn value(json: &Json) -> Value {
        match &json.value {
            JsonValue::Null => Value::Null,
            JsonValue::Bool(b) => Value::Text((if *b { "t" } else { "f" }).to_owned()),
            JsonValue::Number(text) | JsonValue::String(text) => Value::Text(text.clone()),
            JsonValue::Array(items) => Value::Array(items.iter().map(value).collect()),
            JsonValue::Object(_) => Value::Text(json.to_jsonb().unwrap_or_default()),
        }
    }
    match Json::parse_lenient(json) {
        Ok(json) => value(&json).to_text().unwrap_or_default().into_owned(),
        Err(_) => String::from_utf8_lossy(json).into_owned(),
    }
}
