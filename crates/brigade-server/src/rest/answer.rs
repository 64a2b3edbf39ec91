//! What came back becomes an answer: a list, one object or lines, with the headers that say which page it is.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    response::Response,
};
use brigade::{
    data::{Position, Result, Shown, plan::Read},
    engine::{ReadAnswer, not_one},
};
use bytes::Bytes;

use super::{accept::Accepted, prefer::Prefer, range};
use crate::error::{self, with_type};

const APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Rows that were read.
pub(super) fn rows(found: ReadAnswer, read: &Read, accepted: Accepted, prefer: &Prefer) -> Result<Response> {
    if accepted.is_single() && found.rows != 1 {
        return Err(not_one(found.rows));
    }
    let (range, status) = range::of_answer(read.node.offset.unwrap_or(0), found.rows, found.total)?;
    let mut body = Bytes::from(found.body);
    if accepted.is_single() {
        body = body.slice(1..body.len() - 1);
    }
    let mut response = with_type(accepted.content_type(), Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let mut put = |name: HeaderName, text: String| {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    };
    put(header::CONTENT_RANGE, range);
    if let Some(position) = found.position {
        put(error::POSITION, position.to_string());
    }
    if let Some(applied) = prefer.applied() {
        put(APPLIED, applied);
    }
    headers.insert(header::VARY, HeaderValue::from_static("Accept, Prefer, Range"));
    Ok(response)
}

/// How rows would be read, in the place of them.
pub(super) fn plan(plan: String, accepted: Accepted) -> Response {
    let mut response = with_type(accepted.content_type(), Body::from(plan));
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept, Prefer, Range"));
    response
}

/// What a write did.
pub(super) struct Written<'w> {
    /// How it was asked for.
    pub method: &'w Method,
    /// Where no rows are shown.
    pub status: u16,
    /// Where rows are shown.
    pub status_shown: u16,
    /// The rows, where they are shown.
    pub shown: Option<Shown>,
    /// How many rows were written.
    pub affected: u64,
    /// Where the transaction stands in the log; none: nothing was written.
    pub position: Option<Position>,
    /// Whether it had been done before, under the same key.
    pub replayed: bool,
    /// Where the row is.
    pub location: Option<String>,
}

/// Rows that were written.
pub(super) fn written(written: Written<'_>, accepted: Accepted, prefer: &Prefer) -> Response {
    let Written { method, shown, affected, .. } = written;
    let (status, mut response) = match shown {
        Some(shown) if accepted.is_single() => {
            let body = Bytes::from(shown.body);
            (written.status_shown, with_type(accepted.content_type(), Body::from(body.slice(1..body.len() - 1))))
        }
        Some(shown) => (written.status_shown, with_type(accepted.content_type(), Body::from(shown.body))),
        None => (written.status, Response::new(Body::empty())),
    };
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let of = if prefer.count.is_some() { affected.to_string() } else { "*".to_owned() };
    let range = match *method {
        Method::PUT => None,
        Method::PATCH if affected > 0 => Some(format!("0-{}/{of}", affected - 1)),
        _ => Some(format!("*/{of}")),
    };
    let headers = response.headers_mut();
    let mut put = |name: HeaderName, text: Option<String>| {
        if let Some(value) = text.and_then(|text| HeaderValue::try_from(text).ok()) {
            headers.insert(name, value);
        }
    };
    put(header::CONTENT_RANGE, range);
    put(error::POSITION, written.position.map(|position| position.to_string()));
    put(header::LOCATION, written.location);
    put(APPLIED, prefer.applied_to_write(method));
    headers.insert(header::VARY, HeaderValue::from_static("Accept, Prefer, Range"));
    note_replayed(&mut response, written.replayed);
    response
}

/// Says which preferences were heeded, where more were than by a read of a table.
pub(super) fn note_applied(response: &mut Response, applied: Option<String>) {
    if let Some(value) = applied.and_then(|applied| HeaderValue::try_from(applied).ok()) {
        response.headers_mut().insert(APPLIED, value);
    }
}

/// Says of an answer that it is a kept one: nothing was done again.
pub(super) fn note_replayed(response: &mut Response, replayed: bool) {
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
}
