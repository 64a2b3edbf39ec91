//! `/sessions`: an application that knows who somebody is makes a session for him, and its token, in a cookie or as Bearer,
//! says from then on who asks.
//!
//! In reading order: `shown` finds the token that a request shows, `parse` reads bodies, `cookie` writes what a browser
//! keeps. No answer but the first ever holds a token, and none is kept by anybody between.

mod cookie;
mod parse;
mod shown;

use std::sync::Arc;

use axum::{
    extract::{Query, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use brigade::{
    Sessions,
    data::{Error, Result, Value, code},
    engine::{Clock as _, SystemClock},
    limits,
    session::Found,
};

use crate::{Server, auth::Refused, body, error, error::Refusal, json::Object, limiting::require_local};
use parse::{parse_new, parse_patch};

use shown::{Shown, shown};
pub use shown::{is_by_cookie, of_cookie};

/// Answers `POST /sessions`: the only answer that ever holds the token.
pub async fn create(State(server): State<Arc<Server>>, request: Request) -> Result<Response, Refusal> {
    let (parts, received) = request.into_parts();
    require_local(&server, &parts.extensions, "sessions are made")?;
    let mut new = parse_new(&body::read_json(&server, &parts.headers, received, BODY).await?)?;
    // Without [auth] nobody has shown that he may say whose it is.
    new.is_vouched = server.authenticator.is_some();
    let (token, found) = server.brigade.sessions()?.create(new).await?;
    let mut out = String::new();
    let mut object = Object::begin(&mut out);
    object.text("token", &token).value("expires_at", &end(&found));
    object.end();
    let mut response = private(out);
    *response.status_mut() = StatusCode::CREATED;
    keep(&server, &mut response, &token, &found);
    Ok(response)
}

/// Answers `DELETE /sessions?principal=ID`.
pub async fn revoke_all(State(server): State<Arc<Server>>, request: Request) -> Result<Response, Refusal> {
    require_local(&server, request.extensions(), "sessions are revoked")?;
    let revoked = server.brigade.sessions()?.revoke_all(&holder(request.uri())?).await?;
    let mut out = String::new();
    let mut object = Object::begin(&mut out);
    object.plain("revoked", revoked);
    object.end();
    Ok(private(out))
}

/// Answers `GET /sessions/current`.
pub async fn get(State(server): State<Arc<Server>>, headers: HeaderMap) -> Response {
    on_current(&server, &headers, async |sessions, token| sessions.find(token).await).await
}

/// Answers `POST /sessions/current/touch`. A browser keeps its cookie as much longer.
pub async fn touch(State(server): State<Arc<Server>>, headers: HeaderMap) -> Response {
    let found = current(&server, &headers, async |sessions, token| sessions.touch(token).await).await;
    let (shown, found) = match found {
        Ok(found) => found,
        Err(response) => return response,
    };
    let mut out = String::new();
    let mut object = Object::begin(&mut out);
    object.value("expires_at", &end(&found));
    object.end();
    let mut response = private(out);
    if shown.by_cookie {
        keep(&server, &mut response, shown.token, &found);
    }
    response
}

/// Answers `PATCH /sessions/current`.
pub async fn patch(State(server): State<Arc<Server>>, request: Request) -> Response {
    let (parts, received) = request.into_parts();
    let patch = async { parse_patch(&body::read_json(&server, &parts.headers, received, BODY).await?) };
    match patch.await {
        Ok(patch) => {
            on_current(&server, &parts.headers, async |sessions, token| sessions.patch(token, &patch).await).await
        }
        Err(error) => Refusal::from(error).into_response(),
    }
}

/// Answers `DELETE /sessions/current`: whoever has no session any more has what he asked for.
pub async fn revoke(State(server): State<Arc<Server>>, headers: HeaderMap) -> Result<Response, Refusal> {
    let config = &server.brigade.config().sessions;
    if let Ok(Some(shown)) = shown(&headers, &config.cookie) {
        server.brigade.sessions()?.revoke(shown.token).await?;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::SET_COOKIE, cookie::forget(config));
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    Ok(response)
}

/// What a body of these routes may hold at most: the data of a session, and who it is.
const BODY: (&str, usize) = ("SMALL_BODY_BYTES_MAX", limits::SMALL_BODY_BYTES_MAX);

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The template that answers without a session are counted under.
const CURRENT: &str = "/sessions/current";

async fn on_current(
    server: &Server,
    headers: &HeaderMap,
    work: impl AsyncFnOnce(&Sessions, &str) -> Result<Option<Found>>,
) -> Response {
    let found = match current(server, headers, work).await {
        Ok((_, found)) => found,
        Err(response) => return response,
    };
    let mut out = String::new();
    let mut object = Object::begin(&mut out);
    found.session.holder.write_json(object.key("principal"));
    object.plain("data", &found.session.data).value("expires_at", &end(&found));
    object.end();
    private(out)
}

/// The session of a request's token, as `work` leaves it.
async fn current<'h>(
    server: &Server,
    headers: &'h HeaderMap,
    work: impl AsyncFnOnce(&Sessions, &str) -> Result<Option<Found>>,
) -> Result<(Shown<'h>, Found), Response> {
    let shown = shown(headers, &server.brigade.config().sessions.cookie).map_err(|refused| refused.answer(CURRENT))?;
    let shown = shown.ok_or_else(|| Refused::without_session().answer(CURRENT))?;
    let found = async { work(server.brigade.sessions()?, shown.token).await };
    match found.await {
        Ok(Some(found)) => Ok((shown, found)),
        Ok(None) => Err(Refused::unknown_session().answer(CURRENT)),
        Err(error) => Err(Refusal::from(error).into_response()),
    }
}

fn keep(server: &Server, response: &mut Response, token: &str, found: &Found) {
    let cookie = cookie::keep(&server.brigade.config().sessions, token, found.left_ms);
    response.headers_mut().insert(header::SET_COOKIE, cookie);
}

fn private(text: String) -> Response {
    let mut response = error::json(text);
    response.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
    response
}

/// When a session ends, unless it is used. To the second: a store tells how long is left, not when that is, so what is smaller
/// would differ from answer to answer.
fn end(found: &Found) -> Value {
    let left = i64::try_from(found.left_ms).unwrap_or(i64::MAX).saturating_mul(1_000);
    let end = SystemClock.now().saturating_add(left);
    Value::TimestampTz(end.saturating_add(SECOND / 2) / SECOND * SECOND)
}

/// In microseconds.
const SECOND: i64 = 1_000_000;

/// Whose sessions are meant.
fn holder(uri: &Uri) -> Result<String> {
    let malformed =
        || Error::new(code::MALFORMED, "whose sessions are meant is not said").hint("as /sessions?principal=42");
    let Query(parameters) = Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(|_| malformed())?;
    match <[_; 1]>::try_from(parameters) {
        Ok([(name, value)]) if name == "principal" && !value.is_empty() => Ok(value),
        _ => Err(malformed()),
    }
}
