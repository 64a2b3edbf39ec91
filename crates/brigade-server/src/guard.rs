//! What every request passes: may it come in, who is asking, how long did it take, did its handler panic.
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
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use brigade::data::{Error, Principal, Result, code};
use futures_util::FutureExt as _;
use tokio::sync::SemaphorePermit;

use crate::{
    Server, auth,
    auth::Needs,
    error::{self, Denied, Refusal},
    metrics::{self, InFlight, Limit},
    sessions::is_by_cookie,
};

/// Passes a request on, or refuses it.
pub async fn pass(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("unknown", MatchedPath::as_str);
    let method = request.method().clone();
    let response = match enter(&server, route, &request) {
        Err(refused) => error::answer(route, refused),
        Ok(_permit) => match AssertUnwindSafe(identified(&server, route, request, next)).catch_unwind().await {
            Ok(response) => response,
            Err(panic) => {
                // What it said may hold data of a row: it goes into the log, as the cause, and not into the answer.
                metrics::panicked();
                let fault = Error::internal("the request met a fault of the server").source(Panicked::new(&*panic));
                Refusal::from(fault).into_response()
            }
        },
    };
    server.recorder.answered(route, &method, response.status(), began.elapsed());
    response
}

/// Who is asking goes along with the request, as an `Arc<Principal>` among its extensions. Who may not ask is answered here,
/// before the request is looked at.
async fn identified(server: &Server, route: &str, mut request: Request, next: Next) -> Response {
    let needs = auth::needs(route);
    let authenticator = server.authenticator.as_ref().filter(|_| needs != Needs::Nothing);
    let principal = match authenticator {
        Some(authenticator) => authenticator.principal(request.headers()).await.map(Some),
        None => Ok(None),
    };
    // Who shows credentials that are wrong is counted by his address: guessing has a limit too.
    let known = principal.as_ref().ok().and_then(Option::as_deref);
    let met = if is_health(route) { None } else { server.route_limits.meet(route, &request, known) };
    let passage = match met {
        None => None,
        Some(met) => match met.count(route).await {
            Ok(passage) => Some(passage),
            Err(response) => return response,
        },
    };
    let mut response = match principal {
        Err(unknown) => unknown.answer(route),
        Ok(Some(principal)) => admitted(route, needs, principal, request, next).await,
        Ok(None) => {
            request.extensions_mut().insert(Arc::new(Principal::default()));
            next.run(request).await
        }
    };
    if let Some(passage) = passage {
        passage.tell(&mut response);
    }
    response
}

async fn admitted(route: &str, needs: Needs, principal: Arc<Principal>, mut request: Request, next: Next) -> Response {
    let anonymous = principal.is_anonymous();
    let mut response = match auth::admit(needs, &principal) {
        Err(_) if anonymous => return auth::Refused::anonymous().answer(route),
        Err(refused) => error::answer(route, refused),
        Ok(()) => {
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
    };
    if response.extensions().get::<Denied>().is_some() {
        metrics::refused(auth::CLOSED);
        if anonymous {
            // Who has shown nothing yet may be somebody to whom it is open.
            *response.status_mut() = StatusCode::UNAUTHORIZED;
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
    }
    response
}

/// Health is answered whatever else goes on.
fn is_health(route: &str) -> bool {
    matches!(route, "/livez" | "/readyz" | "/metrics")
}

/// A request that came in, and counts until it is answered.
struct Entered<'s> {
    _place: SemaphorePermit<'s>,
    _counted: InFlight,
}

fn enter<'s>(server: &'s Server, route: &str, request: &Request) -> Result<Option<Entered<'s>>> {
    if is_health(route) {
        return Ok(None);
    }
    let headers = request.headers();
    if server.authenticator.is_none() {
        allow_host(headers)?;
    }
    // With authentication nothing is written without a credential that its sender adds on purpose; a browser adds cookies by
    // itself, so whoever sends one is still asked where the page comes from, and must say so where the cookie is all he shows.
    let has_cookie = headers.contains_key(header::COOKIE);
    if server.authenticator.is_none() || has_cookie {
        let by_cookie = has_cookie && is_by_cookie(headers, &server.brigade.config().sessions.cookie);
        allow_origin(request.method(), headers, by_cookie)?;
    }
    if server.is_stopping() {
        return Err(busy("the server is shutting down"));
    }
    match server.requests.try_acquire() {
        Ok(place) => Ok(Some(Entered { _place: place, _counted: InFlight::new() })),
        Err(_) => {
            metrics::reached(Limit::Requests);
            let limit = format!("REQUESTS_MAX is {}", server.limits().requests_max);
            Err(busy("too many requests at once").details(limit))
        }
    }
}

fn busy(message: &str) -> Error {
    Error::unavailable(message, Duration::from_secs(1)).hint("nothing was done: it is safe to repeat")
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}

/// Refuses names of this machine that somebody else may have given it.
fn allow_host(headers: &HeaderMap) -> Result<()> {
    let host = text(headers, header::HOST);
    if host.is_some_and(is_foreign) {
        return Err(Error::new(code::FORBIDDEN, "this server answers under loopback names only")
            .details(format!("Host: {}", host.unwrap_or_default()))
            .hint("use http://127.0.0.1 or http://localhost with the server's port"));
    }
    Ok(())
}

/// Refuses what a browser sends for another origin's page; with `must_say` also what does not say where it comes from.
fn allow_origin(method: &Method, headers: &HeaderMap, must_say: bool) -> Result<()> {
    if method.is_safe() {
        return Ok(());
    }
    let host = text(headers, header::HOST);
    let refused = match text(headers, HeaderName::from_static("sec-fetch-site")) {
        Some("same-origin" | "none") => None,
        Some(site) => Some(format!("Sec-Fetch-Site: {site}")),
        None => {
            let origin = text(headers, header::ORIGIN);
            let is_own = origin.map(|origin| host.is_some() && origin.split_once("://").map(|(_, rest)| rest) == host);
            match is_own {
                Some(true) => None,
                Some(false) => Some(format!("Origin: {}", origin.unwrap_or_default())),
                None => must_say.then(|| "neither Sec-Fetch-Site nor Origin".to_owned()),
            }
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
mod tests;
