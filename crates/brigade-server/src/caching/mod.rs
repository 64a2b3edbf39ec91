//! `/cache/NAME/KEY`: what is kept ready under a key, as the JSON that the cache holds.
//!
//! `body` reads which keys shall be warmed; everything else is the cache's own.

mod body;

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use brigade::{
    Answer,
    data::{Error, Principal, Result, code},
    limits,
};

use crate::{
    Server,
    auth::{self, Needs},
    error::{self, METHOD, Refusal},
    rest::fresh,
};

/// Where an answer comes from.
const CACHE: HeaderName = HeaderName::from_static("brigade-cache");

/// Answers `GET /cache/NAME/KEY`.
pub async fn get(
    State(server): State<Arc<Server>>,
    Path((name, key)): Path<(String, String)>,
    axum::Extension(principal): axum::Extension<Arc<Principal>>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let cache = server.brigade.cache(&name)?;
    let fresh = fresh::asked(&server, &headers, None)?;
    let answer = cache.get_as(&principal, &key, &fresh).await?;
    Ok(render(&key, answer))
}

fn render(key: &str, answer: Answer) -> Response {
    let Answer { value, position, age, outcome } = answer;
    let mut response = match value {
        Some(value) => error::typed("application/json", Body::from(value)),
        None => Refusal::from(
            Error::new(code::NOT_FOUND, "there is nothing under this key")
                .details(key.to_owned())
                .hint("a key is written as in `keys` of brigade.toml, with : and % inside of values percent-encoded"),
        )
        .into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(CACHE, HeaderValue::from_static(outcome.as_str()));
    headers.insert(header::AGE, HeaderValue::from(age.as_secs()));
    if let Ok(position) = HeaderValue::try_from(position.to_string()) {
        headers.insert(error::POSITION, position);
    }
    response
}

/// What is kept is everybody's: only who may do everything changes it. Without `[auth]` nobody is asked.
fn only_service(server: &Server, principal: &Principal) -> Result<()> {
    if server.authenticator.is_some() { auth::admit(Needs::Service, principal) } else { Ok(()) }
}

/// Answers `DELETE /cache/NAME/KEY`.
pub async fn delete(
    State(server): State<Arc<Server>>,
    Path((name, key)): Path<(String, String)>,
    axum::Extension(principal): axum::Extension<Arc<Principal>>,
) -> Result<StatusCode, Refusal> {
    let cache = server.brigade.cache(&name)?;
    only_service(&server, &principal)?;
    if key.len() > limits::CACHE_KEY_BYTES_MAX {
        return Err(Error::new(code::LIMIT, "the key is too long")
            .details(format!("CACHE_KEY_BYTES_MAX is {}", limits::CACHE_KEY_BYTES_MAX))
            .into());
    }
    cache.delete(&key).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Answers `POST /cache/NAME/warm`.
pub async fn post(
    State(server): State<Arc<Server>>,
    Path((name, action)): Path<(String, String)>,
    axum::Extension(principal): axum::Extension<Arc<Principal>>,
    headers: HeaderMap,
    received: Body,
) -> Result<Response, Refusal> {
    if action != "warm" {
        return Err(Error::new(METHOD, "POST is not a method of a key")
            .hint("to load keys, POST /cache/NAME/warm with {\"keys\": […]}")
            .into());
    }
    let cache = server.brigade.cache(&name)?;
    only_service(&server, &principal)?;
    let most = ("SMALL_BODY_BYTES_MAX", limits::SMALL_BODY_BYTES_MAX);
    let keys = body::parse(&crate::body::read_json(&server, &headers, received, most).await?)?;
    let loaded = match keys {
        Some(keys) => cache.warm(&keys).await?,
        None => cache.warm_all().await?,
    };
    Ok(error::json(format!("{{\"loaded\":{loaded}}}")))
}
