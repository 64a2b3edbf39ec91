//! Layouts: what an image of a table looked like when it was written, kept beside the log for ever.

use std::sync::Arc;

use brigade_core::{
    data::{Error, Json, JsonValue, Layout, LayoutColumn, Result, SqlType, escape_json},
    schema::Table,
};
use rusqlite::{Connection, OptionalExtension as _};

use super::failed;

/// The id of the table's layout as it is now; a new one if its columns, types or key are not those of the newest.
pub(super) fn id(conn: &Connection, table: &Table) -> Result<i64> {
    if let Some(id) = newest(conn, table)? {
        return Ok(id);
    }
    let (columns, key) = written(&table.layout());
    conn.execute(
        "INSERT INTO brigade_layout(table_name, columns, key) VALUES(?1, ?2, ?3)",
        [&table.name, &columns, &key],
    )
    .map_err(failed("keep a layout"))?;
    Ok(conn.last_insert_rowid())
}

/// The id of the newest layout under the table's name, if it is the table's as it is now.
pub(super) fn newest(conn: &Connection, table: &Table) -> Result<Option<i64>> {
    let (columns, key) = written(&table.layout());
    let found: Option<(i64, String, String)> = conn
        .query_row(
            "SELECT id, columns, key FROM brigade_layout WHERE table_name = ?1 ORDER BY id DESC LIMIT 1",
            [&table.name],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()
        .map_err(failed("read layouts"))?;
    Ok(found.filter(|(_, c, k)| (c, k) == (&columns, &key)).map(|(id, ..)| id))
}

/// The layout of an id, which an entry of the log names.
///
/// # Errors
/// If the store fails or its text is damaged.
pub(crate) fn read_layout(conn: &Connection, id: i64) -> Result<Arc<Layout>> {
    let (table, columns, key): (String, String, String) = conn
        .query_row("SELECT table_name, columns, key FROM brigade_layout WHERE id = ?1", [id], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .map_err(failed("read a layout"))?;
    let layout = parsed(table, &columns, &key);
    layout.map(Arc::new).ok_or_else(|| Error::new("XX001", format!("the layout {id} of the log is damaged")))
}

/// `[["id","uuid"],["tags","text[]"]]` and `[0]`; an enum's type begins with `enum `.
fn written(layout: &Layout) -> (String, String) {
    let mut columns = "[".to_owned();
    for (i, column) in layout.columns.iter().enumerate() {
        columns.push_str(if i > 0 { ",[" } else { "[" });
        escape_json(&column.name, &mut columns);
        columns.push(',');
        escape_json(&type_text(&column.ty), &mut columns);
        columns.push(']');
    }
    columns.push(']');
    let key: Vec<String> = layout.key.iter().map(usize::to_string).collect();
    (columns, format!("[{}]", key.join(",")))
}

fn type_text(ty: &SqlType) -> String {
    match ty {
        SqlType::Enum(name) => format!("enum {name}"),
        SqlType::Array(of) => format!("{}[]", type_text(of)),
        other => other.to_string(),
    }
}

fn parsed(table: String, columns: &str, key: &str) -> Option<Layout> {
    let items = |text: &str| match Json::parse(text.as_bytes()).ok()?.value {
        JsonValue::Array(items) => Some(items),
        _ => None,
    };
    let column = |json: Json| match json.value {
        JsonValue::Array(pair) => {
            let [name, ty] = pair.as_slice() else { return None };
            Some(LayoutColumn { name: name.as_str()?.to_owned(), ty: parsed_type(ty.as_str()?)? })
        }
        _ => None,
    };
    let index = |json: Json| match json.value {
        JsonValue::Number(digits) => digits.parse().ok(),
        _ => None,
    };
    Some(Layout {
        table,
        columns: items(columns)?.into_iter().map(column).collect::<Option<_>>()?,
        key: items(key)?.into_iter().map(index).collect::<Option<_>>()?,
    })
}

fn parsed_type(text: &str) -> Option<SqlType> {
    if let Some(of) = text.strip_suffix("[]") {
        return Some(SqlType::Array(Box::new(parsed_type(of)?)));
    }
    if let Some(name) = text.strip_prefix("enum ") {
        return Some(SqlType::Enum(Arc::from(name)));
    }
    let (word, arguments) = match text.split_once('(') {
        Some((word, rest)) => (word, rest.strip_suffix(')')?),
        None => (text, ""),
    };
    let number = |text: &str| text.trim().parse::<u32>().ok();
    Some(match (word, arguments) {
        ("boolean", "") => SqlType::Bool,
        ("smallint", "") => SqlType::SmallInt,
        ("integer", "") => SqlType::Int,
        ("bigint", "") => SqlType::BigInt,
        ("real", "") => SqlType::Real,
        ("double precision", "") => SqlType::Double,
        ("numeric", "") => SqlType::Numeric { precision: None, scale: 0 },
        ("numeric", arguments) => {
            let (p, s) = arguments.split_once(',')?;
            SqlType::Numeric { precision: Some(number(p)?), scale: number(s)? }
        }
        ("text", "") => SqlType::Text,
        ("varchar", n) => SqlType::VarChar(number(n)?),
        ("char", n) => SqlType::Char(number(n)?),
        ("uuid", "") => SqlType::Uuid,
        ("date", "") => SqlType::Date,
        ("time", "") => SqlType::Time,
        ("timestamp", "") => SqlType::Timestamp,
        ("timestamptz", "") => SqlType::TimestampTz,
        ("interval", "") => SqlType::Interval,
        ("json", "") => SqlType::Json,
        ("jsonb", "") => SqlType::Jsonb,
        ("bytea", "") => SqlType::Bytea,
        _ => SqlType::Other(Arc::from(text)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_comes_back_as_it_was_written() {
        let array = |of| SqlType::Array(Box::new(of));
        let types = [
            SqlType::Bool,
            SqlType::Double,
            SqlType::Numeric { precision: None, scale: 0 },
            SqlType::Numeric { precision: Some(10), scale: 2 },
            SqlType::VarChar(20),
            SqlType::Char(2),
            SqlType::TimestampTz,
            SqlType::Jsonb,
            SqlType::Enum(Arc::from("link_status")),
            array(SqlType::Enum(Arc::from("mood"))),
            array(array(SqlType::Int)),
        ];
        let columns = types.into_iter().enumerate();
        let layout = Layout {
            table: "t".to_owned(),
            columns: columns.map(|(i, ty)| LayoutColumn { name: format!("c\"{i}"), ty }).collect(),
            key: vec![0, 3],
        };
        let (columns, key) = written(&layout);
        assert_eq!(parsed("t".to_owned(), &columns, &key), Some(layout));
        assert_eq!(parsed("t".to_owned(), "[[1]]", "[]"), None);
    }
}
