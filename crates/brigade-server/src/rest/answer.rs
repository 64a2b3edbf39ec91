//! What came back becomes an answer: a list, one object or lines, with the headers that say which page it is.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, header},
    response::Response,
};
use brigade::{
    data::{Error, Position, Result, plan::Read},
    engine::ReadAnswer,
};
use bytes::Bytes;

use super::{accept::Accepted, prefer::Prefer, range};
use crate::error::{self, typed};

const APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Rows that were read.
pub(super) fn rows(
    found: ReadAnswer,
    read: &Read,
    accepted: Accepted,
    prefer: &Prefer,
    position: Position,
) -> Result<Response> {
    if accepted.is_single() && found.rows != 1 {
        return Err(Error::new("PGRST116", "Cannot coerce the result to a single JSON object")
            .details(format!("The result contains {} rows", found.rows)));
    }
    let (range, status) = range::of_answer(read.node.offset.unwrap_or(0), found.rows, found.total)?;
    let mut body = Bytes::from(found.body);
    if accepted.is_single() {
        body = body.slice(1..body.len() - 1);
    }
    let mut response = typed(accepted.content_type(), Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let mut put = |name: HeaderName, text: String| {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    };
    put(header::CONTENT_RANGE, range);
    put(error::POSITION, position.to_string());
    if let Some(applied) = prefer.applied() {
        put(APPLIED, applied);
    }
    headers.insert(header::VARY, HeaderValue::from_static("Accept, Prefer, Range"));
    Ok(response)
}
