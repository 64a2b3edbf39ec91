//! "What does the data look like?" Migrations in SQL and brigade.toml become a [`Model`] and a [`Config`]. Pure: files
//! come in as text.

mod config;
mod migration;
mod model;

pub use config::*;
pub use migration::*;
pub use model::*;
