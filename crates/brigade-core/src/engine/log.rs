//! The role `log`: what happened, in which order.

use async_trait::async_trait;
use tokio::sync::watch;

use crate::data::{Change, Position, Result};

/// What `/status` and `/metrics` show of a log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogStatus {
    /// `sqlite` (the truth's own tables) or `embedded` (a spool).
    pub engine: &'static str,
    /// The newest published position.
    pub position: Position,
    /// The oldest position from which reading can be resumed.
    pub oldest: Position,
    /// Bytes of stored changes, estimated within a tenth.
    pub bytes: u64,
    /// Changes stored.
    pub changes: u64,
    /// Commit time of the oldest retained transaction: microseconds since 1970, none when empty.
    pub oldest_time: Option<i64>,
    /// Why it does not move (slot lost, server away), if so.
    pub stopped: Option<String>,
}

/// The ordered, durable sequence of changes.
#[async_trait]
pub trait Log: Send + Sync {
    /// The newest published position: everything up to it is durable and visible in the truth. Receivers wake at once
    /// when it moves.
    fn tip(&self) -> watch::Receiver<Position>;

    /// Changes after a position (none: from the oldest retained), in commit order, at most `limit` and at most
    /// [`crate::limits::CHUNK_BYTES_MAX`] bytes (one change at least). Never beyond the tip. A list that ends inside a
    /// transaction is resumed by its last change's position. Empty: nothing newer.
    ///
    /// Errors: BRG410 where `after` is no longer retained (details name the oldest), BRG412 where it is of another
    /// history or lies ahead of this one, except where brigade may have handed it out and waiting will reach it.
    async fn read(&self, after: Option<Position>, limit: usize) -> Result<Vec<Change>>;

    /// Checks a position as [`Log::read`] does, without reading.
    async fn check(&self, position: Position) -> Result<()>;

    /// How many changes lie after a position, counted or estimated, for lag.
    async fn count_after(&self, position: Option<Position>) -> Result<u64>;

    /// Removes transactions up to and including the one that `upto` lies in, oldest first, in small steps, and returns
    /// the number of changes removed. Positions stay unique: none is ever given twice.
    async fn trim(&self, upto: Position) -> Result<u64>;

    /// The position of the last transaction committed before a time (microseconds since 1970), for trimming by age.
    async fn position_before(&self, time: i64) -> Result<Option<Position>>;

    /// Facts for `/status`.
    async fn status(&self) -> Result<LogStatus>;

    /// For a truth with an idle log: makes the tip reach a position that was handed out, within `position`'s own
    /// history. Returns at once; callers watch [`Log::tip`].
    fn nudge(&self, _position: Position) {}
}

/// A complete transaction that a [`Spool`] has taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpoolTransaction {
    /// Position of its last change.
    pub position: Position,
    /// Its 64-bit id.
    pub xid: u64,
    /// When it committed, in microseconds since 1970.
    pub time: i64,
}

/// A log that another engine's changes are written into: the embedded log beside a PostgreSQL truth.
///
/// Changes come in commit order and may come again after a crash; a transaction that is there already is left as it is.
#[async_trait]
pub trait Spool: Log {
    /// Appends changes, which may begin or end inside a transaction. Durable only after [`Spool::flush`]. Nothing is
    /// visible to readers before [`Spool::publish`].
    async fn append(&self, changes: Vec<Change>) -> Result<()>;

    /// Makes everything appended durable. Only then may the source forget it. An open transaction (whose last change
    /// has not come) is discarded when the spool is opened again.
    async fn flush(&self) -> Result<()>;

    /// Complete transactions that are not published, in order.
    async fn unpublished(&self) -> Result<Vec<SpoolTransaction>>;

    /// Complete transactions after a position, published or not, in order; at most `limit`. Those that were trimmed are not
    /// among them.
    async fn transactions_after(&self, after: Position, limit: usize) -> Result<Vec<SpoolTransaction>>;

    /// Makes transactions up to a position visible to readers and moves the tip there, also where no transaction lies
    /// at it (an idle server's position moves on).
    async fn publish(&self, upto: Position) -> Result<()>;

    /// Begins anew at a position later than any before it: what was kept is removed, the tip is there, and every older
    /// position is BRG410. All of it or nothing, durable when this returns. For a source that cannot go on without a gap.
    async fn begin_anew(&self, at: Position) -> Result<()>;

    /// The position of the last complete transaction appended, published or not: where the source resumes.
    async fn appended(&self) -> Result<Option<Position>>;

    /// A small durable note of the source's (system identity, slot, timeline), by name.
    async fn note(&self, name: &str) -> Result<Option<String>>;

    /// Writes such a note.
    async fn set_note(&self, name: &str, value: &str) -> Result<()>;
}
