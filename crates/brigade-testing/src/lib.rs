//! What tests of several crates share: the suites that every engine of a role must pass ([`suites`]), and real servers on
//! a free port ([`servers`]), which may be reached through a [`proxy`] that fails on demand.

pub mod memory_truth;
pub mod proxy;
pub mod servers;
pub mod suites;
pub mod torn;
