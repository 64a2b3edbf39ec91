//! `/admin/keys`: API keys are made, listed without what makes them keys, and taken back.

use std::sync::Arc;

use axum::{
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use brigade::{
    ApiKey, ApiKeys, NewApiKey,
    data::{Error, Json, JsonValue, Result, code},
    limits,
};

use super::authorise;
use crate::{Server, body, error, error::Refusal, json, json::Object, transactions::nearest};

/// Keys of the body of `POST /admin/keys`.
const KNOWN: [&str; 4] = ["name", "role", "tenant", "tier"];

/// Answers `GET /admin/keys`.
pub async fn list(State(server): State<Arc<Server>>, headers: HeaderMap) -> Result<Response, Refusal> {
    authorise(&server, &headers)?;
    let mut out = String::new();
    json::list(&mut out, &server.brigade.keys().list(), |out, key| {
        let mut object = Object::begin(out);
        facts(&mut object, key);
        object.end();
    });
    Ok(error::json(out))
}

/// Answers `POST /admin/keys`: the only answer that ever holds the key itself.
pub async fn create(State(server): State<Arc<Server>>, request: Request) -> Result<Response, Refusal> {
    let (parts, received) = request.into_parts();
    authorise(&server, &parts.headers)?;
    let limit = ("SMALL_BODY_BYTES_MAX", limits::SMALL_BODY_BYTES_MAX);
    let bytes = body::read_json(&server, &parts.headers, received, limit).await?;
    let new = parse(&bytes)?;
    let of = Arc::clone(&server);
    let (key, token) = aside(move || of.brigade.keys().create(new, &of.brigade.config().access)).await?;
    let mut out = String::new();
    let mut object = Object::begin(&mut out);
    facts(&mut object, &key);
    object.text("key", &token);
    object.end();
    let mut response = error::json(out);
    *response.status_mut() = StatusCode::CREATED;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Answers `DELETE /admin/keys/ID`.
pub async fn revoke(
    State(server): State<Arc<Server>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    authorise(&server, &headers)?;
    let (of, named) = (Arc::clone(&server), id.clone());
    match aside(move || ApiKeys::revoke(of.brigade.keys(), &named)).await? {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(Error::new(code::NOT_FOUND, format!("there is no API key {id:?}"))
            .hint("brigade keys list names them all")
            .into()),
    }
}

/// Runs what waits for a disk where it keeps nobody waiting.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|e| Error::internal("the API keys were left half way").source(e))?
}

fn facts(object: &mut Object<'_>, key: &ApiKey) {
    object
        .text("id", &key.id)
        .text("name", &key.name)
        .text("role", &key.role)
        .text_or_null("tenant", key.tenant.as_deref())
        .text_or_null("tier", key.tier.as_deref())
        .text("created_at", &key.created_at);
}

fn parse(bytes: &[u8]) -> Result<NewApiKey> {
    let malformed =
        |offset: usize, message: &str| Error::new(code::MALFORMED, message).details(body::at(bytes, offset));
    let top = body::json(bytes)?;
    let JsonValue::Object(entries) = top.value else {
        return Err(malformed(top.at, "the body must be an object").hint("send {\"role\": \"…\"}"));
    };
    let mut new = NewApiKey::default();
    for (key, value) in entries {
        if !KNOWN.contains(&key.name.as_str()) {
            return Err(malformed(key.at, "unknown key in the body").hint(nearest(&key.name, &KNOWN)));
        }
        let text = match value {
            Json { value: JsonValue::String(text), .. } => text,
            Json { value: JsonValue::Null, .. } => continue,
            other => return Err(malformed(other.at, &format!("{} cannot be {}", key.name, other.kind()))),
        };
        match key.name.as_str() {
            "name" => new.name = text,
            "role" => new.role = text,
            "tenant" => new.tenant = Some(text),
            _ => new.tier = Some(text),
        }
    }
    Ok(new)
}
