//! One projection with what is known of it while it runs: what the runner, `verify`, `rebuild` and `/status` share.
//!
//! Whoever changes what the projection holds has the `turn`; so nobody ever sees it between two checkpoints, and its
//! checkpoint never moves under someone who compares or mends.

use std::{sync::Arc, time::Duration};

use tokio::sync::{Mutex, MutexGuard, watch};

use super::{Notes, Projection, ProjectionStatus, State};
use crate::{
    data::{Change, Checkpoint, Layout, Op, Position, Result},
    engine::{Clock, Log, Truth},
    limits,
    schema::{Model, Table},
};

/// What every projection is derived from, and what it needs beside.
#[derive(Clone)]
pub struct Sources {
    /// The truth, for fills and for comparing.
    pub truth: Arc<dyn Truth>,
    /// Its log.
    pub log: Arc<dyn Log>,
    /// The model in force; sent anew after each migration.
    pub models: watch::Receiver<Arc<Model>>,
    /// What must be remembered.
    pub notes: Arc<dyn Notes>,
    /// The clock that lag is told by.
    pub clock: Arc<dyn Clock>,
}

/// How hard a runner tries.
#[derive(Clone, Debug)]
pub struct RunnerOptions {
    /// Times one change is tried before it becomes a dead letter.
    pub tries_max: u32,
    /// The pause after the first failure; it doubles with each further one, and varies by chance.
    pub backoff_min: Duration,
    /// The longest pause.
    pub backoff_max: Duration,
    /// Dead letters that a projection keeps before it stops.
    pub dead_letters_max: u64,
    /// How long `verify` waits for a projection that does not move.
    pub stall_max: Duration,
}

impl Default for RunnerOptions {
    fn default() -> Self {
        Self {
            tries_max: limits::TRIES_MAX,
            backoff_min: Duration::from_millis(50),
            backoff_max: limits::BACKOFF_MAX,
            dead_letters_max: limits::DEAD_LETTERS_MAX,
            stall_max: Duration::from_secs(30),
        }
    }
}

/// What is known of a projection now.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Known {
    pub state: State,
    pub checkpoint: Option<Checkpoint>,
    /// The tables it was filled from.
    pub layouts: Arc<Vec<Arc<Layout>>>,
    /// Counts swaps, so that whoever compares notices one.
    pub generation: u64,
    pub dead_letters: u64,
    pub last_error: Option<String>,
    /// While a fill goes on: the log is needed from here.
    pub pinned: Option<Position>,
    /// It is being made anew beside what it has.
    pub rebuilding: bool,
    /// Nothing but a rebuild helps: the log is not needed for it.
    pub detached: bool,
    /// Someone paused it.
    pub paused: bool,
    /// Counts wishes to try again.
    pub resumes: u64,
}

/// Which swap and which wish to try again a projection is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Round {
    generation: u64,
    resumes: u64,
}

impl Known {
    pub(crate) fn round(&self) -> Round {
        Round { generation: self.generation, resumes: self.resumes }
    }

    /// Why it stopped is mended. Said here, not by its runner, which wakes later than whoever mended it looks.
    pub(crate) fn take_up(&mut self) {
        self.detached = false;
        if self.state == State::Stopped {
            (self.state, self.last_error) = (State::Waiting, None);
        }
    }
}

pub(crate) struct Line {
    pub projection: Arc<dyn Projection>,
    pub sources: Sources,
    pub options: RunnerOptions,
    pub known: watch::Sender<Known>,
    turn: Mutex<()>,
    /// One fill or rebuild at a time.
    pub work: Mutex<()>,
    /// One verify or repair at a time. Not the same as `work`: a first fill must not wait for one who waits for it.
    pub comparing: Mutex<()>,
}

impl Line {
    pub(crate) fn new(projection: Arc<dyn Projection>, sources: Sources, options: RunnerOptions, paused: bool) -> Self {
        let known = Known {
            state: if paused { State::Paused } else { State::Waiting },
            checkpoint: None,
            layouts: Arc::default(),
            generation: 0,
            dead_letters: 0,
            last_error: None,
            // Until its checkpoint is read, nobody knows how much of the log it needs.
            pinned: Some(Position::START),
            rebuilding: false,
            detached: false,
            paused,
            resumes: 0,
        };
        let (turn, work, comparing) = (Mutex::new(()), Mutex::new(()), Mutex::new(()));
        Self { projection, sources, options, known: watch::Sender::new(known), turn, work, comparing }
    }

    pub(crate) fn name(&self) -> &str {
        self.projection.name()
    }

    /// The right to change what the projection holds.
    pub(crate) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut Known)) {
        self.known.send_if_modified(|known| {
            let before = known.clone();
            change(known);
            *known != before
        });
    }

    pub(crate) fn checkpoint(&self) -> Option<Checkpoint> {
        self.known.borrow().checkpoint.clone()
    }

    pub(crate) fn layouts(&self) -> Arc<Vec<Arc<Layout>>> {
        Arc::clone(&self.known.borrow().layouts)
    }

    pub(crate) fn model(&self) -> Arc<Model> {
        Arc::clone(&self.sources.models.borrow())
    }

    /// Takes over what the projection's store says of itself: at start, and after a swap. With the turn only.
    pub(crate) async fn reload(&self) -> Result<()> {
        let checkpoint = self.projection.checkpoint().await?;
        let layouts = self.projection.layouts().await?.into_iter().map(Arc::new).collect();
        let dead_letters = self.sources.notes.dead_letters(self.name()).await?.len() as u64;
        self.update(|known| {
            known.checkpoint = checkpoint;
            known.layouts = Arc::new(layouts);
            known.generation += 1;
            known.dead_letters = dead_letters;
            known.pinned = None;
        });
        Ok(())
    }

    /// The tables of a model that it is derived from.
    pub(crate) fn tables(&self, model: &Model) -> Vec<Arc<Table>> {
        let wanted = |table: &&Arc<Table>| table.primary_key.is_some() && self.projection.wants(&table.name);
        model.tables.values().filter(wanted).cloned().collect()
    }

    /// Whether it was filled from the tables as the model has them now.
    pub(crate) fn fits(&self, model: &Model) -> bool {
        let layouts = self.layouts();
        let tables = self.tables(model);
        tables.len() == layouts.len() && tables.iter().all(|t| layouts.iter().any(|l| **l == t.layout()))
    }

    /// A change as the projection gets it, in the layout that it was filled with; none where it does not want it.
    /// A column that was added outside of the migrations is left out until the model has it.
    pub(crate) fn fit(&self, layouts: &[Arc<Layout>], change: Change) -> Option<Change> {
        if change.op == Op::Schema {
            return None;
        }
        let layout = layouts.iter().find(|l| l.table == change.layout.table)?;
        if **layout == *change.layout {
            return Some(change);
        }
        let old = Arc::clone(&change.layout);
        let pick = |row: crate::data::Row| -> crate::data::Row {
            let value = |name: &str| old.column(name).map_or(crate::data::Value::Null, |i| row[i].clone());
            layout.columns.iter().map(|c| value(&c.name)).collect()
        };
        let before = change.before.map(|image| match image {
            crate::data::Image::Whole(row) => crate::data::Image::Whole(pick(row)),
            key @ crate::data::Image::Key(_) => key,
        });
        Some(Change { layout: Arc::clone(layout), before, after: change.after.map(pick), ..change })
    }

    /// What `/status` shows.
    pub(crate) async fn status(&self) -> ProjectionStatus {
        let known = self.known.borrow().clone();
        let position = known.checkpoint.as_ref().map(|c| c.position);
        let (lag_changes, lag_seconds) = self.lag(position).await.unwrap_or_default();
        ProjectionStatus {
            name: self.name().to_owned(),
            kind: self.projection.kind(),
            engine: self.projection.engine(),
            state: if known.rebuilding { State::Rebuilding } else { known.state }.as_str(),
            checkpoint: position,
            lag_changes,
            lag_seconds,
            dead_letters: known.dead_letters,
            last_error: known.last_error,
        }
    }

    /// Changes not applied, and the age of the oldest of them.
    pub(crate) async fn lag(&self, position: Option<Position>) -> Result<(u64, f64)> {
        let log = &self.sources.log;
        if position.is_some_and(|p| p >= *log.tip().borrow()) {
            return Ok((0, 0.0));
        }
        let count = match log.count_after(position).await {
            Ok(count) => count,
            Err(_) => log.count_after(None).await?,
        };
        let next = match log.read(position, 1).await {
            Ok(next) => next,
            Err(_) => log.read(None, 1).await?,
        };
        let age = next.first().map_or(0, |change| self.sources.clock.now() - change.transaction.time);
        Ok((count, age.max(0) as f64 / 1e6))
    }
}
