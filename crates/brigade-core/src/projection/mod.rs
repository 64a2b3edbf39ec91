//! "How do I answer quickly?" Everything here is derived from the truth through the log. It can be deleted and rebuilt,
//! and `verify` can prove that it is right.
//!
//! In reading order: a [`Projection`] is an engine's side; `runner` keeps one in step; `fill` makes one from nothing;
//! `verify` compares it with the truth, and mends it when `repair` asks; `rebuild` makes it anew beside the old one;
//! [`Projections`] owns all of them. `copy` is the simplest kind, and the model for every later one.

pub mod cache;
mod copy;
mod dead;
mod fill;
mod idle;
mod line;
mod notes;
mod rebuild;
mod runner;
mod set;
mod status;
mod verify;

use async_trait::async_trait;

use crate::{
    data::{Change, Checkpoint, Key, Layout, Result, Row},
    engine::Filling,
};

pub use cache::Cache;
pub use copy::CopyProjection;
pub use idle::look;
pub use line::{RunnerOptions, Sources};
pub use notes::{DeadLetter, Notes};
pub use set::Projections;
pub use status::{ProjectionStatus, State};
pub use verify::{DIFFERENCES_MAX, Difference, DifferenceKind, Verification};

/// Progress of long work: rows done, rows in all (estimated).
pub type Progress = std::sync::Arc<dyn Fn(u64, u64) + Send + Sync>;

/// Something derived from the log, held by an engine.
///
/// The runner calls `apply` from one place at a time, in commit order, and never beside `put` or [`Filling::swap`].
/// Reads may come at any time. A kind whose rows are not the truth's (a search document, a node) says in
/// [`Projection::shape`] what it holds of a row; all that is compared or mended goes through it.
#[async_trait]
pub trait Projection: Send + Sync + 'static {
    /// `KIND.NAME`, as `copy.backup`.
    fn name(&self) -> &str;

    /// `copy`.
    fn kind(&self) -> &'static str;

    /// `sqlite`, `memory`.
    fn engine(&self) -> &'static str;

    /// Whether it is derived from a table. Tables without a primary key are never given to it.
    fn wants(&self, table: &str) -> bool;

    /// How far it has applied, as it is stored with its rows; none before the first fill.
    async fn checkpoint(&self) -> Result<Option<Checkpoint>>;

    /// The tables it was filled from, as they were then. The runner fills it anew where the model says otherwise.
    async fn layouts(&self) -> Result<Vec<Layout>>;

    /// Applies changes of wanted tables, in order, at most [`crate::limits::CHUNK_MAX`]. With a checkpoint, transactions
    /// end here: everything since the last checkpoint becomes visible together with it, where the engine can. Without
    /// one, a transaction larger than a chunk goes on. Safe to repeat from the last checkpoint after any error.
    ///
    /// An error of kind `World` says that the store is away: it is repeated for ever. Any other one is repeated a bounded
    /// number of times, and then the change that causes it becomes a dead letter.
    async fn apply(&self, changes: &[Change], checkpoint: Option<&Checkpoint>) -> Result<()>;

    /// Begins a new generation beside the live one.
    async fn fill(&self) -> Result<Box<dyn Filling>>;

    /// The cache that it is: what holds only what was asked for begins empty and is compared entry by entry.
    fn as_cache(&self) -> Option<&Cache> {
        None
    }

    /// What it should hold of a row of the truth; none: nothing of it.
    fn shape(&self, _layout: &Layout, row: Row) -> Option<Row> {
        Some(row)
    }

    /// The next rows that it holds of a table, in a stable order of its own.
    async fn scan(&self, layout: &Layout, after: Option<&Key>, limit: usize) -> Result<Vec<Row>>;

    /// The rows of the given keys that it holds, in any order.
    async fn get(&self, layout: &Layout, keys: &[Key]) -> Result<Vec<Row>>;

    /// Puts or removes what it holds under keys, for `repair`. The checkpoint stays.
    async fn put(&self, layout: &Layout, rows: &[(Key, Option<Row>)]) -> Result<()>;
}
