//! `/rpc/NAME`: a routine is called, and its result is read as a table is.
//!
//! In reading order: `arguments` says what is given and which routine it fits, [`answer`] calls it, `unwrapped` gives a value
//! where the routine answers no rows.

mod arguments;
mod unwrapped;

use std::sync::Arc;

use axum::{
    body::Body,
    http::{Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use brigade::query::grammar;
use brigade::{
    Call,
    data::{
        Error, Result,
        plan::{Node, Read},
    },
    engine::RoutineShape,
};

use bytes::Bytes;

use super::{
    Request,
    accept::{self, Accepted},
    again, answer, fresh,
    prefer::{Prefer, Return},
    range,
};
use crate::{Server, body, error};
use arguments::Given;

pub(super) async fn answer(server: &Arc<Server>, request: &Request, body: Body) -> Result<Response> {
    if request.method == Method::OPTIONS {
        return Ok((StatusCode::OK, [(header::ALLOW, "OPTIONS,GET,HEAD,POST")]).into_response());
    }
    let reads = matches!(request.method, Method::GET | Method::HEAD);
    if !reads && request.method != Method::POST {
        return Err(wrong_method(&request.method));
    }
    let accepted = Accepted::read(&request.headers, server.brigade.config().rest.plan)?;
    accept::check_profile(&request.headers, if reads { "accept-profile" } else { "content-profile" })?;
    let prefer = Prefer::read(&request.headers, &server.brigade.config().rest)?;
    let found = server.brigade.routines(&request.principal, &request.table).await?;
    let bytes = match reads {
        true => Bytes::new(),
        false => body::read_all(server, &request.headers, body).await?,
    };
    let given = match reads {
        true => Given::of_query(&request.query, &found)?,
        false => Given::of_body(&request.headers, &bytes, &found)?,
    };
    let names = || server.brigade.routine_names(&request.principal);
    let (routine, values) = given.choose(&request.table, &found, &server.brigade.model(), names)?;
    if reads && routine.writes {
        return Err(wrong_method(&request.method));
    }
    let returns_set = matches!(routine.shape, RoutineShape::Rows | RoutineShape::Values);
    if prefer.max_affected().is_some() && !returns_set {
        return Err(no_set());
    }
    let mut node: Node = grammar::parse(given.rest(&request.query))?.node;
    if request.method == Method::GET {
        range::apply(&request.headers, &mut node)?;
    }
    if routine.shape == RoutineShape::Row {
        node.limit = Some(node.limit.unwrap_or(1).min(1));
    }
    let fresh = fresh::asked(server, &request.headers, prefer.wait)?;
    let read = Read { from: routine.relation.name.clone(), node, count: prefer.count };
    let key = match routine.writes {
        true => again::key(server, request, &format!("rpc/{}", request.table), &bytes)?,
        false => None,
    };
    let call = Call {
        routine: Arc::clone(&routine),
        given: values,
        read: read.clone(),
        form: accepted.form(),
        is_single: accepted.is_single(),
        rows_max: prefer.max_affected(),
        rolls_back: prefer.rollback == Some(true),
        key,
        fresh,
    };
    if let Some(how) = accepted.plan() {
        let plan = server.brigade.explain_call(&request.principal, &call, how).await?;
        return Ok(answer::plan(plan, accepted));
    }
    let mut found = server.brigade.call(&request.principal, call).await?;
    if let Some(position) = found.position.filter(|_| routine.writes) {
        server.handed_out(position);
    }
    if routine.shape == RoutineShape::Nothing {
        let mut response = StatusCode::NO_CONTENT.into_response();
        if let Some(value) = found.position.and_then(|position| position.to_string().parse().ok()) {
            response.headers_mut().insert(error::POSITION, value);
        }
        answer::note_replayed(&mut response, found.replayed);
        return Ok(response);
    }
    let is_json = accepted.is_json();
    if is_json && !accepted.is_single() {
        found.body = unwrapped::body(found.body, routine.shape)?;
    }
    let replayed = found.replayed;
    let mut response = answer::rows(found, &read, accepted, &prefer)?;
    answer::note_applied(&mut response, prefer.applied_to_call());
    answer::note_replayed(&mut response, replayed);
    if !reads && prefer.returning == Some(Return::Minimal) {
        *response.body_mut() = Body::empty();
        *response.status_mut() = StatusCode::NO_CONTENT;
        response.headers_mut().remove(header::CONTENT_TYPE);
    }
    Ok(response)
}

/// PGRST128.
fn no_set() -> Error {
    Error::new(
        "PGRST128",
        "Function must return SETOF or TABLE when max-affected preference is used with handling=strict",
    )
    .hint("take max-affected out of Prefer: this routine answers one row, one value or nothing")
}

/// PGRST101.
fn wrong_method(method: &Method) -> Error {
    Error::new("PGRST101", format!("Cannot use the {method} method on RPC"))
}
