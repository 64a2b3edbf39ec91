//! `POST /limits/NAME/check` counts for an application, and the guard counts requests by `[server.limits]`: how often
//! somebody may do something, told in the same headers.
//!
//! In reading order: `check` is the route, `route` finds the limit of a request, `address` says where it came from,
//! `headers` tells what came of it. Nothing is counted here: that is the limit's own.

mod address;
mod check;
mod headers;
mod route;

pub use address::{Peer, require_local};
pub use check::post;
pub use route::RouteLimits;
