//! Routines that only read: a named query made ready, and any routine called in a transaction that cannot write. Those
//! that write are called by `commit`.

use std::sync::Arc;

use brigade_core::{
    data::{Error, Result, code},
    engine::{CheckedRead, ReadAnswer, Routine, RoutineCall, RoutineParam, RoutineShape},
    schema::{NamedQuery, Piece, Relation, RelationColumn, misplaced},
};
use deadpool_postgres::ClientWrapper;

use super::{called, run};
use crate::{catalog::sql_type, encode::cast, error::from_pg, truth::PostgresTruth};

/// Makes a named query ready: the server reads it and runs nothing.
pub(super) async fn prepare(truth: &PostgresTruth, query: &NamedQuery) -> Result<Routine> {
    let session = truth.session().await?;
    let (mut columns, mut last_text) = (Vec::new(), String::new());
    for statement in &query.statements {
        let mut text = String::new();
        let mut places = 0;
        for piece in &statement.pieces {
            match piece {
                Piece::Text(sql) => text.push_str(sql),
                Piece::Value(value) => {
                    places += 1;
                    text.push_str(&format!("${places}::{}", cast(&query.params[*value].ty)));
                }
            }
        }
        let read = session.client().prepare(&text).await.map_err(|e| placed(from_pg(e), query, statement.at))?;
        let column = |c: &tokio_postgres::Column| RelationColumn {
            name: c.name().to_owned(),
            ty: sql_type(c.type_()),
            base: None,
        };
        columns = read.columns().iter().map(column).collect();
        last_text = text;
    }
    let last = query.statements.last().ok_or_else(|| Error::internal("a query without a statement"))?;
    if query.writes && !columns.is_empty() {
        // It will stand inside another statement, which not everything can.
        let inside = session.client().prepare(&called::around(&last_text)).await;
        inside.map_err(|e| placed(from_pg(e), query, last.at))?;
    }
    let shape = match (columns.is_empty(), query.single) {
        (true, _) => RoutineShape::Nothing,
        (false, true) => RoutineShape::Row,
        (false, false) => RoutineShape::Rows,
    };
    let call = RoutineCall::Query(query.statements.iter().map(|statement| statement.pieces.clone().into()).collect());
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

fn placed(error: Error, query: &NamedQuery, at: usize) -> Error {
    if error.code() == code::UNAVAILABLE {
        return error;
    }
    let place = misplaced(code::CONFIG, &query.file, &query.text, at, error.message());
    let placed = Error::new(error.code().to_owned(), place.message().to_owned());
    match (place.get_details(), error.get_hint()) {
        (Some(shown), Some(hint)) => placed.details(shown).hint(hint),
        (Some(shown), None) => placed.details(shown),
        _ => placed,
    }
}

/// Reads the rows of a call, which cannot write whatever it says.
pub(super) async fn call(truth: &PostgresTruth, read: &CheckedRead) -> Result<ReadAnswer> {
    let mut session = truth.session().await?;
    session.begin();
    match attempt(session.client(), read).await {
        Ok(answer) => {
            session.end();
            Ok(answer)
        }
        Err(error) => {
            session.roll_back().await;
            Err(error)
        }
    }
}

pub(super) async fn attempt(client: &ClientWrapper, read: &CheckedRead) -> Result<ReadAnswer> {
    client.batch_execute("BEGIN READ ONLY").await.map_err(from_pg)?;
    let answer = run::run(client, read).await?;
    if let Some(source) = &read.source {
        source.check_rows(answer.rows)?;
    }
    client.batch_execute("COMMIT").await.map_err(from_pg)?;
    Ok(answer)
}
