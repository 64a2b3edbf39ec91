//! The bodies that commands read. Values stay as they were written ([`RawValue`]), so that no digit is lost on the way.

use std::time::Duration;

use brigade::{
    data::{Error, Problem, Result, SqlType, code},
    schema::read_type,
};
use reqwest::Response;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// Rows of a statement of SQL.
#[derive(Debug, Deserialize)]
pub struct Rows {
    /// Column names.
    pub columns: Vec<String>,
    /// One list of values a row.
    pub rows: Vec<Vec<Box<RawValue>>>,
    /// Rows affected, for a statement that writes.
    pub affected: Option<u64>,
}

/// A table's columns.
#[derive(Debug, Deserialize)]
pub struct Columns {
    /// The table's name.
    pub table: String,
    /// Its columns, in order.
    pub columns: Vec<Column>,
}

/// One column.
#[derive(Debug, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type", deserialize_with = "sql_type")]
    pub ty: SqlType,
}

/// Names that are no type of brigade's are enums and types of the truth's own: their values are texts.
fn sql_type<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<SqlType, D::Error> {
    let written = String::deserialize(from)?;
    let own = |name: &str| SqlType::Other(name.into());
    Ok(read_type(&written, std::iter::empty()).unwrap_or_else(|_| match written.strip_suffix("[]") {
        Some(element) => SqlType::Array(Box::new(own(element))),
        None => own(&written),
    }))
}

/// One migration and its state.
#[derive(Debug, Deserialize, Serialize)]
pub struct AppliedMigration {
    /// Its number.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// `applied` or `pending`.
    pub state: String,
    /// When it was applied.
    pub applied_at: Option<String>,
}

/// What a commit answers.
#[derive(Debug, Deserialize)]
pub struct Receipt {
    /// The position of its last change.
    pub position: String,
}

#[derive(Deserialize)]
struct Refusal {
    code: String,
    message: String,
    details: Option<serde_json::Value>,
    hint: Option<String>,
    #[serde(default)]
    problems: Vec<RefusedField>,
}

#[derive(Deserialize)]
struct RefusedField {
    /// None where the problem is the error itself, once more.
    statement: Option<usize>,
    field: Option<String>,
    code: String,
    message: String,
    hint: Option<String>,
}

/// The answer if its status is a success, else the error that it says.
pub async fn good(response: Response) -> Result<Response> {
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status();
    let after = response.headers().get("retry-after").and_then(|v| v.to_str().ok()?.parse().ok());
    let body = response.bytes().await.unwrap_or_default();
    let error = refusal(&body).unwrap_or_else(|| {
        let code = if status.is_server_error() { code::UNAVAILABLE } else { code::MALFORMED };
        Error::new(code, format!("the server answered {status}")).details(String::from_utf8_lossy(&body).into_owned())
    });
    Err(match after {
        Some(seconds) => error.retry_after(Duration::from_secs(seconds)),
        None => error,
    })
}

/// Reads the body of an error.
pub fn refusal(body: &[u8]) -> Option<Error> {
    let refusal: Refusal = serde_json::from_slice(body).ok()?;
    let problems = refusal.problems.into_iter().filter_map(|p| {
        Some(Problem { statement: p.statement?, field: p.field, code: p.code.into(), message: p.message, hint: p.hint })
    });
    let problems: Vec<Problem> = problems.collect();
    let mut error = match problems.is_empty() {
        true => Error::new(refusal.code, refusal.message),
        false => Error::problems(problems),
    };
    if let Some(details) = refusal.details.filter(|d| !d.is_null()) {
        error = error.details(details.as_str().map_or_else(|| details.to_string(), str::to_owned));
    }
    if let Some(hint) = refusal.hint {
        error = error.hint(hint);
    }
    Some(error)
}

/// An answer that is not what the route promises: the server is of another version.
pub fn not_understood(error: serde_json::Error) -> Error {
    Error::internal(format!("the answer is not understood: {error}"))
        .hint("is the running server of the same version as this command?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_comes_back_as_it_was() {
        let body = br#"{"code":"22P02","message":"m","details":{"a":1},"hint":null,
            "problems":[{"statement":2,"field":"rows[0].a","code":"22P02","message":"m","hint":"h"}]}"#;
        let error = refusal(body).unwrap();
        assert_eq!((error.code(), error.message(), error.get_hint()), ("22P02", "m", Some("h")));
        assert_eq!(error.get_details(), Some("{\"a\":1}"));
        assert_eq!(error.get_problems()[0].statement, 2);
        assert!(refusal(b"<html>").is_none());
    }
}
