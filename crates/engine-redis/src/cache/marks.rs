//! What this process leaves at a place of the server before anything there counts for it, and what it does when that is lost.

use brigade_core::data::{Checkpoint, Result};
use redis::Script;

use super::{
    RedisCache,
    ledger::Left,
    names::Names,
    text::{self, Mark},
};

/// What runs on the server.
pub(super) struct Scripts {
    pub put: Script,
    pub invalidate: Script,
    pub drop: Script,
    pub release: Script,
    mark: Script,
}

impl Scripts {
    pub fn new() -> Self {
        Self {
            put: Script::new(include_str!("put.lua")),
            invalidate: Script::new(include_str!("invalidate.lua")),
            drop: Script::new(include_str!("drop.lua")),
            release: Script::new(include_str!("release.lua")),
            mark: Script::new(include_str!("mark.lua")),
        }
    }
}

impl RedisCache {
    /// What was left at a place, after marking it where nothing was.
    pub(super) async fn marked(&self, names: &Names, place: u16) -> Result<Left> {
        if let Some(left) = self.ledger.left(place) {
            return Ok(left);
        }
        let _one = self.marking.lock().await;
        if let Some(left) = self.ledger.left(place) {
            return Ok(left);
        }
        let left = Left { own: self.ledger.own(), count: 0 };
        let floor = self.ledger.floor().max(*self.fences.floor());
        let mut call = self.scripts.mark.prepare_invoke();
        call.key(names.mark(place)).arg(text::word(left.own.sequence)).arg(text::word(left.own.process));
        call.arg(floor.to_string());
        self.redis.run_script::<i64>(&call).await?;
        self.ledger.confirm(place, left);
        Ok(left)
    }

    /// What was left at a place that is to be read; none where nothing can lie there that counts.
    pub(super) async fn known(&self, names: &Names, place: u16) -> Result<Option<Left>> {
        match self.ledger.left(place) {
            // Others may have put something there.
            None if self.ledger.is_shared() => self.marked(names, place).await.map(Some),
            left => Ok(left),
        }
    }

    /// The server has lost what it had: of what lies there nothing counts any more that may be older than it should.
    pub(super) fn lose(&self, left: Left) {
        if self.ledger.lose(left.own) {
            tracing::warn!(cache = self.name, "redis has lost what it had: all entries are given up");
            self.sweep_all();
        }
    }

    /// Keeps a checkpoint, on the server for people alone: nobody else goes on from it.
    pub(super) async fn keep(&self, names: &Names, checkpoint: &Checkpoint) -> Result<()> {
        let text = checkpoint.position.to_string();
        self.redis.run::<()>(redis::cmd("SET").arg(names.checkpoint()).arg(text)).await?;
        *self.kept() = Some(checkpoint.clone());
        Ok(())
    }
}

pub(super) fn mark_of(bytes: Option<Vec<u8>>) -> Option<Mark> {
    Mark::read(std::str::from_utf8(&bytes?).ok()?)
}
