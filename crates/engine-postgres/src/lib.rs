//! The truth on PostgreSQL, and its log: one session pool for commits, one replication slot for everything that anybody
//! commits.
//!
//! ```text
//! commit ──► PostgresTruth ──► PostgreSQL ──► slot ──► PostgresSource ──► spool ──► PostgresLog
//!                                 ▲ psql, other programs
//! ```
//!
//! In reading order: [`PostgresConfig`] says where it is; [`PostgresTruth`] commits, migrates, reads; [`PostgresSource`]
//! follows the slot into a spool; [`PostgresLog`] reads that spool and knows which positions the server will still reach;
//! `replicas` answer reads in the truth's place.
//!
//! Deliberately absent: no superuser right, no extension, no function of brigade's in the server but the `touch` triggers,
//! no guess about a slot that is gone.

mod batch;
mod capture;
mod catalog;
mod commit;
mod config;
mod encode;
mod error;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod identity;
mod keys;
mod migrate;
mod pool;
mod query;
mod read;
mod replicas;
mod replication;
mod snapshot;
mod statement;
mod truth;

pub use config::PostgresConfig;
pub use replication::{PostgresLog, PostgresSource};
pub use truth::PostgresTruth;
