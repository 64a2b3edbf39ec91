//! "What is true now?" A [`Read`](crate::data::plan::Read) becomes a plan that an engine can run, or an error that names
//! what is wrong and what may have been meant.
//!
//! In reading order: [`check`] goes through the nodes; `field` finds columns and casts, `condition` judges filters with the
//! types of `operand`, `embed` finds the relationship that an embed means; `unknown` words the errors of names. No SQL is
//! written here and nothing waits. `words` is what a text search means. `grammar` reads the text in which clients and
//! brigade.toml say a read.

mod check;
mod condition;
mod embed;
mod field;
pub mod grammar;
mod operand;
mod unknown;
pub mod words;

pub use check::{ReadRules, check, check_of};
pub use unknown::relation as unknown_relation;
