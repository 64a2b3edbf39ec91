//! One suite for each role. A sentence of a trait's contract is a test of its suite, and bears its name.

pub mod cache;
pub mod copy;
pub mod limiter;
pub mod rest;
pub mod sessions;
pub mod spool;
pub mod truth;

/// A row to fill.
pub fn row() -> brigade_core::commit::Row {
    brigade_core::commit::Row::new()
}
