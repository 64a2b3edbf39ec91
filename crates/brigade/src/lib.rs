//! The front door of brigade: open a project, write through transactions, read the log, look after projections.
//!
//! One truth, a specialist for each job. [`Brigade::open`] reads `PROJECT/brigade.toml`, opens (creating on first use) the
//! stores it names, and takes the lock that keeps a second process away.

mod facade;
pub mod lock;

pub use brigade_core::{commit, data, engine, limits, log, projection, schema};
pub use facade::*;
