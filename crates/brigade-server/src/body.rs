//! Reading a body: its type, its size, its time; none of them is unbounded.
//!
//! A body that is too large is refused as soon as that is known. What its sender still sends is read and thrown away
//! within bounds, since closing the connection on it would keep the sender from ever reading the answer.

use axum::{
    body::{Body, HttpBody as _},
    http::{HeaderMap, header},
};
use brigade::{
    data::{Error, Json, Result, code, line_column},
    limits,
};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;

use crate::{
    Server, error,
    metrics::{self, Limit},
};

/// Reads a body whole, whatever it is.
///
/// # Errors
/// As [`read_json`], but for the type.
pub async fn read_all(server: &Server, headers: &HeaderMap, body: Body) -> Result<Bytes> {
    let max = server.brigade.config().server.body_max;
    let announced = body.size_hint().exact().filter(|announced| *announced > max as u64);
    if let Some(announced) = announced {
        if !headers.contains_key(header::EXPECT) {
            discard(body);
        }
        return Err(error::limit("body_max", max, announced as usize, "bytes"));
    }
    in_time(server, body, "body_max", max).await
}

/// Reads a JSON body whole.
///
/// # Errors
/// 415 for another type; 413 as soon as `max` is passed, with a length or chunked; 408 where it does not arrive.
pub async fn read_json(
    server: &Server,
    headers: &HeaderMap,
    body: Body,
    (limit, max): (&'static str, usize),
) -> Result<Bytes> {
    let refused = require_json(headers).err().or_else(|| {
        let announced = body.size_hint().exact()?;
        (announced > max as u64).then(|| error::limit(limit, max, announced as usize, "bytes"))
    });
    if let Some(error) = refused {
        // A sender that waits for 100 Continue sends nothing, unless the body is read.
        if !headers.contains_key(header::EXPECT) {
            discard(body);
        }
        return Err(error);
    }
    in_time(server, body, limit, max).await
}

async fn in_time(server: &Server, body: Body, limit: &'static str, max: usize) -> Result<Bytes> {
    let patience = server.limits().body_timeout;
    let read = tokio::time::timeout(patience, read(body, limit, max)).await;
    read.unwrap_or_else(|_| {
        metrics::reached(Limit::BodyTimeout);
        Err(Error::new(error::TIMEOUT, "the body did not arrive in time")
            .details(format!("waited {} s", patience.as_secs_f64()))
            .hint("nothing was done: it is safe to repeat"))
    })
}

async fn read(mut body: Body, limit: &'static str, max: usize) -> Result<Bytes> {
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| {
            Error::new(code::MALFORMED, "the body broke off").details(e.to_string()).hint("send it again, whole")
        })?;
        let Ok(data) = frame.into_data() else { continue };
        let length = first.len() + whole.len() + data.len();
        if length > max {
            discard(body);
            return Err(error::limit(limit, max, length, "bytes or more"));
        }
        // Nearly every body comes in one piece: it is not copied.
        if first.is_empty() && whole.is_empty() {
            first = data;
        } else {
            whole.extend_from_slice(&std::mem::take(&mut first));
            whole.extend_from_slice(&data);
        }
    }
    Ok(if whole.is_empty() { first } else { whole.freeze() })
}

/// Reads what is still coming and throws it away, for a while.
fn discard(mut body: Body) {
    tokio::spawn(tokio::time::timeout(limits::DISCARD_TIMEOUT, async move {
        let mut left = limits::DISCARD_BYTES_MAX;
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, |data| data.len() as u64);
            match left.checked_sub(length) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    }));
}

/// JSON in UTF-8, and nothing else.
fn require_json(headers: &HeaderMap) -> Result<()> {
    let given = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or("?"));
    let accepted = given.is_some_and(|given| {
        let mut parts = given.split(';').map(str::trim);
        let is_json = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
        is_json && parts.filter(|p| !p.is_empty()).all(is_utf8)
    });
    if accepted {
        return Ok(());
    }
    Err(Error::new(error::MEDIA_TYPE, "the body must be JSON in UTF-8")
        .details(given.map_or("no Content-Type".to_owned(), |given| format!("Content-Type: {given}")))
        .hint("send Content-Type: application/json"))
}

fn is_utf8(parameter: &str) -> bool {
    parameter.split_once('=').is_some_and(|(name, value)| {
        let value = value.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("charset")
            && (value.eq_ignore_ascii_case("utf-8") || value.eq_ignore_ascii_case("utf8"))
    })
}

/// Parses a body, naming line and column of a mistake.
///
/// # Errors
/// BRG400.
pub fn json(body: &[u8]) -> Result<Json> {
    Json::parse(body).map_err(|e| {
        Error::new(code::MALFORMED, format!("the body is no JSON: {}", e.message))
            .details(at(body, e.at))
            .hint("send one JSON object in UTF-8, each key once")
    })
}

/// `line 3, column 14`
pub fn at(body: &[u8], offset: usize) -> String {
    let (line, column) = line_column(body, offset);
    format!("line {line}, column {column}")
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn takes_json_in_utf8_alone() {
        for (given, accepted) in [
            (Some("application/json"), true),
            (Some("Application/JSON; charset=UTF-8"), true),
            (Some("application/json;charset=\"utf-8\""), true),
            (Some("application/json;"), true),
            (Some("application/json; charset=latin1"), false),
            (Some("application/jsonp"), false),
            (Some("text/plain"), false),
            (Some("application/x-www-form-urlencoded"), false),
            (None, false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(given) = given {
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(given));
            }
            assert_eq!(require_json(&headers).is_ok(), accepted, "{given:?}");
        }
    }
}
