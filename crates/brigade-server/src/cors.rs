//! Pages of other origins (CORS): what a browser needs to be told before such a page may ask, and may read the answer.
//!
//! The layer is there only with `[auth]`: then nothing is open without a credential that the page itself adds, so every
//! origin may ask. Without it the loopback address is the only wall, and a page from anywhere would stand inside it; so it
//! is told nothing, and the browser keeps it out.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

/// Headers of answers that a page may read, beside those that every page may.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Brigade-Position, Content-Encoding, Content-Location, Content-Range, Date, Idempotency-Replayed, Location, \
     Preference-Applied, Proxy-Status, RateLimit, RateLimit-Policy, Retry-After, Server, WWW-Authenticate, \
     X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset",
);

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PATCH, PUT, DELETE, OPTIONS");

/// How long a browser remembers, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("86400");

/// Answers what browsers ask before a request, and adds to every answer who may read it.
pub async fn pass(request: Request, next: Next) -> Response {
    if !request.headers().contains_key(header::ORIGIN) {
        return next.run(request).await;
    }
    let is_preflight =
        *request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match is_preflight {
        true => preflight(request.headers()),
        false => next.run(request).await,
    };
    let headers = response.headers_mut();
    // Credentials are headers that the page adds, never cookies: so any origin may be any.
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    response
}

/// Whatever headers the page wants to send, it may: what they mean is judged when they come.
fn preflight(asked: &HeaderMap) -> Response {
    let wanted = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    let mut response = StatusCode::OK.into_response();
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    headers.append(header::VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
    if let Some(wanted) = wanted {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted);
    }
    response
}
