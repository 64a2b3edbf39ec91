//! What every request passes: may it come in, how long did it take, did its handler panic.
//!
//! Without authentication the loopback address is the only wall, and a browser on the same machine stands inside it. So a
//! page of another origin may not write (`Sec-Fetch-Site`, `Origin`), and no page may reach data under a host name that
//! somebody else resolves to this machine (`Host`).

use std::{
    net::IpAddr,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use brigade::{
    data::{Error, Result, code},
    limits,
};
use futures_util::FutureExt as _;

use crate::{Server, error::Refusal};

/// Passes a request on, or refuses it.
pub async fn pass(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("unknown", MatchedPath::as_str);
    let method = request.method().clone();
    let response = match enter(&server, route, &request) {
        Err(refused) => Refusal::from(refused).into_response(),
        Ok(_permit) => match AssertUnwindSafe(next.run(request)).catch_unwind().await {
            Ok(response) => response,
            Err(panic) => {
                // What it said may hold data of a row: it goes into the log, as the cause, and not into the answer.
                let fault = Error::internal("the request met a fault of the server").source(Panicked::new(&*panic));
                Refusal::from(fault).into_response()
            }
        },
    };
    server.recorder.answered(route, &method, response.status(), began.elapsed());
    response
}

/// Health is answered whatever else goes on.
fn is_health(route: &str) -> bool {
    matches!(route, "/livez" | "/readyz" | "/metrics")
}

fn enter<'s>(server: &'s Server, route: &str, request: &Request) -> Result<Option<tokio::sync::SemaphorePermit<'s>>> {
    if is_health(route) {
        return Ok(None);
    }
    allow_origin(request.method(), request.headers())?;
    if server.is_stopping() {
        return Err(busy("the server is shutting down"));
    }
    server
        .requests
        .try_acquire()
        .map(Some)
        .map_err(|_| busy("too many requests at once").details(format!("REQUESTS_MAX is {}", limits::REQUESTS_MAX)))
}

fn busy(message: &str) -> Error {
    Error::unavailable(message, Duration::from_secs(1)).hint("nothing was done: it is safe to repeat")
}

/// Refuses what a browser sends for another origin's page.
fn allow_origin(method: &Method, headers: &HeaderMap) -> Result<()> {
    let text = |name| headers.get(name).map(|v: &axum::http::HeaderValue| v.to_str().unwrap_or("?"));
    let host = text(header::HOST);
    if host.is_some_and(is_foreign) {
        return Err(Error::new(code::FORBIDDEN, "this server answers under loopback names only")
            .details(format!("Host: {}", host.unwrap_or_default()))
            .hint("use http://127.0.0.1 or http://localhost with the server's port"));
    }
    if method.is_safe() {
        return Ok(());
    }
    let refused = match text(header::HeaderName::from_static("sec-fetch-site")) {
        Some("same-origin" | "none") => None,
        Some(site) => Some(format!("Sec-Fetch-Site: {site}")),
        None => {
            let origin = text(header::ORIGIN).filter(|origin| origin.split_once("://").map(|(_, rest)| rest) != host);
            origin.map(|origin| format!("Origin: {origin}"))
        }
    };
    refused.map_or(Ok(()), |details| {
        Err(Error::new(code::FORBIDDEN, "a page of another origin may not write here")
            .details(details)
            .hint("call the API from your own server, or from a page that this origin serves"))
    })
}

/// A name with a dot that is no address and not below `localhost`: somebody else may resolve it to this machine.
fn is_foreign(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name.contains('.') && name.parse::<IpAddr>().is_err() && !name.ends_with(".localhost")
}

/// What a handler said when it panicked.
#[derive(Debug)]
struct Panicked(String);

impl Panicked {
    fn new(panic: &(dyn std::any::Any + Send)) -> Self {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        Self(text.unwrap_or("without a message").to_owned())
    }
}

impl std::fmt::Display for Panicked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "panic: {}", self.0)
    }
}

impl std::error::Error for Panicked {}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn check(method: Method, given: &[(&'static str, &'static str)], allowed: bool) {
        let headers =
            given.iter().map(|(k, v)| (HeaderName::from_static(k), HeaderValue::from_static(v))).collect::<HeaderMap>();
        assert_eq!(allow_origin(&method, &headers).is_ok(), allowed, "{method} {given:?}");
    }

    #[test]
    fn a_page_of_another_origin_may_not_write() {
        check(Method::POST, &[("host", "127.0.0.1:8080")], true);
        check(Method::POST, &[("host", "127.0.0.1:8080"), ("sec-fetch-site", "same-origin")], true);
        check(Method::POST, &[("host", "127.0.0.1:8080"), ("sec-fetch-site", "none")], true);
        check(Method::POST, &[("host", "127.0.0.1:8080"), ("sec-fetch-site", "cross-site")], false);
        check(Method::POST, &[("host", "127.0.0.1:8080"), ("sec-fetch-site", "same-site")], false);
        check(Method::POST, &[("host", "localhost:8080"), ("origin", "http://localhost:8080")], true);
        check(Method::POST, &[("host", "localhost:8080"), ("origin", "http://localhost:3000")], false);
        check(Method::DELETE, &[("host", "localhost:8080"), ("origin", "null")], false);
        check(Method::GET, &[("host", "localhost:8080"), ("sec-fetch-site", "cross-site")], true);
        check(Method::GET, &[("host", "evil.example:8080")], false);
        check(Method::GET, &[("host", "[::1]:8080")], true);
        check(Method::GET, &[("host", "app.localhost:80")], true);
        check(Method::GET, &[("host", "x")], true);
        check(Method::GET, &[], true);
    }
}
