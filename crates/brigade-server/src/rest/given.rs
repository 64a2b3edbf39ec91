//! The rows that a write gives: a JSON object or a list of them, lines of CSV, or one row of a form; each key is a column of
//! the table. What is no JSON of a column's own is read as PostgreSQL reads the text of it.

use std::collections::BTreeSet;

use axum::http::{HeaderMap, header};
use brigade::query::grammar;
use brigade::{
    data::{Error, Input, Json, JsonValue, Record, Result, SqlType, Value, code},
    schema::{Relation, nearest},
};

use crate::body::at;

/// What a key that a row does not give means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// Null.
    Null,
    /// The column's default, which takes the place of what is there.
    Default,
    /// Nothing: a new row has its defaults anyway.
    Absent,
}

/// How a body is written.
enum Format {
    Json,
    Csv,
    Form,
}

impl Format {
    fn of(headers: &HeaderMap) -> Result<Self> {
        let given = headers.get(header::CONTENT_TYPE).map_or("", |value| value.to_str().unwrap_or("?"));
        match given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            ""
            | "*/*"
            | "application/json"
            | "application/vnd.pgrst.object+json"
            | "application/vnd.pgrst.array+json" => Ok(Self::Json),
            "text/csv" => Ok(Self::Csv),
            "application/x-www-form-urlencoded" => Ok(Self::Form),
            other => Err(malformed(&format!("Content-Type not acceptable: {other}"))
                .hint("send application/json, text/csv or application/x-www-form-urlencoded")),
        }
    }
}

/// The rows of a body, before anybody knows what their keys mean.
pub(super) struct Given(Vec<Record>);

/// Reads the rows of a body.
///
/// # Errors
/// PGRST102 for what is no row.
pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Given> {
    let rows = match Format::of(headers)? {
        Format::Json => json(body)?,
        Format::Csv => lines(body)?,
        Format::Form => form(body)?,
    };
    Ok(Given(rows))
}

impl Given {
    /// The keys that count: those of `columns`, else those that any row has.
    pub(super) fn keys(&self, columns: Option<&[String]>) -> BTreeSet<String> {
        match columns {
            Some(columns) => columns.iter().cloned().collect(),
            None => self.0.iter().flatten().map(|(name, _)| name.clone()).collect(),
        }
    }

    /// The rows with these keys alone.
    ///
    /// # Errors
    /// PGRST204 for a key that is no column, 22P02 for an object where the column holds none.
    pub(super) fn rows(self, keys: &BTreeSet<String>, relation: &Relation, missing: Missing) -> Result<Vec<Record>> {
        if let Some(key) = keys.iter().find(|key| relation.column(key).is_none()) {
            return Err(unknown(key, relation));
        }
        self.0.into_iter().map(|row| record(row, keys, relation, missing)).collect()
    }
}

fn record(row: Record, keys: &BTreeSet<String>, relation: &Relation, missing: Missing) -> Result<Record> {
    let mut record: Record = Vec::with_capacity(keys.len());
    for (name, input) in row.into_iter().filter(|(name, _)| keys.contains(name)) {
        let Some(column) = relation.column(&name) else { continue };
        let input = typed(&name, input, &relation.columns[column].ty)?;
        record.push((name, input));
    }
    let filling = match missing {
        Missing::Null => Input::Value(Value::Null),
        Missing::Default => Input::Default,
        Missing::Absent => return Ok(record),
    };
    if record.len() < keys.len() {
        let absent: Vec<&String> = keys.iter().filter(|key| !record.iter().any(|(name, _)| name == *key)).collect();
        record.extend(absent.into_iter().map(|key| (key.clone(), filling.clone())));
    }
    Ok(record)
}

/// PGRST204.
fn unknown(key: &str, relation: &Relation) -> Error {
    let message = format!("Could not find the '{key}' column of '{}' in the schema cache", relation.name);
    let error = Error::new("PGRST204", message);
    match nearest(key, relation.columns.iter().map(|c| c.name.as_str())) {
        Some(near) => error.hint(format!("Perhaps you meant '{near}'")),
        None => error,
    }
}

/// What a column takes of a value: json takes any, an array takes a list or PostgreSQL's text of one, everything else takes
/// the text of a scalar. What `/transactions` means by an object has no place here.
fn typed(name: &str, input: Input, ty: &SqlType) -> Result<Input> {
    let Input::Json(json) = input else { return Ok(of_text(input, ty)) };
    if ty.is_json() {
        return Ok(Input::Json(json));
    }
    let text = match (json.value, ty) {
        (JsonValue::Null, _) => return Ok(Input::Value(Value::Null)),
        (value @ JsonValue::Array(_), SqlType::Array(_)) => return Ok(Input::Json(Json { at: json.at, value })),
        (JsonValue::String(text) | JsonValue::Number(text), _) => text,
        (JsonValue::Bool(b), _) => b.to_string(),
        (value, ty) => {
            let text = Json { at: json.at, value }.to_compact();
            if !matches!(ty, SqlType::Text | SqlType::VarChar(_) | SqlType::Char(_) | SqlType::Other(_)) {
                return Err(Error::new(code::INVALID_TEXT, format!("invalid input syntax for type {ty}: {text:?}"))
                    .details(format!("column {name}")));
            }
            text
        }
    };
    Ok(of_text(Input::Value(Value::Text(text)), ty))
}

/// Bytes are read from JSON's text alone: elsewhere a text might be meant as it is.
fn of_text(input: Input, ty: &SqlType) -> Input {
    match input {
        Input::Value(Value::Text(text)) if *ty == SqlType::Bytea => Input::Json(Json::new(JsonValue::String(text))),
        other => other,
    }
}

fn malformed(message: &str) -> Error {
    Error::new("PGRST102", message.to_owned())
}

fn json(body: &[u8]) -> Result<Vec<Record>> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(malformed("Empty or invalid json"));
    }
    let json = Json::parse(body)
        .map_err(|e| malformed("Empty or invalid json").details(format!("{}: {}", at(body, e.at), e.message)))?;
    match json.value {
        JsonValue::Array(items) => items.into_iter().map(object).collect(),
        value => Ok(vec![object(Json { at: json.at, value })?]),
    }
}

fn object(json: Json) -> Result<Record> {
    match json.value {
        JsonValue::Object(entries) => {
            Ok(entries.into_iter().map(|(key, value)| (key.name, Input::Json(value))).collect())
        }
        _ => Err(malformed("a row is an object").hint("send an object, or a list of objects")),
    }
}

/// The first line names the columns; the word NULL without more is null.
fn lines(body: &[u8]) -> Result<Vec<Record>> {
    let refused = |error: csv::Error| {
        let message = match error.kind() {
            csv::ErrorKind::UnequalLengths { .. } => "All lines must have same number of fields",
            _ => "the body is no CSV in UTF-8",
        };
        malformed(message).details(error.to_string())
    };
    let mut reader = csv::Reader::from_reader(body);
    let names: Vec<String> = reader.headers().map_err(refused)?.iter().map(str::to_owned).collect();
    let row = |line: csv::Result<csv::StringRecord>| {
        let cell = |text: &str| match text {
            "NULL" => Value::Null,
            text => Value::Text(text.to_owned()),
        };
        let line = line.map_err(refused)?;
        Ok(names.iter().cloned().zip(line.iter().map(|text| Input::Value(cell(text)))).collect())
    };
    reader.records().map(row).collect()
}

fn form(body: &[u8]) -> Result<Vec<Record>> {
    let text = std::str::from_utf8(body).map_err(|_| malformed("the form is no UTF-8"))?;
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let record = pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((grammar::decode(name)?, Input::Value(Value::Text(grammar::decode(value)?))))
        })
        .collect::<Result<Record>>()?;
    Ok(vec![record])
}
