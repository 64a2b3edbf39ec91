//! "What happened, in which order?" Reading the log as it grows, waiting for a place in it, and keeping it within bounds.
//!
//! Engines keep the log ([`crate::engine::Log`]); this folder holds what is the same for all of them. Nothing here polls:
//! readers sleep on the log's tip.

mod follow;
mod retention;
mod wait;

pub use follow::{After, Follower, follow};
pub use retention::{Readers, Retention, RetentionOptions, RetentionState};
pub(crate) use wait::not_reached;
pub use wait::wait_for;
