//! Engines of the process, held to the suites of their roles.

#[path = "main/cache.rs"]
mod cache;
#[path = "main/limiter.rs"]
mod limiter;
