//! Calls of routines: a named query made ready, and any routine called in a transaction of its own, which can write only
//! where the routine says that it does.

use std::{sync::Arc, time::Duration};

use brigade_core::{
    data::{Error, Result, code},
    engine::{CheckedRead, ReadAnswer, Routine, RoutineCall, RoutineParam, RoutineShape, Source, not_one},
    schema::{NamedQuery, Piece, Relation, RelationColumn, misplaced},
};

use super::run;
use crate::{
    catalog::sql_type,
    encode::cast,
    error::{from_pg, is_repeatable},
    pool::Session,
    truth::PostgresTruth,
};

/// Times a call that writes is made before 40001 is passed on.
const TRIES_MAX: u32 = 8;

/// Makes a named query ready: the server reads it and runs nothing.
pub(super) async fn prepare(truth: &PostgresTruth, query: &NamedQuery) -> Result<Routine> {
    let session = truth.session().await?;
    let mut columns = Vec::new();
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
    }
    let last = query.statements.last().ok_or_else(|| Error::internal("a query without a statement"))?;
    let shape = match (columns.is_empty(), query.single) {
        (true, _) => RoutineShape::Nothing,
        (false, true) => RoutineShape::Row,
        (false, false) => RoutineShape::Rows,
    };
    let call = RoutineCall::Query(last.pieces.clone().into());
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

/// Reads the rows of a call.
pub(super) async fn call(truth: &PostgresTruth, read: &CheckedRead) -> Result<ReadAnswer> {
    let source = read.source.as_ref().ok_or_else(|| Error::internal("a call without a routine"))?;
    let mut tries = 0;
    loop {
        let mut session = truth.session().await?;
        session.begin();
        match attempt(truth, &mut session, read, source).await {
            Ok(answer) => {
                session.end();
                return Ok(answer);
            }
            Err(error) => {
                session.roll_back().await;
                tries += 1;
                if !is_repeatable(&error) || tries >= TRIES_MAX {
                    return Err(error);
                }
            }
        }
        drop(session);
        tokio::time::sleep(Duration::from_millis(5 << tries.min(5))).await;
    }
}

async fn attempt(
    truth: &PostgresTruth,
    session: &mut Session,
    read: &CheckedRead,
    source: &Source,
) -> Result<ReadAnswer> {
    let client = session.client();
    let begin = if source.writes { "BEGIN ISOLATION LEVEL SERIALIZABLE" } else { "BEGIN READ ONLY" };
    client.batch_execute(begin).await.map_err(from_pg)?;
    let mut answer = run::run(client, read).await?;
    if source.is_single && answer.rows != 1 {
        return Err(not_one(answer.rows));
    }
    if source.rolls_back {
        client.batch_execute("SET CONSTRAINTS ALL IMMEDIATE").await.map_err(from_pg)?;
    }
    let end = if source.rolls_back { "ROLLBACK" } else { "COMMIT" };
    client.batch_execute(end).await.map_err(from_pg)?;
    if source.writes && !source.rolls_back {
        answer.position = Some(truth.newest_seen_by(client).await?);
    }
    Ok(answer)
}
