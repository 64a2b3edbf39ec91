//! Values go to the server and come back as PostgreSQL's own text, with a cast beside them: one form for parameters,
//! rows, logical replication and CSV, so that no two of them can differ. [`Param`] binds, [`decode`] reads.

use brigade_core::data::{Error, Result, Row, SqlType, Value};
use bytes::BytesMut;
use tokio_postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};

/// A parameter: a text that a cast in the SQL gives its type, or a list of them for `unnest($1::text[])`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Param {
    Text(Option<String>),
    List(Vec<Option<String>>),
}

impl Param {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(Some(text.into()))
    }

    pub fn value(value: &Value) -> Self {
        Self::Text(text(value))
    }

    pub fn bytes(bytes: &[u8]) -> Self {
        Self::value(&Value::Bytes(bytes.to_vec()))
    }
}

impl ToSql for Param {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Text(None) => Ok(IsNull::Yes),
            Self::Text(Some(text)) => {
                out.extend_from_slice(text.as_bytes());
                Ok(IsNull::No)
            }
            Self::List(items) => items.to_sql(&Type::TEXT_ARRAY, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        match self {
            Self::Text(_) => Format::Text,
            Self::List(_) => Format::Binary,
        }
    }

    to_sql_checked!();
}

/// A value's text form.
pub(crate) fn text(value: &Value) -> Option<String> {
    value.to_text().map(std::borrow::Cow::into_owned)
}

/// Reads a text that the server gave. What it can hold and brigade's types cannot (a date before Christ) stays text:
/// the log must not stop at it.
pub(crate) fn decode(ty: &SqlType, text: Option<&str>) -> Value {
    match text {
        None => Value::Null,
        Some(text) => Value::from_text(ty, text).unwrap_or_else(|_| Value::Text(text.to_owned())),
    }
}

/// A column that was selected as text.
pub(crate) fn column(row: &tokio_postgres::Row, index: usize) -> Result<Option<&str>> {
    row.try_get::<_, Option<&str>>(index).map_err(|e| Error::internal(crate::error::describe(&e)))
}

/// A row whose columns, from `skip` on, were selected as text.
pub(crate) fn row<'a>(row: &tokio_postgres::Row, skip: usize, types: impl Iterator<Item = &'a SqlType>) -> Result<Row> {
    types.enumerate().map(|(i, ty)| Ok(decode(ty, column(row, i + skip)?))).collect()
}

/// A name as it may stand in SQL.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as it may stand in SQL.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The type to cast a parameter to. Without lengths: an explicit cast to `varchar(3)` cuts in silence, the assignment to
/// the column refuses.
pub(crate) fn cast(ty: &SqlType) -> String {
    match ty {
        SqlType::VarChar(_) => "varchar".to_owned(),
        SqlType::Char(_) => "bpchar".to_owned(),
        SqlType::Numeric { .. } => "numeric".to_owned(),
        SqlType::Enum(name) if !name.contains(['.', '"']) => quote(name),
        SqlType::Array(of) => format!("{}[]", cast(of)),
        other => other.to_string(),
    }
}

/// PostgreSQL's `X/Y` as a number.
pub(crate) fn lsn(text: &str) -> Result<u64> {
    text.split_once('/')
        .and_then(|(high, low)| {
            Some(u64::from_str_radix(high, 16).ok()? << 32 | u64::from(u32::from_str_radix(low, 16).ok()?))
        })
        .ok_or_else(|| Error::internal(format!("{text:?} is no LSN")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_lsn_reads_as_its_number() {
        assert_eq!(lsn("0/0").unwrap(), 0);
        assert_eq!(lsn("16/B374D848").unwrap(), 0x16_B374_D848);
        assert!(lsn("16B374D848").is_err());
    }

    #[test]
    fn names_and_texts_cannot_break_out() {
        assert_eq!(quote(r#"a"; drop"#), r#""a""; drop""#);
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(cast(&SqlType::Array(Box::new(SqlType::Enum("Mood".into())))), r#""Mood"[]"#);
    }
}
