//! Raw SQL: one statement, on a connection that refuses what would reach past it.
//!
//! Reading runs beside the writer; writing runs on it as a transaction of its own, captured as any other change.

mod columns;
mod refuse;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use brigade_core::{
    data::{Error, Result, Row, SqlType, Value, code},
    engine::QueryResult,
    schema::Model,
};
use rusqlite::{
    Connection,
    hooks::{AuthContext, Authorization},
    types::ValueRef,
};

use crate::{SqliteTruth, encode, error, readers::blocking, shared::Shared, writer::State};

/// Steps of SQLite's machine between two looks at the clock.
const STEPS: i32 = 10_000;

/// Bytes of all values of an answer, so that its rows fit in memory.
const BYTES_MAX: usize = 64 << 20;

impl SqliteTruth {
    pub(crate) async fn run_query(&self, sql: &str, write: bool, rows_max: usize) -> Result<QueryResult> {
        refuse::by_words(sql)?;
        let sql = sql.to_owned();
        if write {
            return self.writer.run(move |state| writing(state, &sql, rows_max)).await;
        }
        let held = self.shared.readers.hold().await?;
        let shared = Arc::clone(&self.shared);
        blocking(move || {
            let mut held = held;
            reading(&mut held.conn, &shared, &sql, rows_max)
        })
        .await
    }
}

fn reading(conn: &mut Connection, shared: &Shared, sql: &str, rows_max: usize) -> Result<QueryResult> {
    let deadline = Instant::now() + shared.config.statement_timeout.min(Duration::from_secs(86_400));
    conn.progress_handler(STEPS, Some(move || Instant::now() > deadline)).map_err(error::from_sqlite)?;
    conn.authorizer(Some(refuse::authorize)).map_err(error::from_sqlite)?;
    run(conn, shared, sql, rows_max, false)
}

fn writing(state: &mut State, sql: &str, rows_max: usize) -> Result<QueryResult> {
    let before = state.conn.total_changes();
    let done = state.alone(|state| {
        state.conn.authorizer(Some(refuse::authorize)).map_err(|e| state.failed(e))?;
        state.limit_time(true);
        let done = run(&state.conn, &state.shared, sql, rows_max, true);
        state.limit_time(false);
        let free = None::<fn(AuthContext<'_>) -> Authorization>;
        state.conn.authorizer(free).map_err(|e| state.failed(e))?;
        done
    });
    if done.is_ok() {
        tracing::info!(changes = state.conn.total_changes() - before, "raw SQL wrote");
    }
    done
}

/// Prepares a statement, which is refused where it would do what raw SQL may not.
pub(crate) fn judged<T>(conn: &mut Connection, sql: &str, prepare: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
    refuse::by_words(sql)?;
    conn.authorizer(Some(refuse::authorize)).map_err(error::from_sqlite)?;
    let prepared = prepare(conn);
    conn.authorizer(None::<fn(AuthContext<'_>) -> Authorization>).map_err(error::from_sqlite)?;
    prepared
}

fn run(conn: &Connection, shared: &Shared, sql: &str, rows_max: usize, write: bool) -> Result<QueryResult> {
    let model = Arc::clone(&shared.model.read().expect("model"));
    let mut statement = conn.prepare(sql).map_err(error::from_sqlite)?;
    let types = columns::types(conn, sql, &model, statement.column_count())?;
    if !write && !statement.readonly() {
        return Err(Error::new(code::READ_ONLY, "the statement writes").hint("allow it with --write"));
    }
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let affects = !statement.readonly();
    let rows = rows(&mut statement, &types, &model, rows_max)?;
    let affected = affects.then(|| conn.changes());
    drop(statement);
    Ok(QueryResult { columns: names, rows, affected })
}

fn rows(
    statement: &mut rusqlite::Statement<'_>,
    types: &[Option<SqlType>],
    model: &Model,
    rows_max: usize,
) -> Result<Vec<Row>> {
    let mut found = Vec::new();
    let mut bytes = 0;
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(|e| error::of_raw(e, model))? {
        // A statement that writes goes on to its end; only what it returns is cut.
        if found.len() >= rows_max {
            continue;
        }
        let value = |(i, ty): (usize, &Option<SqlType>)| {
            row.get_ref(i).map(|raw| value(raw, ty.as_ref())).map_err(error::from_sqlite)
        };
        found.push(types.iter().enumerate().map(value).collect::<Result<Row>>()?);
        bytes += found.last().map_or(0, |row| row.iter().map(size).sum());
        if bytes > BYTES_MAX {
            return Err(Error::new(code::LIMIT, format!("the answer is larger than {BYTES_MAX} bytes"))
                .hint("ask for fewer rows or columns"));
        }
    }
    Ok(found)
}

fn size(value: &Value) -> usize {
    match value {
        Value::Text(text) | Value::Json(text) => text.len() + 24,
        Value::Bytes(bytes) => bytes.len() + 24,
        Value::Array(items) => items.iter().map(size).sum(),
        _ => 24,
    }
}

/// As the column of the model has it; else as SQLite gives it.
fn value(raw: ValueRef<'_>, ty: Option<&SqlType>) -> Value {
    if let Some(value) = ty.and_then(|ty| encode::from_sql(raw, ty).ok()) {
        return value;
    }
    match raw {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(n) => Value::Int(n),
        ValueRef::Real(n) => Value::Double(n),
        ValueRef::Text(bytes) => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
    }
}
