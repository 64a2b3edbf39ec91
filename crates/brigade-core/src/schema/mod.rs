//! "What does the data look like?" Migrations in SQL and brigade.toml become a [`Model`] and a [`Config`]. Pure: files
//! come in as text.
//!
//! In reading order: [`migrations`] puts files into order; each is cut into statements (`split`, on the tokens of `lex`)
//! and parsed; [`fold`] changes the [`Model`] one statement at a time; [`Config::parse`] reads brigade.toml, and
//! [`Model::with_settings`] lays its `[tables.T]` over the model; [`access`] says who may do what. Every error begins with
//! its [`place()`]. [`Relations`] are what of a model can be read.

pub mod access;
mod config;
mod fold;
mod judge;
mod lex;
mod migration;
mod misspelt;
mod model;
mod parse;
mod place;
mod refused;
mod relations;
mod routine;
mod settings;
mod split;
#[cfg(test)]
mod tests;
mod types;

pub use config::*;
pub use fold::fold;
pub use migration::*;
pub use model::*;
pub use parse::{parse, parse_expression};
pub use place::{did_you_mean, excerpt, misplaced, nearest, place};
pub use relations::{Cardinality, LatestRelations, Relation, RelationColumn, Relations, Relationship, Way};
pub use routine::{Dialect, NamedQuery, Piece, QueryParam, QueryStatement, named_queries, rests_on};
pub use split::split;
pub use types::read_type;
