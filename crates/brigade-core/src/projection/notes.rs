//! What must be remembered of projections beside what they hold: that someone paused one, and the changes that one gave
//! up on. Neither can be derived again, so both are durable when the call returns.

use async_trait::async_trait;

use crate::data::{Key, Position, Result};

/// A change that a projection gave up on.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// Its place in the log. A projection has one dead letter of a place at most.
    pub position: Position,
    /// Its table.
    pub table: String,
    /// Its key.
    pub key: Key,
    /// Why it was given up.
    pub reason: String,
}

/// Where those notes are kept.
#[async_trait]
pub trait Notes: Send + Sync {
    /// Whether a projection was paused.
    async fn paused(&self, projection: &str) -> Result<bool>;

    /// Notes that a projection is paused, or that it is not.
    async fn set_paused(&self, projection: &str, paused: bool) -> Result<()>;

    /// The dead letters of a projection, by position.
    async fn dead_letters(&self, projection: &str) -> Result<Vec<DeadLetter>>;

    /// Adds a dead letter; the same one again changes nothing.
    async fn add_dead_letter(&self, projection: &str, letter: &DeadLetter) -> Result<()>;

    /// Forgets the dead letters of a projection, once its rows are right again.
    async fn clear_dead_letters(&self, projection: &str) -> Result<()>;
}
