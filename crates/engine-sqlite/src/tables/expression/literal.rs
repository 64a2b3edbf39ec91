//! Literals, casts and arrays: a literal in quotes takes the type of the place where it stands, and is kept as that type
//! is kept.

use std::sync::Arc;

use brigade_core::{
    data::{SqlType, Value},
    schema::Model,
};
use rusqlite::types::{ToSqlOutput, Value as Owned, ValueRef};
use sqlparser::ast::{
    ArrayElemTypeDef, CharacterLength, DataType, ExactNumberInfo, Expr, TimezoneInfo, Value as Literal,
};

use super::{
    Result, Scope, Sql, Untranslatable, last_name,
    number_text::{integer_of, real_of},
    unknown,
};
use crate::{encode, tables::name::text_literal};

/// A literal.
pub(super) fn of(literal: &Literal, want: Option<&SqlType>) -> Result<Sql> {
    match literal {
        Literal::Null => Ok(Sql::untyped("NULL")),
        Literal::Boolean(b) => Ok(Sql::typed(if *b { "1" } else { "0" }, SqlType::Bool)),
        Literal::Number(digits, _) => number(digits, want),
        Literal::SingleQuotedString(text)
        | Literal::EscapedStringLiteral(text)
        | Literal::UnicodeStringLiteral(text)
        | Literal::NationalStringLiteral(text) => quoted(text, want),
        Literal::DollarQuotedString(text) => quoted(&text.value, want),
        other => Err(unknown("the literal", &other.to_string())),
    }
}

/// A number, exact where numeric is wanted.
pub(super) fn number(digits: &str, want: Option<&SqlType>) -> Result<Sql> {
    let whole = digits.trim_start_matches('-').bytes().all(|b| b.is_ascii_digit());
    match want {
        Some(ty @ SqlType::Numeric { .. }) => quoted(digits, Some(ty)),
        Some(ty @ (SqlType::Real | SqlType::Double)) => Ok(Sql::typed(digits, ty.clone())),
        _ if whole && digits.parse::<i64>().is_ok() => {
            let small = digits.parse::<i32>().is_ok();
            Ok(Sql::typed(digits, if small { SqlType::Int } else { SqlType::BigInt }))
        }
        _ => Ok(Sql::typed(digits, SqlType::Double)),
    }
}

fn quoted(text: &str, want: Option<&SqlType>) -> Result<Sql> {
    let Some(ty) = want else {
        return Ok(Sql { text: text_literal(text), ty: Some(SqlType::Text), literal: Some(text.to_owned()) });
    };
    if let (SqlType::TimestampTz | SqlType::Timestamp | SqlType::Date, "now") = (ty, text.trim()) {
        return Ok(Sql::typed(super::time::now(ty), ty.clone()));
    }
    let value = Value::from_text(ty, text).map_err(|e| Untranslatable::new(e.message, text).code(e.code))?;
    Ok(Sql::typed(value_literal(&value, ty)?, ty.clone()))
}

/// A value as a literal of SQLite's.
fn value_literal(value: &Value, ty: &SqlType) -> Result<String> {
    let bound = encode::to_sql(value, ty).map_err(|e| Untranslatable::new(e.message().to_owned(), ""))?;
    let text = |bytes: &[u8]| text_literal(&String::from_utf8_lossy(bytes));
    let blob = |bytes: &[u8]| format!("x'{}'", bytes.iter().map(|b| format!("{b:02x}")).collect::<String>());
    Ok(match bound {
        ToSqlOutput::Borrowed(ValueRef::Text(t)) => text(t),
        ToSqlOutput::Borrowed(ValueRef::Blob(b)) => blob(b),
        ToSqlOutput::Owned(Owned::Integer(n)) => n.to_string(),
        ToSqlOutput::Owned(Owned::Real(n)) if n.is_infinite() => (if n > 0.0 { "9e999" } else { "-9e999" }).to_owned(),
        ToSqlOutput::Owned(Owned::Real(n)) => format!("{n:?}"),
        ToSqlOutput::Owned(Owned::Text(t)) => text(t.as_bytes()),
        ToSqlOutput::Owned(Owned::Blob(b)) => blob(&b),
        _ => "NULL".to_owned(),
    })
}

/// A translated expression where a column of the type takes it.
pub(super) fn assigned(sql: Sql, ty: &SqlType) -> Result<Sql> {
    if let (Some(text), true) = (&sql.literal, sql.ty.as_ref() != Some(ty)) {
        return quoted(text, Some(ty));
    }
    let text = match (&sql.ty, ty) {
        (Some(from), SqlType::Numeric { precision, scale }) if from != ty => match precision {
            Some(_) => format!("printf('%.{scale}f', {})", super::compare::as_number(sql).text),
            None => format!("CAST({} AS TEXT)", sql.text),
        },
        (Some(from), SqlType::TimestampTz | SqlType::Timestamp | SqlType::Date) if from != ty => {
            super::time::converted(&sql.text, from, ty)?
        }
        (
            Some(SqlType::Double | SqlType::Real | SqlType::Numeric { .. }),
            SqlType::SmallInt | SqlType::Int | SqlType::BigInt,
        ) => {
            format!("CAST(round({}) AS INTEGER)", super::compare::as_number(sql).text)
        }
        _ => sql.text,
    };
    Ok(Sql::typed(text, ty.clone()))
}

/// The model's type for a type in SQL.
fn type_of(model: &Model, ty: &DataType) -> Result<SqlType> {
    let length = |n: &Option<CharacterLength>| match n {
        Some(CharacterLength::IntegerLength { length, .. }) => u32::try_from(*length).ok(),
        _ => None,
    };
    Ok(match ty {
        DataType::Bool | DataType::Boolean => SqlType::Bool,
        DataType::SmallInt(_) | DataType::Int2(_) => SqlType::SmallInt,
        DataType::Int(_) | DataType::Integer(_) | DataType::Int4(_) => SqlType::Int,
        DataType::BigInt(_) | DataType::Int8(_) => SqlType::BigInt,
        DataType::Real | DataType::Float4 => SqlType::Real,
        DataType::DoublePrecision | DataType::Double(_) | DataType::Float8 | DataType::Float(_) => SqlType::Double,
        DataType::Numeric(n) | DataType::Decimal(n) | DataType::Dec(n) => numeric(n),
        DataType::Text => SqlType::Text,
        DataType::Varchar(n) | DataType::CharacterVarying(n) | DataType::CharVarying(n) => {
            length(n).map_or(SqlType::Text, SqlType::VarChar)
        }
        DataType::Char(n) | DataType::Character(n) => SqlType::Char(length(n).unwrap_or(1)),
        DataType::Uuid => SqlType::Uuid,
        DataType::Date => SqlType::Date,
        DataType::Time(_, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => SqlType::Time,
        DataType::Timestamp(_, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone) => SqlType::TimestampTz,
        DataType::Timestamp(_, _) => SqlType::Timestamp,
        DataType::Interval { .. } => SqlType::Interval,
        DataType::JSON => SqlType::Json,
        DataType::JSONB => SqlType::Jsonb,
        DataType::Bytea => SqlType::Bytea,
        DataType::Array(ArrayElemTypeDef::SquareBracket(of, _)) => SqlType::Array(Box::new(type_of(model, of)?)),
        DataType::Custom(name, _) => {
            let name = last_name(name);
            match name.as_str() {
                "timestamptz" => SqlType::TimestampTz,
                _ if model.enums.contains_key(&name) => SqlType::Enum(Arc::from(name)),
                _ => return Err(unknown("the type", &name)),
            }
        }
        other => return Err(unknown("the type", &other.to_string())),
    })
}

fn numeric(info: &ExactNumberInfo) -> SqlType {
    match info {
        ExactNumberInfo::None => SqlType::Numeric { precision: None, scale: 0 },
        ExactNumberInfo::Precision(p) => SqlType::Numeric { precision: Some(*p as u32), scale: 0 },
        ExactNumberInfo::PrecisionAndScale(p, s) => {
            SqlType::Numeric { precision: Some(*p as u32), scale: u32::try_from(*s).unwrap_or(0) }
        }
    }
}

impl Scope<'_> {
    pub(super) fn cast(&self, e: &Expr, ty: &DataType) -> Result<Sql> {
        let ty = type_of(self.model, ty)?;
        let sql = self.expression(e, Some(&ty))?;
        let Some(from) = sql.ty.clone() else { return Ok(Sql { ty: Some(ty), ..sql }) };
        let text = match (&from, &ty) {
            _ if from == ty => sql.text,
            (SqlType::TimestampTz | SqlType::Timestamp, SqlType::Date) => format!("substr({}, 1, 10)", sql.text),
            (SqlType::Bool, t) if t.is_text() => {
                format!("(CASE {} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END)", sql.text)
            }
            (SqlType::VarChar(_) | SqlType::Text | SqlType::Enum(_), SqlType::VarChar(n)) => {
                format!("substr({}, 1, {n})", sql.text)
            }
            (f, t) if t.is_text() && !f.is_text() => match f {
                SqlType::Bytea | SqlType::Array(_) | SqlType::Real | SqlType::Double => {
                    return Err(unknown("the cast", &format!("{from} to {ty}")));
                }
                _ => format!("CAST({} AS TEXT)", sql.text),
            },
            (f, SqlType::Bool) if f.is_number() => format!("({} <> 0)", sql.text),
            (f, SqlType::Double | SqlType::Real) if f.is_number() => format!("CAST({} AS REAL)", sql.text),
            (f, SqlType::Double | SqlType::Real) if f.is_text() => real_of(&sql.text, e),
            (SqlType::Bool, t) if t.is_number() => sql.text,
            (f, SqlType::SmallInt | SqlType::Int | SqlType::BigInt) if f.is_text() => integer_of(&sql.text, e),
            (f, t) if f.is_number() && t.is_number() => return assigned(sql, &ty),
            (SqlType::Date | SqlType::Timestamp | SqlType::TimestampTz, SqlType::Timestamp | SqlType::TimestampTz) => {
                return assigned(sql, &ty);
            }
            (f, t) if f.is_text() && (t.is_text() || matches!(t, SqlType::Enum(_))) => sql.text,
            (f, t) if f.is_json() && t.is_json() => sql.text,
            _ => return Err(unknown("the cast", &format!("{from} to {ty}"))),
        };
        Ok(Sql::typed(text, ty))
    }

    /// `ARRAY[…]`: JSON text. Constants only take the form of their element type.
    pub(super) fn array(&self, items: &[Expr], want: Option<&SqlType>) -> Result<Sql> {
        let of = match want {
            Some(SqlType::Array(of)) => Some((**of).clone()),
            _ => None,
        };
        let refs: Vec<&Expr> = items.iter().collect();
        let (texts, ty) = self.unified(&refs, of.as_ref())?;
        let text = match &ty {
            Some(SqlType::Bool | SqlType::Numeric { .. } | SqlType::Bytea | SqlType::Json | SqlType::Jsonb) => {
                return Err(
                    unknown("ARRAY of this type, written as expression", "ARRAY").hint("write it as a literal: '{…}'")
                );
            }
            _ => format!("json_array({})", texts.join(", ")),
        };
        let ty = ty.or(of).unwrap_or(SqlType::Text);
        Ok(Sql::typed(text, SqlType::Array(Box::new(ty))))
    }
}
