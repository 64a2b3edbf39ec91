//! How near the server is to its limits, and how often it met one: what an operator looks at before raising it.

use std::time::Duration;

use crate::ServerLimits;

const REACHED: &str = "brigade_http_limit_reached_total";
const PANICS: &str = "brigade_http_panics_total";
const IN_FLIGHT: &str = "brigade_http_requests_in_flight";

/// A limit that a connection, a request or a follower met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// A connection had to wait for a place.
    Connections,
    /// A request was refused.
    Requests,
    /// A follower was refused.
    Followers,
    /// A live read was refused.
    Live,
    /// A head did not arrive in time, or a connection was idle for as long.
    HeadTimeout,
    /// A body did not arrive in time.
    BodyTimeout,
    /// An answer was not taken in time.
    WriteTimeout,
    /// A follower took nothing for too long.
    FollowerStall,
}

impl Limit {
    const ALL: [Self; 8] = [
        Self::Connections,
        Self::Requests,
        Self::Followers,
        Self::Live,
        Self::HeadTimeout,
        Self::BodyTimeout,
        Self::WriteTimeout,
        Self::FollowerStall,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections_max",
            Self::Requests => "requests_max",
            Self::Followers => "followers_max",
            Self::Live => "live_max",
            Self::HeadTimeout => "head_timeout",
            Self::BodyTimeout => "body_timeout",
            Self::WriteTimeout => "write_timeout",
            Self::FollowerStall => "follower_stall",
        }
    }
}

/// Says what the figures are; each limit is there from the start, at 0.
pub fn describe() {
    metrics::describe_counter!(REACHED, "Connections, requests and followers that met a limit of the server");
    metrics::describe_counter!(PANICS, "Requests answered with 500 because their handler panicked");
    metrics::describe_gauge!(IN_FLIGHT, "Requests being answered, those of health not counted");
    metrics::describe_gauge!("brigade_http_limit", "The server's limits, in their own units: a number, or seconds");
    for limit in Limit::ALL {
        metrics::counter!(REACHED, "limit" => limit.name()).absolute(0);
    }
    metrics::counter!(PANICS).absolute(0);
    metrics::gauge!(IN_FLIGHT).set(0.0);
}

/// Shows the limits beside the figures that they bound.
pub fn publish_limits(limits: &ServerLimits) {
    let seconds = |time: Duration| time.as_secs_f64();
    for (limit, value) in [
        (Limit::Connections, limits.connections_max as f64),
        (Limit::Requests, limits.requests_max as f64),
        (Limit::Followers, limits.followers_max as f64),
        (Limit::Live, limits.live_max as f64),
        (Limit::HeadTimeout, seconds(limits.head_timeout)),
        (Limit::BodyTimeout, seconds(limits.body_timeout)),
        (Limit::WriteTimeout, seconds(limits.write_timeout)),
        (Limit::FollowerStall, seconds(limits.follower_stall)),
    ] {
        metrics::gauge!("brigade_http_limit", "limit" => limit.name()).set(value);
    }
}

/// Counts that a limit was met.
pub fn reached(limit: Limit) {
    metrics::counter!(REACHED, "limit" => limit.name()).increment(1);
}

/// Counts a handler that panicked.
pub fn panicked() {
    metrics::counter!(PANICS).increment(1);
}

/// Counts a request as long as it is being answered.
pub struct InFlight;

impl InFlight {
    /// Counts one more.
    pub fn new() -> Self {
        metrics::gauge!(IN_FLIGHT).increment(1.0);
        Self
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        metrics::gauge!(IN_FLIGHT).decrement(1.0);
    }
}
