//! `GET /metrics`: Prometheus text of everything that any part of brigade recorded.
//!
//! The recorder should be installed before the project is opened: what is recorded earlier is lost. So [`install`] is public,
//! [`crate::bind`] calls it, and calling it again gives the same one.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock, PoisonError, RwLock},
    time::Duration,
};

use axum::{
    body::Body,
    extract::State,
    http::{Method, StatusCode},
    response::Response,
};
use metrics::{Counter, Histogram, Unit};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::{Server, error};

mod auth;
mod limit;
mod process;

pub(crate) use auth::refused;
pub(crate) use limit::{InFlight, Limit, panicked, publish_limits, reached};

/// Durations from the 50 µs of one fsync to the 10 s after which nobody waits.
const SECONDS: [f64; 16] =
    [5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// Sizes, up to the largest group of commits.
const SIZES: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// How often recorded durations are folded into their buckets, where nobody scrapes: they would pile up.
pub(crate) const UPKEEP: Duration = Duration::from_secs(5);

/// Records and renders metrics. Cheap to clone.
#[derive(Clone)]
pub struct Recorder {
    handle: PrometheusHandle,
    routes: Arc<RwLock<Routes>>,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recorder")
    }
}

/// By method and status, then by route template: looked up without making a key.
type Routes = HashMap<(Method, u16), HashMap<String, Answered>>;

#[derive(Clone)]
struct Answered {
    count: Counter,
    seconds: Histogram,
}

/// Installs the recorder of this process, or gives the one that is installed. Call it before [`brigade::Brigade::open`].
pub fn install() -> Recorder {
    static RECORDER: OnceLock<Recorder> = OnceLock::new();
    RECORDER
        .get_or_init(|| {
            let recorder = PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
                .and_then(|b| b.set_buckets_for_metric(Matcher::Suffix("_size".to_owned()), &SIZES))
                .expect("the buckets are not empty")
                .build_recorder();
            let handle = recorder.handle();
            if metrics::set_global_recorder(recorder).is_err() {
                tracing::warn!("another recorder of metrics was installed before: /metrics stays empty");
            }
            describe();
            Recorder { handle, routes: Arc::default() }
        })
        .clone()
}

fn describe() {
    metrics::describe_counter!(
        "brigade_http_requests_total",
        "Requests answered, by route template, method and status"
    );
    metrics::describe_histogram!(
        "brigade_http_request_duration_seconds",
        Unit::Seconds,
        "Time from a request's head to its answer's head, by route template, method and status"
    );
    metrics::describe_gauge!("brigade_http_followers", "Followers of /changes");
    metrics::describe_gauge!("brigade_http_live_reads", "Subscribers of live reads");
    metrics::describe_gauge!("brigade_http_connections", "Open connections");
    metrics::describe_gauge!("brigade_pool_connections_max", "Connections that a pool may have");
    metrics::describe_gauge!("brigade_pool_connections", "Connections of a pool that are open");
    metrics::describe_gauge!("brigade_pool_connections_in_use", "Connections of a pool that somebody uses");
    metrics::describe_gauge!("brigade_pool_waiting", "Callers that wait for a connection of a pool");
    metrics::describe_gauge!("brigade_replica_up", "Whether a read replica is used");
    metrics::describe_gauge!(
        "brigade_replica_lag_seconds",
        Unit::Seconds,
        "How old what a read replica shows is at most"
    );
    metrics::describe_counter!("brigade_replica_reads_total", "Reads that a read replica was asked for, by outcome");
    metrics::describe_gauge!("brigade_build_info", "1, with the version as a label");
    metrics::gauge!("brigade_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    metrics::gauge!("brigade_http_followers").set(0.0);
    metrics::gauge!("brigade_http_live_reads").set(0.0);
    metrics::gauge!("brigade_http_connections").set(0.0);
    auth::describe();
    limit::describe();
    process::describe();
}

impl Recorder {
    /// Counts an answer. The handles are kept: looking them up by labels would cost more than the answer of a small route.
    pub(crate) fn answered(&self, route: &str, method: &Method, status: StatusCode, took: Duration) {
        let key = (known(method), status.as_u16());
        let answered = {
            let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
            routes.get(&key).and_then(|by_route| by_route.get(route)).cloned()
        };
        let answered = answered.unwrap_or_else(|| self.register(route, key));
        answered.count.increment(1);
        answered.seconds.record(took);
    }

    fn register(&self, route: &str, key: (Method, u16)) -> Answered {
        let labels = [("route", route.to_owned()), ("method", key.0.to_string()), ("status", key.1.to_string())];
        let answered = Answered {
            count: metrics::counter!("brigade_http_requests_total", &labels),
            seconds: metrics::histogram!("brigade_http_request_duration_seconds", &labels),
        };
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        routes.entry(key).or_default().entry(route.to_owned()).or_insert(answered).clone()
    }

    /// The text that `GET /metrics` answers.
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Folds recorded durations into their buckets.
    pub(crate) fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

/// Counts a connection as long as it is open.
pub(crate) struct Open;

impl Open {
    pub(crate) fn new() -> Self {
        metrics::gauge!("brigade_http_connections").increment(1.0);
        Self
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        metrics::gauge!("brigade_http_connections").decrement(1.0);
    }
}

/// Anybody may invent methods; labels must stay few.
fn known(method: &Method) -> Method {
    match *method {
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::PATCH | Method::DELETE | Method::OPTIONS => {
            method.clone()
        }
        _ => Method::from_bytes(b"OTHER").expect("a valid method"),
    }
}

/// Answers `GET /metrics`.
pub(crate) async fn get(State(server): State<Arc<Server>>) -> Response {
    server.brigade.publish_metrics().await;
    process::publish();
    error::typed("text/plain; version=0.0.4; charset=utf-8", Body::from(server.recorder.render()))
}
