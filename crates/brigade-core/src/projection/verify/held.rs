//! What is compared with the truth: the live projection, which its runner moves, or a generation beside it, which only
//! the one who compares moves.

use std::sync::Arc;

use tokio::{sync::MutexGuard, time::timeout};

use crate::{
    data::{Checkpoint, Error, Key, Layout, Position, Result, Row},
    log::not_reached,
    projection::{State, fill::Beside, line::Line},
};

pub(crate) enum Held<'a> {
    Live,
    Beside(&'a mut Beside),
}

impl Held<'_> {
    pub(super) fn layouts(&self, line: &Line) -> Vec<Arc<Layout>> {
        match self {
            Self::Live => line.layouts().to_vec(),
            Self::Beside(beside) => beside.layouts.clone(),
        }
    }

    /// Waits until it has applied a position. As long as it moves there is no limit; one that does not move on is an
    /// error that says why.
    pub(super) async fn reach(&mut self, line: &Line, position: Position) -> Result<()> {
        let Self::Beside(beside) = self else { return reach_live(line, position).await };
        beside.advance(position).await
    }

    /// While the guard lives, what is held and its checkpoint stay as they are.
    pub(super) async fn hold<'l>(&self, line: &'l Line) -> Option<MutexGuard<'l, ()>> {
        match self {
            Self::Live => Some(line.turn().await),
            Self::Beside(_) => None,
        }
    }

    pub(super) fn checkpoint(&self, line: &Line) -> Option<Checkpoint> {
        match self {
            Self::Live => line.checkpoint(),
            Self::Beside(beside) => Some(beside.checkpoint().clone()),
        }
    }

    pub(super) async fn scan(
        &self,
        line: &Line,
        layout: &Layout,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Row>> {
        match self {
            Self::Live => line.projection.scan(layout, after, limit).await,
            Self::Beside(beside) => beside.filling().scan(layout, after, limit).await,
        }
    }

    pub(super) async fn get(&self, line: &Line, layout: &Layout, keys: &[Key]) -> Result<Vec<Row>> {
        match self {
            Self::Live => line.projection.get(layout, keys).await,
            Self::Beside(beside) => beside.filling().get(layout, keys).await,
        }
    }
}

/// [`Held::reach`] for the live projection.
pub(crate) async fn reach_live(line: &Line, position: Position) -> Result<()> {
    let mut known = line.known.subscribe();
    loop {
        let now = known.borrow_and_update().clone();
        let checkpoint = now.checkpoint.map(|c| c.position);
        if checkpoint.is_some_and(|at| at >= position) {
            return Ok(());
        }
        let stands = matches!(now.state, State::Paused | State::Stopped);
        if stands || timeout(line.options.stall_max, known.changed()).await.is_err() {
            let why = now.last_error.map_or_else(String::new, |e| format!(" ({e})"));
            let error: Error =
                not_reached(&format!("{}, which is {}{why},", line.name(), now.state), position, checkpoint, None);
            return Err(error.hint("resume it, or rebuild it"));
        }
    }
}
