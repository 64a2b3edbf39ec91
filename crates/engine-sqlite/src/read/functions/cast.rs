//! Casts: what lies in a column becomes a value, is cast as PostgreSQL would, and is laid out again.

use brigade_core::{
    data::{SqlType, Value},
    schema::read_type,
};
use rusqlite::{
    Error, Result,
    functions::Context,
    types::{ToSqlOutput, Value as Bound, ValueRef},
};

use crate::encode;

/// The type that a text names, and its labels, if it is an enum.
struct Target {
    ty: SqlType,
    labels: Vec<String>,
}

impl Target {
    fn read(text: &str) -> Self {
        let mut parts = text.split('\0').map(str::to_owned);
        let name = parts.next().unwrap_or_default();
        let labels: Vec<String> = parts.collect();
        let ty = match labels.is_empty() {
            true => read_type(&name, []).unwrap_or(SqlType::Text),
            false => SqlType::Enum(name.into()),
        };
        Self { ty, labels }
    }
}

fn failed(code: &str) -> Error {
    Error::UserFunctionError(format!("brigade:cast:{code}").into())
}

/// `(value, from, to)`
pub(super) fn cast(context: &Context<'_>) -> Result<Bound> {
    let target = |i: usize| {
        context.get_or_create_aux(i as i32, |value| -> std::result::Result<_, Error> {
            Ok(Target::read(value.as_str().map_err(|e| Error::UserFunctionError(Box::new(e)))?))
        })
    };
    let (from, to) = (target(1)?, target(2)?);
    let value = encode::from_sql(context.get_raw(0), &from.ty).map_err(|e| failed(e.code()))?;
    let value = value.cast(&to.ty).map_err(|e| failed(e.code))?;
    if let (Value::Text(label), false) = (&value, to.labels.is_empty())
        && !to.labels.contains(label)
    {
        return Err(failed("22P02"));
    }
    let bound = encode::to_sql(&value, &to.ty).map_err(|e| failed(e.code()))?;
    Ok(match bound {
        ToSqlOutput::Owned(owned) => owned,
        ToSqlOutput::Borrowed(ValueRef::Text(text)) => Bound::Text(String::from_utf8_lossy(text).into_owned()),
        ToSqlOutput::Borrowed(ValueRef::Blob(bytes)) => Bound::Blob(bytes.to_vec()),
        _ => Bound::Null,
    })
}
