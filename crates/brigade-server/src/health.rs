//! `/livez`, `/readyz` and `/status`. Ready means that every projection moves, or the answer says why not.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use brigade::{
    Brigade, ProjectionStatus,
    data::{Durability, Position, Result},
    engine::{LogStatus, ReplicaStatus, TruthStatus},
    schema::AtBudget,
};

use crate::{
    Server, error,
    json::{Object, list},
};

/// Answers `GET /livez`: the process answers.
pub async fn livez() -> Response {
    error::typed("application/json", "{\"live\":true}".into())
}

/// Answers `GET /readyz`. Everybody may ask whether; with `[auth]` only the role `service` is told why, since reasons name
/// tables and quote errors.
pub async fn readyz(State(server): State<Arc<Server>>, headers: HeaderMap) -> Response {
    let (mut reasons, mut degraded) = server.brigade.readiness().await;
    if server.is_stopping() {
        reasons.insert(0, "shutting down".to_owned());
    }
    if !server.tells_why(&headers).await {
        degraded.clear();
        if !reasons.is_empty() {
            reasons = vec!["the role service is told why".to_owned()];
        }
    }
    let mut out = String::new();
    let mut object = Object::begin(&mut out);
    object.plain("ready", reasons.is_empty());
    if !reasons.is_empty() {
        object.texts("reasons", &reasons);
    }
    if !degraded.is_empty() {
        object.texts("degraded", &degraded);
    }
    object.end();
    let mut response = error::json(out);
    if !reasons.is_empty() {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// Answers `GET /status`.
pub async fn status(State(server): State<Arc<Server>>) -> Response {
    let brigade = &server.brigade;
    let tip = *brigade.tip().borrow();
    let (truth, log, projections) = (brigade.truth_status(), brigade.log_status().await, brigade.projections().await);
    let config = brigade.config();
    let mut out = String::with_capacity(1024);
    let mut object = Object::begin(&mut out);
    object.text("version", env!("CARGO_PKG_VERSION")).text("project", &config.name);
    write_truth(object.key("truth"), &truth, tip);
    write_log(object.key("log"), &log, tip, brigade);
    list(object.key("projections"), &projections, write_projection);
    write_auth(object.key("auth"), brigade);
    object.end();
    error::json(out)
}

/// Whether anybody is asked who they are.
fn write_auth(out: &mut String, brigade: &Brigade) {
    let auth = brigade.config().auth.as_ref();
    let mut object = Object::begin(out);
    object
        .plain("on", auth.is_some())
        .text_or_null("anonymous", auth.and_then(|auth| auth.anonymous.as_deref()))
        .plain("api_keys", brigade.keys().list().len());
    object.end();
}

fn write_truth(out: &mut String, truth: &TruthStatus, tip: Position) {
    let mut object = Object::begin(out);
    object
        .text("engine", truth.engine)
        .text("engine_version", &truth.version)
        .text("url", &truth.url)
        .text("durability", durability(truth.durability))
        .text("history", &truth.history)
        .quoted("position", tip)
        .text_or_null("stopped", truth.stopped.as_deref())
        .texts("notes", &truth.notes);
    list(object.key("replicas"), &truth.replicas, write_replica);
    object.end();
}

fn write_replica(out: &mut String, replica: &ReplicaStatus) {
    let mut object = Object::begin(out);
    object.text("name", &replica.name).plain("used", replica.why_not.is_none());
    object.text_or_null("why_not", replica.why_not.as_deref());
    match replica.lag {
        Some(lag) => object.plain("lag_seconds", lag.as_secs_f64()),
        None => object.plain("lag_seconds", "null"),
    };
    object.plain("answered", replica.reads.answered);
    object.end();
}

/// The word of a durability.
pub fn durability(durability: Durability) -> &'static str {
    match durability {
        Durability::Full => "full",
        Durability::Relaxed => "relaxed",
    }
}

/// A log that cannot be read is no reason to show nothing.
fn write_log(out: &mut String, log: &Result<LogStatus>, tip: Position, brigade: &Brigade) {
    let config = brigade.config();
    let mut object = Object::begin(out);
    match log {
        Ok(log) => object
            .text("engine", log.engine)
            .quoted("position", log.position)
            .quoted("oldest", log.oldest)
            .plain("bytes", log.bytes)
            .plain("changes", log.changes)
            .text_or_null("stopped", log.stopped.as_deref()),
        Err(error) => object
            .plain("engine", "null")
            .quoted("position", tip)
            .plain("oldest", "null")
            .plain("bytes", "null")
            .plain("changes", "null")
            .text("stopped", error.message()),
    };
    let action = match config.log.at_budget {
        AtBudget::DetachSlowest => "detach_slowest",
        AtBudget::RefuseWrites => "refuse_writes",
    };
    object.plain("budget_bytes", config.log.budget).text("budget_action", action);
    object.plain("refuses_writes", brigade.refuses_writes());
    object.end();
}

/// Writes a projection's entry.
pub fn write_projection(out: &mut String, projection: &ProjectionStatus) {
    let mut object = Object::begin(out);
    object.text("name", &projection.name).text("kind", projection.kind).text("engine", projection.engine);
    object.text("state", projection.state);
    match projection.checkpoint {
        Some(position) => object.quoted("checkpoint", position),
        None => object.plain("checkpoint", "null"),
    };
    object
        .plain("lag_changes", projection.lag_changes)
        .plain("lag_seconds", if projection.lag_seconds.is_finite() { projection.lag_seconds } else { 0.0 })
        .plain("dead_letters", projection.dead_letters)
        .text_or_null("last_error", projection.last_error.as_deref());
    object.end();
}
