//! engine-sqlite

mod copy;
mod encode;
mod layout_bytes;
mod notes;
mod side_file;
mod spool;
mod tables;

pub use copy::SqliteCopy;
pub use notes::SqliteNotes;
pub use spool::SqliteSpool;
