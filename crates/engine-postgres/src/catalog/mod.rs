//! What the server itself says of types and tables.

mod read;
mod types;

pub(crate) use types::{Types, sql_type};
