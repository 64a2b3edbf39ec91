//! Redis as brigade uses it, on real servers: reached, and away.

#[path = "main/away.rs"]
mod away;
#[path = "main/reached.rs"]
mod reached;
#[path = "main/world.rs"]
mod world;
