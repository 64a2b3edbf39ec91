//! A generation made from nothing: the tables as one snapshot shows them, then the log after it. Nobody sees it until it
//! is swapped in; dropped before, it is gone, and what was there stays.

use std::sync::Arc;

use super::{
    Progress,
    line::{Known, Line},
};
use crate::{
    data::{Change, Checkpoint, Error, Key, Layout, Op, Position, Result},
    engine::Filling,
    limits::CHUNK_MAX,
};

/// Fills a projection that has nothing yet.
pub(crate) async fn first(line: &Arc<Line>) -> Result<()> {
    let _work = line.work.lock().await;
    if line.checkpoint().is_none() {
        fill(line, None).await?.swap().await?;
    }
    Ok(())
}

/// Copies the tables of one snapshot into a new generation.
pub(crate) async fn fill(line: &Arc<Line>, progress: Option<&Progress>) -> Result<Beside> {
    let pin = Pin::new(line);
    let model = line.model();
    let mut snapshot = line.sources.truth.snapshot().await?;
    let mut filling = line.projection.fill().await?;
    let (mut layouts, mut rows, mut total) = (Vec::new(), 0, 0);
    let tables = line.tables(&model);
    for table in &tables {
        total += snapshot.estimate(table).await?;
    }
    for table in &tables {
        let layout = Arc::new(table.layout());
        filling.put(&layout, Vec::new()).await?;
        if line.projection.as_cache().is_some() {
            layouts.push(layout);
            continue;
        }
        let mut after: Option<Key> = None;
        loop {
            let chunk = snapshot.scan(table, after.as_ref(), CHUNK_MAX).await?;
            let Some(last) = chunk.last() else { break };
            after = layout.key_of(last);
            rows += chunk.len() as u64;
            let shaped = chunk.into_iter().filter_map(|row| line.projection.shape(&layout, row)).collect();
            filling.put(&layout, shaped).await?;
            if let Some(progress) = progress {
                progress(rows, total.max(rows));
            }
        }
        layouts.push(layout);
    }
    let checkpoint = snapshot.checkpoint().clone();
    let place = checkpoint.position;
    Ok(Beside { line: Arc::clone(line), filling, checkpoint, place, version: model.version, layouts, rows, _pin: pin })
}

/// Keeps the log from being trimmed under a fill, and shows `rebuilding`.
struct Pin(Arc<Line>);

impl Pin {
    fn new(line: &Arc<Line>) -> Self {
        // Taken before the snapshot, so that nothing after the snapshot can be trimmed.
        let tip = *line.sources.log.tip().borrow();
        line.update(|known| (known.pinned, known.rebuilding) = (Some(tip), true));
        Self(Arc::clone(line))
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        self.0.update(|known| (known.pinned, known.rebuilding) = (None, false));
    }
}

/// A generation beside the live one.
pub(crate) struct Beside {
    line: Arc<Line>,
    filling: Box<dyn Filling>,
    checkpoint: Checkpoint,
    /// How far the log was read: past the checkpoint in the middle of a large transaction.
    place: Position,
    version: u32,
    pub layouts: Vec<Arc<Layout>>,
    pub rows: u64,
    _pin: Pin,
}

impl Beside {
    pub(crate) fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    pub(crate) fn filling(&self) -> &dyn Filling {
        self.filling.as_ref()
    }

    /// Applies the log up to a published position.
    pub(crate) async fn advance(&mut self, to: Position) -> Result<()> {
        let log = Arc::clone(&self.line.sources.log);
        while self.checkpoint.position < to {
            let tip = *log.tip().borrow();
            let read = log.read(Some(self.place), CHUNK_MAX).await?;
            match read.last() {
                None => (self.place, self.checkpoint.position) = (tip, tip),
                Some(last) => {
                    let place = last.position;
                    let end = read.iter().rev().find(|change| change.last).map(|change| change.position);
                    self.apply(read).await?;
                    self.place = place;
                    self.checkpoint.position = end.unwrap_or(self.checkpoint.position);
                }
            }
            if self.place == tip && tip < to {
                return Err(Error::internal(format!("position {to} lies ahead of the log")));
            }
        }
        Ok(())
    }

    async fn apply(&mut self, read: Vec<Change>) -> Result<()> {
        let place = read.last().map_or(self.place, |change| change.position);
        let migration = read.iter().filter_map(|change| change.schema.as_ref()).find(|s| s.number > self.version);
        if migration.is_some() && self.line.model().version != self.version {
            return Err(Error::unavailable("the schema changed during the rebuild", std::time::Duration::from_secs(1)));
        }
        let seen = self.checkpoint.seen.clone();
        let is_seen = |change: &Change| match (&seen, change.transaction.xid) {
            (Some(seen), Some(xid)) => seen.contains(xid),
            _ => false,
        };
        let wanted: Vec<Change> = read
            .into_iter()
            .filter(|change| change.op != Op::Schema && !is_seen(change))
            .filter_map(|change| self.line.fit(&self.layouts, change))
            .collect();
        self.filling.apply(&wanted, &Checkpoint { position: place, seen }).await
    }

    /// Makes it the live generation, at or after the place where the old one is: what is served never moves back.
    pub(crate) async fn swap(mut self) -> Result<u64> {
        let line = Arc::clone(&self.line);
        let _turn = line.turn().await;
        if let Some(live) = line.checkpoint().filter(|_| !line.known.borrow().detached) {
            self.advance(live.position).await?;
        } else {
            let tip = *line.sources.log.tip().borrow();
            self.advance(tip).await?;
        }
        // Inside a large transaction the generation is between two checkpoints; the tip is never there.
        while self.place > self.checkpoint.position {
            let tip = *line.sources.log.tip().borrow();
            self.advance(tip).await?;
        }
        self.filling.swap(&self.checkpoint).await?;
        line.sources.notes.clear_dead_letters(line.name()).await?;
        line.update(Known::take_up);
        line.reload().await?;
        Ok(self.rows)
    }
}
