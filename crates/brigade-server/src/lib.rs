//! HTTP over [`Brigade`]: the only crate that knows bodies, headers and status codes.
//!
//! A request passes `guard` (may it come in, how long did it take, did it panic) and `auth` (who is asking), then its
//! handler: `transactions` write, `changes` read the log, `rest` reads tables, `health` and [`metrics`] tell how things are,
//! `limiting` counts, `sessions` remembers who is logged in, `projections` and `admin` operate.
//! Errors become answers in `error` alone. [`serve`] owns the sockets. What is deliberately absent: no decision about data
//! is made here, and nothing is kept that a restart could lose.

mod admin;
mod auth;
mod body;
mod caching;
mod changes;
mod connection;
mod cors;
mod error;
mod feed;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod guard;
mod health;
mod json;
mod limiting;
pub mod metrics;
mod openapi;
mod options;
mod projections;
mod rest;
mod sessions;
mod shutdown;
mod transactions;

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Router,
    http::{HeaderMap, Method, Uri},
    middleware,
    routing::{delete, get, post},
};
use brigade::{
    Brigade,
    data::{Error, Position, Result, Transaction, code},
    limits,
};
use tokio::sync::{Semaphore, watch};

pub use connection::{bind, bind_network, serve};
pub use limiting::Peer;
pub use options::{ServerLimits, ServerOptions};

use auth::Authenticator;
use error::Refusal;
use limiting::RouteLimits;

/// What all handlers share.
struct Server {
    brigade: Brigade,
    options: ServerOptions,
    /// Tells who is asking; none: nobody is asked.
    authenticator: Option<Authenticator>,
    /// How often somebody may ask.
    route_limits: RouteLimits,
    /// Requests being answered.
    requests: Semaphore,
    /// Followers of `/changes`.
    followers: Arc<Semaphore>,
    /// Live reads.
    live: Arc<Semaphore>,
    /// True once the server stops.
    stopping: watch::Receiver<bool>,
    /// The newest position that a receipt of this server named.
    newest_receipt: Mutex<Position>,
    recorder: metrics::Recorder,
}

impl Server {
    fn new(brigade: Brigade, options: ServerOptions, stopping: watch::Receiver<bool>) -> Result<Arc<Self>> {
        let authenticator = Authenticator::open(&brigade, options.admin_token.as_deref())?;
        let route_limits = RouteLimits::open(&brigade)?;
        Ok(Arc::new(Self {
            route_limits,
            brigade,
            authenticator,
            requests: Semaphore::new(options.limits.requests_max),
            followers: Arc::new(Semaphore::new(options.limits.followers_max)),
            live: Arc::new(Semaphore::new(options.limits.live_max)),
            options,
            stopping,
            newest_receipt: Mutex::new(Position::START),
            recorder: metrics::install(),
        }))
    }

    /// Remembers that a receipt named a position: a read that comes after must not end before it.
    fn handed_out(&self, position: Position) {
        let mut newest = self.newest_receipt.lock().unwrap_or_else(PoisonError::into_inner);
        *newest = position.max(*newest);
    }

    fn newest_receipt(&self) -> Position {
        *self.newest_receipt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn limits(&self) -> &ServerLimits {
        &self.options.limits
    }

    /// Whether who sent these headers may know what goes on inside.
    async fn tells_why(&self, headers: &HeaderMap) -> bool {
        let Some(authenticator) = &self.authenticator else { return true };
        authenticator.principal(headers).await.is_ok_and(|principal| principal.is_service())
    }

    fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }
}

/// The routes of an open project, for a server of one's own. [`serve`] is the whole server: it also bounds connections and
/// stops gracefully. Put a [`Peer`] among each request's extensions: without it nobody knows where a request comes from, so all
/// strangers are counted together, and what is for this machine alone is for nobody.
///
/// # Errors
/// BRGCFG where `[auth]` names a file that holds no key.
pub fn router(brigade: Brigade, options: ServerOptions) -> Result<Router> {
    let (_, never_stopping) = watch::channel(false);
    Ok(routes(Server::new(brigade, options, never_stopping)?))
}

fn routes(server: Arc<Server>) -> Router {
    let routes = Router::new()
        .route("/transactions", post(transactions::post))
        .route("/changes", get(changes::get))
        .route("/openapi.json", get(openapi::get))
        .route("/docs", get(openapi::page))
        .route("/rest/v1/", get(openapi::root))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/status", get(health::status))
        .route("/metrics", get(metrics::get))
        .route("/projections", get(projections::list))
        .route("/projections/{name}/verify", post(projections::verify))
        .route("/projections/{name}/repair", post(projections::repair))
        .route("/projections/{name}/rebuild", post(projections::rebuild))
        .route("/projections/{name}/pause", post(projections::pause))
        .route("/projections/{name}/resume", post(projections::resume))
        .route("/cache/{name}/{key}", get(caching::get).delete(caching::delete).post(caching::post))
        .route("/limits/{name}/check", post(limiting::post))
        .route("/sessions", post(sessions::create).delete(sessions::revoke_all))
        .route("/sessions/current", get(sessions::get).patch(sessions::patch).delete(sessions::revoke))
        .route("/sessions/current/touch", post(sessions::touch))
        .route("/admin/sql", post(admin::sql))
        .route("/admin/tables/{name}", get(admin::table))
        .route("/admin/migrations", get(admin::migrations))
        .route("/admin/migrate", post(admin::migrate))
        .route("/admin/keys", get(admin::keys::list).post(admin::keys::create))
        .route("/admin/keys/{id}", delete(admin::keys::revoke));
    guarded(rest::routes(routes), server)
}

/// Whatever the routes are, each request passes the guard first.
fn guarded(routes: Router<Arc<Server>>, server: Arc<Server>) -> Router {
    let guarded = routes
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(Arc::clone(&server), guard::pass));
    let has_auth = server.authenticator.is_some();
    let routes = if has_auth { guarded.layer(middleware::from_fn(cors::pass)) } else { guarded };
    routes.with_state(server)
}

/// Reads the body of `POST /transactions` within the default limits: what fuzzing and other ways in use.
///
/// # Errors
/// BRG400 with line and column; BRG413 where a limit is passed.
pub fn parse_transaction(body: &[u8]) -> Result<Transaction> {
    let limits = transactions::Limits { statements_max: limits::STATEMENTS_MAX, rows_max: limits::ROWS_MAX };
    transactions::parse(body, limits)
}

async fn unknown_route(method: Method, uri: Uri) -> Refusal {
    let hint = "the routes are /rest/v1/TABLE, /transactions, /changes, /cache/NAME/KEY, /limits/NAME/check, /sessions, /projections, /status, /livez, /readyz, /metrics, /openapi.json; /docs shows them";
    Error::new(code::NOT_FOUND, "no such route").details(format!("{method} {}", uri.path())).hint(hint).into()
}

async fn wrong_method(method: Method, uri: Uri) -> Refusal {
    let error = Error::new(error::METHOD, format!("{method} is not a method of this route"));
    error.details(format!("{method} {}", uri.path())).hint("the header Allow lists its methods").into()
}
