//! engine-sqlite

mod encode;
mod layout_bytes;
mod side_file;
mod spool;
mod tables;

pub use spool::SqliteSpool;
