//! A named query as something that can be called: translated, then judged by SQLite itself without being run.

use std::sync::Arc;

use brigade_core::{
    data::{Error, Result, SqlType, code},
    engine::{Routine, RoutineCall, RoutineParam, RoutineShape},
    schema::{Model, NamedQuery, Piece, Relation, RelationColumn, misplaced},
};
use rusqlite::Connection;

use crate::{error, query::judged, tables};

pub(super) fn prepare(conn: &mut Connection, query: &NamedQuery, model: &Model) -> Result<Routine> {
    let translated = tables::translate(query, model)?;
    // A connection looks whether its schema is still the file's when a statement runs, not when one is prepared.
    conn.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).map_err(error::from_sqlite)?;
    let mut found: Vec<String> = Vec::new();
    for (statement, parsed) in translated.iter().zip(&query.statements) {
        found = columns(conn, &statement.pieces, query.writes).map_err(|error| placed(error, query, parsed.at))?;
    }
    let last = translated.last().ok_or_else(|| Error::internal("a query without a statement"))?;
    let unknown = || SqlType::Other("unknown".into());
    let known = last.columns.clone().filter(|known| known.len() == found.len()).unwrap_or_default();
    let column = |(i, name): (usize, String)| {
        let (name, ty) = known.get(i).cloned().unwrap_or((name, None));
        RelationColumn { name, ty: ty.unwrap_or_else(unknown), base: None }
    };
    let columns: Vec<RelationColumn> = found.into_iter().enumerate().map(column).collect();
    let shape = match (columns.is_empty(), query.single) {
        (true, _) => RoutineShape::Nothing,
        (false, true) => RoutineShape::Row,
        (false, false) => RoutineShape::Rows,
    };
    let call = RoutineCall::Query(translated.iter().map(|statement| Arc::clone(&statement.pieces)).collect());
    Ok(Routine {
        name: query.name.clone(),
        params: query.params.iter().map(RoutineParam::of).collect(),
        shape,
        relation: Arc::new(Relation { name: query.name.clone(), columns, key: Vec::new(), is_view: true }),
        writes: query.writes,
        roles: query.roles.clone(),
        call,
    })
}

/// The names of a statement's columns: SQLite reads it and runs nothing. One that writes may do no more than raw SQL may.
fn columns(conn: &mut Connection, pieces: &[Piece], writes: bool) -> Result<Vec<String>> {
    let text: String = pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => text,
            Piece::Value(_) => "?",
        })
        .collect();
    let names = |conn: &Connection| {
        let statement = conn.prepare(&text).map_err(error::from_sqlite)?;
        Ok(statement.column_names().map(str::to_owned).collect())
    };
    if writes { judged(conn, &text, names) } else { names(conn) }
}

fn placed(error: Error, query: &NamedQuery, at: usize) -> Error {
    let code = if error.code() == code::INTERNAL { code::CONFIG.to_owned() } else { error.code().to_owned() };
    let place = misplaced(code::CONFIG, &query.file, &query.text, at, error.message());
    let placed = Error::new(code, place.message().to_owned());
    match place.get_details() {
        Some(shown) => placed.details(shown),
        None => placed,
    }
}
