//! `/admin/*`: what the command line asks of a server that has the stores, since only one process may have them.
//!
//! Whoever can read the lock file of the data folder may use it: the token in it is the proof. With `[auth]`, whoever has the
//! role `service` may too.

pub mod keys;

use std::sync::Arc;

use axum::{
    extract::{Path, Request, State},
    http::{HeaderMap, header},
    response::Response,
};
use brigade::{
    MigrationState,
    data::{Error, Json, JsonValue, Result, code, timestamptz},
    limits,
};

use crate::{Server, auth::same, body, error, error::Refusal, json, json::Object, transactions::nearest};

/// Rows that one statement answers with, where the caller names no other number.
const ROWS_MAX: usize = 10_000;

/// What `POST /admin/sql` takes.
#[derive(Debug, PartialEq)]
struct Sql {
    sql: String,
    write: bool,
    rows_max: usize,
}

/// Answers `POST /admin/sql`.
pub async fn sql(State(server): State<Arc<Server>>, request: Request) -> Result<Response, Refusal> {
    let (parts, received) = request.into_parts();
    authorise(&server, &parts.headers)?;
    let limit = ("SMALL_BODY_BYTES_MAX", limits::SMALL_BODY_BYTES_MAX);
    let bytes = body::read_json(&server, &parts.headers, received, limit).await?;
    let asked = parse_sql(&bytes)?;
    let result = server.brigade.query(&asked.sql, asked.write, asked.rows_max).await?;
    let mut out = String::new();
    let mut object = Object::begin(&mut out);
    object.texts("columns", &result.columns);
    json::list(object.key("rows"), &result.rows, |out, row| {
        json::list(out, row, |out, value| value.write_json(out));
    });
    match result.affected {
        Some(rows) => object.plain("affected", rows),
        None => object.plain("affected", "null"),
    };
    object.end();
    Ok(error::json(out))
}

/// Answers `GET /admin/tables/NAME`: its columns with their types, as the model that is served has them.
pub async fn table(
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    authorise(&server, &headers)?;
    let model = server.brigade.model();
    let Some(table) = model.table(&name) else {
        let known: Vec<&str> = model.tables.keys().map(String::as_str).collect();
        return Err(Error::new(code::UNKNOWN_TABLE, format!("relation {name:?} does not exist"))
            .hint(nearest(&name, &known))
            .into());
    };
    let mut out = String::new();
    let mut object = Object::begin(&mut out);
    object.text("table", &table.name);
    json::list(object.key("columns"), &table.columns, |out, column| {
        let mut object = Object::begin(out);
        object.text("name", &column.name).text("type", &column.ty.to_string());
        object.end();
    });
    object.end();
    Ok(error::json(out))
}

/// Answers `GET /admin/migrations`.
pub async fn migrations(State(server): State<Arc<Server>>, headers: HeaderMap) -> Result<Response, Refusal> {
    authorise(&server, &headers)?;
    Ok(listed(&server.brigade.migrations().await?))
}

/// Answers `POST /admin/migrate`.
pub async fn migrate(State(server): State<Arc<Server>>, headers: HeaderMap) -> Result<Response, Refusal> {
    authorise(&server, &headers)?;
    Ok(listed(&server.brigade.migrate().await?))
}

fn listed(migrations: &[MigrationState]) -> Response {
    let mut out = String::new();
    json::list(&mut out, migrations, |out, state| {
        let mut object = Object::begin(out);
        object
            .plain("number", state.migration.number)
            .text("name", &state.migration.name)
            .text("checksum", &state.migration.checksum)
            .text("state", if state.applied.is_some() { "applied" } else { "pending" })
            .text_or_null("applied_at", state.applied.as_ref().map(|a| timestamptz::format(a.at)).as_deref());
        object.end();
    });
    error::json(out)
}

fn parse_sql(bytes: &[u8]) -> Result<Sql> {
    let malformed =
        |offset: usize, message: &str| Error::new(code::MALFORMED, message).details(body::at(bytes, offset));
    let top = body::json(bytes)?;
    let JsonValue::Object(entries) = top.value else {
        return Err(malformed(top.at, "the body must be an object").hint("send {\"sql\": \"SELECT …\"}"));
    };
    let mut asked = Sql { sql: String::new(), write: false, rows_max: ROWS_MAX };
    for (key, value) in entries {
        match (key.name.as_str(), value) {
            ("sql", Json { value: JsonValue::String(sql), .. }) => asked.sql = sql,
            ("write", Json { value: JsonValue::Bool(write), .. }) => asked.write = write,
            ("rows_max", Json { value: JsonValue::Number(digits), at }) => {
                asked.rows_max = digits.parse().map_err(|_| malformed(at, "rows_max must be a number of rows"))?;
            }
            ("sql" | "write" | "rows_max", value) => {
                return Err(malformed(value.at, &format!("{} cannot be {}", key.name, value.kind())));
            }
            (unknown, _) => {
                let known = ["sql", "write", "rows_max"];
                return Err(malformed(key.at, "unknown key in the body").hint(nearest(unknown, &known)));
            }
        }
    }
    if asked.sql.trim().is_empty() {
        return Err(malformed(top.at, "the body has no \"sql\"").hint("send {\"sql\": \"SELECT …\"}"));
    }
    Ok(asked)
}

/// The token must be the server's. How long the comparison takes says nothing about how much of it was right.
fn authorise(server: &Server, headers: &HeaderMap) -> Result<()> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    match (&server.options.admin_token, given) {
        // The guard has let the role `service` in and nobody else.
        _ if server.authenticator.is_some() => Ok(()),
        (Some(token), Some(given)) if same(token, given) => Ok(()),
        _ => Err(Error::new(code::UNAUTHENTICATED, "this route needs the server's own token")
            .hint("send Authorization: Bearer TOKEN with the token of the lock file in the data folder")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_statement_and_names_mistakes() {
        let asked = parse_sql(br#"{"sql": "SELECT 1", "write": true, "rows_max": 5}"#).unwrap();
        assert_eq!(asked, Sql { sql: "SELECT 1".to_owned(), write: true, rows_max: 5 });
        for (bad, place) in [
            ("[]", "line 1, column 1"),
            ("{}", "line 1, column 1"),
            (r#"{"sql": 1}"#, "line 1, column 9"),
            (r#"{"sql": "x", "rows_max": -1}"#, "line 1, column 26"),
            ("{\"sql\": \"x\",\n\"wirte\": true}", "line 2, column 1"),
        ] {
            let error = parse_sql(bad.as_bytes()).unwrap_err();
            assert_eq!((error.code(), error.get_details()), (code::MALFORMED, Some(place)), "{bad}");
        }
    }
}
