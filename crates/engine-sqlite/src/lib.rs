//! SQLite as the truth and as its log: one file, one thread that writes, readers beside it.
//!
//! Owns the promises that an acknowledged transaction is durable, and that every change of every program is in the log.
//! Deliberately absent: no HTTP, no brigade.toml, and no second process (the caller holds the lock).
//!
//! In reading order: [`SqliteTruth`] opens a file; `writer` takes transactions and groups them, `statement` writes their
//! SQL; `tables` and `encode` say how a model and its values are kept; `log` and `snapshot` read; `query` is for raw SQL;
//! `checkpoint` keeps the write-ahead log small. Apart from all this, in files of
//! their own: [`SqliteSpool`], the log beside a PostgreSQL truth, [`SqliteCopy`], [`SqliteNotes`] and [`SqliteSessions`].

mod checkpoint;
mod config;
mod connection;
mod copy;
mod encode;
mod error;
mod functions;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod history;
mod layout_bytes;
mod log;
mod notes;
mod query;
mod read;
mod readers;
mod sessions;
mod shared;
mod side_file;
mod snapshot;
mod spool;
mod statement;
mod tables;
mod truth;
mod writer;

pub use config::SqliteConfig;
pub use copy::SqliteCopy;
pub use notes::SqliteNotes;
pub use sessions::SqliteSessions;
pub use spool::SqliteSpool;
pub use truth::SqliteTruth;
