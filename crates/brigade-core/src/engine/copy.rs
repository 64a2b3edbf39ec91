//! Where a copy is kept: rows by table and key, with a checkpoint. The simplest target of a projection, and the model for
//! every later one.

use async_trait::async_trait;

use crate::data::{Change, Checkpoint, Key, Layout, Result, Row};

/// A keyed copy of tables, elsewhere.
///
/// An engine with transactions makes the rows of a call and its checkpoint visible together. One without keeps the
/// position that wrote each row and leaves a row alone that a later position wrote, so that doing it twice changes
/// nothing.
#[async_trait]
pub trait CopyStore: Send + Sync {
    /// `sqlite`, `memory`, …
    fn engine(&self) -> &'static str;

    /// How far the live generation has applied; none before the first fill.
    async fn checkpoint(&self) -> Result<Option<Checkpoint>>;

    /// The tables of the live generation, each with the layout that [`Filling::put`] noted; none before the first fill.
    async fn layouts(&self) -> Result<Vec<Layout>>;

    /// Applies changes in order. With `checkpoint`, a transaction ends here: everything given since the last checkpoint
    /// becomes visible, and the checkpoint moves, together where the engine has transactions. Without it the changes
    /// are the part of a transaction that is larger than a chunk. Safe to repeat from the last checkpoint after any
    /// error or crash.
    async fn apply(&self, changes: &[Change], checkpoint: Option<&Checkpoint>) -> Result<()>;

    /// The rows of the given keys that are there, in any order, as of the live checkpoint.
    async fn get(&self, layout: &Layout, keys: &[Key]) -> Result<Vec<Row>>;

    /// The next rows of a table in the store's own stable order, after `after` (the key of the last row of the previous
    /// call), at most `limit`.
    async fn scan(&self, layout: &Layout, after: Option<&Key>, limit: usize) -> Result<Vec<Row>>;

    /// Puts or removes rows by key, for `repair`. The checkpoint stays.
    async fn put(&self, layout: &Layout, rows: &[(Key, Option<Row>)]) -> Result<()>;

    /// Begins a new generation beside the live one. An unfinished earlier one is discarded.
    async fn fill(&self) -> Result<Box<dyn Filling>>;
}

/// A generation being filled, invisible until [`Filling::swap`]. Dropped without it, it is gone.
#[async_trait]
pub trait Filling: Send + Sync {
    /// Puts rows of a table and notes its layout; without rows, only that.
    async fn put(&mut self, layout: &Layout, rows: Vec<Row>) -> Result<()>;

    /// Applies changes, as [`CopyStore::apply`] does, to bring it up to date before it is swapped in.
    async fn apply(&mut self, changes: &[Change], checkpoint: &Checkpoint) -> Result<()>;

    /// The next rows, as [`CopyStore::scan`] does, so that it can be verified before it is swapped in.
    async fn scan(&self, layout: &Layout, after: Option<&Key>, limit: usize) -> Result<Vec<Row>>;

    /// The rows of the given keys that are there, as [`CopyStore::get`] does.
    async fn get(&self, layout: &Layout, keys: &[Key]) -> Result<Vec<Row>>;

    /// Makes it the live generation, together with its checkpoint, and removes the old one.
    async fn swap(self: Box<Self>, checkpoint: &Checkpoint) -> Result<()>;
}
