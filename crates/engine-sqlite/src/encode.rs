//! How a value lies in a SQLite column, and how it comes back.
//!
//! Owns the promise that every value comes back exactly: what SQLite cannot keep (NaN, years that do not sort as text) is
//! refused here, never changed. `docs/types.md` fixes these forms, since stock programs read and write them.

use brigade_core::data::{
    Error, Json, Layout, Numeric, Result, SqlType, Value, code, date, interval, time_of_day, timestamp, timestamptz,
};
use rusqlite::types::{ToSqlOutput, Value as Owned, ValueRef};

/// 0001-01-01 and 9999-12-31 in days since 1970: within them dates sort as text.
const DAYS: std::ops::RangeInclusive<i32> = -719_162..=2_932_896;
const DAY_MICROS: i64 = 86_400_000_000;

/// What is bound for a value. Texts and bytes are borrowed.
///
/// # Errors
/// 22003 for NaN in real or double precision, which SQLite would turn into null; 22008 for a date or timestamp before
/// year 1 or after 9999, which would not sort as text.
pub(crate) fn to_sql<'v>(value: &'v Value, ty: &SqlType) -> Result<ToSqlOutput<'v>> {
    let text = |text: String| Ok(ToSqlOutput::Owned(Owned::Text(text)));
    let number = |n: i64| Ok(ToSqlOutput::Owned(Owned::Integer(n)));
    match value {
        Value::Null => Ok(ToSqlOutput::Owned(Owned::Null)),
        Value::Bool(b) => number(i64::from(*b)),
        Value::Int(n) => number(*n),
        Value::Real(n) => real(f64::from(*n), ty),
        Value::Double(n) => real(*n, ty),
        Value::Numeric(n) => text(n.to_string()),
        Value::Text(s) | Value::Json(s) => Ok(ToSqlOutput::Borrowed(ValueRef::Text(s.as_bytes()))),
        Value::Uuid(u) => text(u.to_string()),
        Value::Bytes(b) => Ok(ToSqlOutput::Borrowed(ValueRef::Blob(b))),
        Value::Date(d) => sortable(*d, ty).and_then(|()| text(date::format(*d))),
        Value::Time(t) => text(time_of_day::format(*t)),
        Value::Timestamp(t) => sortable_micros(*t, ty).and_then(|()| text(timestamp::format_fixed(*t))),
        Value::TimestampTz(t) => sortable_micros(*t, ty).and_then(|()| text(timestamptz::format_fixed(*t))),
        Value::Interval(i) => text(interval::format(*i)),
        Value::Array(_) => {
            let mut out = String::new();
            value.write_json(&mut out);
            text(out)
        }
    }
}

fn real<'v>(n: f64, ty: &SqlType) -> Result<ToSqlOutput<'v>> {
    if n.is_nan() {
        return Err(Error::new(code::OUT_OF_RANGE, format!("NaN cannot be kept as {ty} on sqlite"))
            .hint("use null, or a numeric column"));
    }
    Ok(ToSqlOutput::Owned(Owned::Real(n)))
}

fn sortable(days: i32, ty: &SqlType) -> Result<()> {
    if DAYS.contains(&days) || days == i32::MIN || days == i32::MAX {
        return Ok(());
    }
    Err(Error::new(code::DATETIME_RANGE, format!("{ty} is kept on sqlite from year 1 to year 9999")))
}

fn sortable_micros(micros: i64, ty: &SqlType) -> Result<()> {
    match micros {
        i64::MIN | i64::MAX => Ok(()),
        _ => sortable((micros.div_euclid(DAY_MICROS)).clamp(-900_000, 9_000_000) as i32, ty),
    }
}

/// The value that lies in a column. Text that an outside program wrote (JSON with other blanks, a numeric with fewer
/// digits) comes back in PostgreSQL's own form.
///
/// # Errors
/// XX001 where the column holds something that no value of the type is kept as.
pub(crate) fn from_sql(value: ValueRef<'_>, ty: &SqlType) -> Result<Value> {
    let read = match (value, ty) {
        (ValueRef::Null, _) => Some(Value::Null),
        (ValueRef::Integer(n @ 0..=1), SqlType::Bool) => Some(Value::Bool(n == 1)),
        (ValueRef::Integer(n), SqlType::SmallInt | SqlType::Int | SqlType::BigInt) => Some(Value::Int(n)),
        (ValueRef::Real(n), SqlType::Double) => Some(Value::Double(n)),
        (ValueRef::Real(n), SqlType::Real) => Some(Value::Real(n as f32)),
        (ValueRef::Integer(n), SqlType::Double) => Some(Value::Double(n as f64)),
        (ValueRef::Integer(n), SqlType::Real) => Some(Value::Real(n as f32)),
        (ValueRef::Blob(b), SqlType::Bytea) => Some(Value::Bytes(b.to_vec())),
        (ValueRef::Text(bytes), _) => std::str::from_utf8(bytes).ok().and_then(|text| from_text(text, ty)),
        _ => None,
    };
    read.ok_or_else(|| Error::new("XX001", format!("{} is no {ty} as it is kept on sqlite", shown(value))))
}

/// As [`from_sql`], with the table and column in the error.
///
/// # Errors
/// As [`from_sql`].
pub(crate) fn from_sql_at(value: ValueRef<'_>, layout: &Layout, column: usize) -> Result<Value> {
    let column = &layout.columns[column];
    from_sql(value, &column.ty).map_err(|e| {
        e.details(format!("table {}, column {}", layout.table, column.name))
            .hint("another program wrote it past the column's check: mend the row with UPDATE")
    })
}

fn from_text(text: &str, ty: &SqlType) -> Option<Value> {
    match ty {
        SqlType::Text | SqlType::VarChar(_) | SqlType::Char(_) | SqlType::Enum(_) => Some(Value::Text(text.to_owned())),
        SqlType::Array(_) => {
            let json = Json::parse_lenient(text.as_bytes()).ok()?;
            Value::from_json(ty, &json).ok()
        }
        SqlType::Json => Some(Value::Json(text.to_owned())),
        SqlType::Numeric { precision: None, .. } => text.parse::<Numeric>().ok().map(Value::Numeric),
        SqlType::Jsonb
        | SqlType::Numeric { .. }
        | SqlType::Uuid
        | SqlType::Date
        | SqlType::Time
        | SqlType::Timestamp
        | SqlType::TimestampTz
        | SqlType::Interval => Value::from_text(ty, text).ok(),
        _ => None,
    }
}

fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "null".to_owned(),
        ValueRef::Integer(n) => n.to_string(),
        ValueRef::Real(n) => n.to_string(),
        ValueRef::Text(t) => format!("{:?}", String::from_utf8_lossy(t).chars().take(80).collect::<String>()),
        ValueRef::Blob(b) => format!("a blob of {} bytes", b.len()),
    }
}

#[cfg(test)]
mod tests;
