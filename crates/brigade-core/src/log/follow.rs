//! Changes after a position as they come, in chunks, for `/changes` and for the Rust API.
//!
//! With a filter on tables, `last` marks the transaction's last change among those that are kept; so one change may be
//! held back until it is known whether another of its transaction follows.

use std::{collections::BTreeSet, sync::Arc};

use futures_util::{Stream, stream};
use tokio::sync::watch;

use crate::{
    data::{Change, Error, Position, Result},
    engine::Log,
    limits::CHUNK_MAX,
};

/// Where following begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum After {
    /// With the oldest change that is retained.
    #[default]
    Oldest,
    /// After this position.
    Position(Position),
    /// With what comes from now on.
    Now,
}

/// Begins to follow the log. With `endless` it waits for what comes; without, it ends at what is the newest now.
/// `tables` keeps only changes of those tables.
///
/// # Errors
/// BRG410 and BRG412 of [`Log::check`], before the first chunk.
pub async fn follow(
    log: Arc<dyn Log>,
    after: After,
    tables: Option<Arc<BTreeSet<String>>>,
    endless: bool,
) -> Result<Follower> {
    let mut tip = log.tip();
    let newest = *tip.borrow_and_update();
    let after = match after {
        After::Oldest => None,
        After::Now => Some(newest),
        After::Position(position) => {
            log.check(position).await?;
            Some(position)
        }
    };
    Ok(Follower { log, tip, after, tables, until: (!endless).then_some(newest), held: None, ended: false })
}

/// A reader of the log. Dropping it ends it.
pub struct Follower {
    log: Arc<dyn Log>,
    tip: watch::Receiver<Position>,
    after: Option<Position>,
    tables: Option<Arc<BTreeSet<String>>>,
    until: Option<Position>,
    held: Option<Change>,
    ended: bool,
}

impl Follower {
    /// The next changes, at least one and at most [`CHUNK_MAX`]; none at the end of a reader that has one. Safe to drop
    /// while it waits: nothing is lost.
    ///
    /// # Errors
    /// As [`Log::read`]: BRG410 where the reader was slower than the log's retention.
    pub async fn next(&mut self) -> Result<Option<Vec<Change>>> {
        loop {
            if self.ended || self.until.is_some_and(|until| self.after.unwrap_or(Position::START) >= until) {
                return Ok(None);
            }
            self.tip.mark_unchanged();
            let read = self.log.read(self.after, CHUNK_MAX).await?;
            let Some(last) = read.last() else {
                if self.until.is_some() {
                    self.ended = true;
                } else if self.tip.changed().await.is_err() {
                    return Err(Error::unavailable("the log was closed", std::time::Duration::from_secs(1)));
                }
                continue;
            };
            self.after = Some(last.position);
            let kept = self.keep(read);
            if !kept.is_empty() {
                return Ok(Some(kept));
            }
        }
    }

    /// The same as a stream. It ends after an error.
    pub fn into_stream(self) -> impl Stream<Item = Result<Vec<Change>>> + Send + 'static {
        stream::try_unfold(
            self,
            |mut follower| async move { Ok(follower.next().await?.map(|chunk| (chunk, follower))) },
        )
    }

    fn keep(&mut self, read: Vec<Change>) -> Vec<Change> {
        let mut kept = Vec::new();
        for mut change in read {
            if self.until.is_some_and(|until| change.position > until) {
                self.ended = true;
                break;
            }
            let Some(tables) = &self.tables else {
                kept.push(change);
                continue;
            };
            let ends = change.last;
            if tables.contains(&change.layout.table) {
                kept.extend(self.held.take());
                change.last = false;
                self.held = Some(change);
            }
            if ends && let Some(mut held) = self.held.take() {
                held.last = true;
                kept.push(held);
            }
        }
        kept
    }
}
