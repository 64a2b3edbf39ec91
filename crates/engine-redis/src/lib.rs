//! Caches, limits and sessions on Redis or Valkey: one server, or a cluster of them.
//!
//! ```text
//! caller ──► Redis ──► breaker ──► pool ──► server, or the nodes of a cluster
//! ```
//!
//! In reading order: [`RedisConfig`] says where it is; [`Redis`] runs a command or a script within its time limit; the roles
//! stand on it. Whatever goes wrong is an error of the world (BRG503), soon: a server that is away costs nobody more than
//! the time limit, and while it is known to be away, nothing.
//!
//! Deliberately absent: no retry (a call that timed out may have been done), no queue without a bound, no trust in the
//! client's own reconnecting, which waits for seconds.

mod breaker;
mod cache;
mod config;
mod connection;
mod error;
mod limiter;
mod pool;
mod sessions;

pub use cache::RedisCache;
pub use config::RedisConfig;
pub use connection::Redis;
pub use limiter::RedisLimiter;
pub use pool::Connection;
pub use sessions::RedisSessions;
