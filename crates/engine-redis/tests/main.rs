//! Redis as brigade uses it, on real servers: reached, away, and in its roles.

#[path = "main/away.rs"]
mod away;
#[path = "main/cache.rs"]
mod cache;
#[path = "main/limiter.rs"]
mod limiter;
#[path = "main/reached.rs"]
mod reached;
#[path = "main/sessions.rs"]
mod sessions;
#[path = "main/shared.rs"]
mod shared;
#[path = "main/world.rs"]
mod world;
