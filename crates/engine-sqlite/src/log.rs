//! The log of a SQLite truth: the table that triggers write in the same transaction as the rows.
//!
//! A change with sequence number `seq` lies at order `2 * seq + 1`; the delete that a changed key begins with lies at
//! `2 * seq`. The tag of a position is its transaction's random tag, so a lost tail or an older file that was copied back
//! is recognised even after new commits have passed the place.

mod place;
mod read;
mod upkeep;

pub(crate) use place::{BEGAN, TRIMMED};

use std::sync::Arc;

use async_trait::async_trait;
use brigade_core::{
    data::{Change, Position, Result},
    engine::{Log, LogStatus},
    limits,
};
use tokio::sync::watch;

use crate::{SqliteTruth, error, readers};

/// So few changes are read on the caller's own thread.
const CLOSE_CHANGES: u128 = 16;

/// Of them so many bytes, or one change: the rest is read next.
const CLOSE_BYTES: usize = 64 << 10;

/// The position of a change, given its sequence number and its transaction's tag.
pub(crate) fn position_of(seq: i64, tag: u64) -> Position {
    Position { order: seq as u128 * 2 + 1, tag }
}

#[async_trait]
impl Log for SqliteTruth {
    fn tip(&self) -> watch::Receiver<Position> {
        self.shared.tip.subscribe()
    }

    async fn read(&self, after: Option<Position>, limit: usize) -> Result<Vec<Change>> {
        let tip = *self.shared.tip.borrow();
        if after == Some(tip) {
            return Ok(Vec::new());
        }
        // Who follows closely has a few changes to read, and others wait for what it does with them.
        let is_close = after.is_some_and(|after| tip.order.saturating_sub(after.order) <= 2 * CLOSE_CHANGES);
        if is_close
            && let Some(changes) =
                self.shared.readers.at_once(|conn| read::chunk(conn, &self.shared, after, (limit, CLOSE_BYTES)))?
        {
            return Ok(changes);
        }
        let (shared, most) = (Arc::clone(&self.shared), (limit, limits::CHUNK_BYTES_MAX));
        readers::read(&self.shared, move |conn| read::chunk(conn, &shared, after, most)).await
    }

    async fn check(&self, position: Position) -> Result<()> {
        readers::read(&self.shared, move |conn| place::check(conn, position)).await
    }

    async fn count_after(&self, position: Option<Position>) -> Result<u64> {
        let tip = *self.shared.tip.borrow();
        let after = match position {
            Some(position) => position,
            None => {
                readers::read(&self.shared, |conn| place::oldest(conn).map_err(error::from_sqlite)).await?.position()
            }
        };
        Ok(u64::try_from((tip.order / 2).saturating_sub(after.order / 2)).unwrap_or(u64::MAX))
    }

    async fn trim(&self, upto: Position) -> Result<u64> {
        let boundary = readers::read(&self.shared, move |conn| {
            place::check(conn, upto)?;
            place::containing(conn, upto).map_err(error::from_sqlite)
        })
        .await?;
        let Some(boundary) = boundary else { return Ok(0) };
        self.writer.run(move |state| upkeep::move_boundary(state, boundary)).await?;
        let mut removed = 0;
        loop {
            let step = self.writer.run(move |state| upkeep::remove_some(state, boundary)).await?;
            removed += step;
            if step == 0 {
                return Ok(removed);
            }
        }
    }

    async fn position_before(&self, time: i64) -> Result<Option<Position>> {
        readers::read(&self.shared, move |conn| upkeep::before(conn, time).map_err(error::from_sqlite)).await
    }

    async fn status(&self) -> Result<LogStatus> {
        let position = *self.shared.tip.borrow();
        let stopped = self.shared.stopped();
        readers::read(&self.shared, move |conn| upkeep::status(conn, position, stopped).map_err(error::from_sqlite))
            .await
    }
}
