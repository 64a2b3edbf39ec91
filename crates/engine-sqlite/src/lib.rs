//! engine-sqlite

mod layout_bytes;
mod side_file;
mod spool;

pub use spool::SqliteSpool;
