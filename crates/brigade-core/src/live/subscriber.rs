//! One subscriber: the rows of its view, or what it missed since it was last told, then what the hub says.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    task::JoinHandle,
};

use crate::{
    data::{Checkpoint, Error, Position, Result, code},
    engine::{CheckedRead, ReadAnswer},
    limits::CHUNK_MAX,
};

use super::{
    Mark,
    hub::{Heard, Hub, Query},
    judge::{Happened, Judged, Shown, judge},
};

/// Something that a subscriber is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// All rows that there are, a JSON array. What was told before is void.
    Rows(Vec<u8>),
    /// A row entered, changed or left.
    Row(Happened, Arc<str>),
}

/// An event, and the place from which a subscriber that has it goes on.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// The place.
    pub mark: Mark,
    /// The event.
    pub event: Event,
}

/// What a subscriber does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Its rows have to be read.
    View,
    /// What it missed has to be read from the log, from a place up to where it joined the hub.
    Missed { at: Position, upto: Position },
    /// The hub tells it.
    Hearing,
}

/// One subscriber. Dropping it ends it.
pub struct Live {
    hub: Arc<Hub>,
    query: Arc<Query>,
    heard: Receiver<Heard>,
    stage: Stage,
    /// How far it has been told.
    told: Checkpoint,
    /// From here on the log tells nothing that the view has shown already; none: nobody knows.
    settled: Option<Position>,
    /// The batch at hand, and how much of it has been told.
    batch: Arc<Vec<Shown>>,
    next: usize,
    rows_max: u64,
    /// The view that is being read: it goes on while nobody waits for it.
    viewing: Option<JoinHandle<Result<View>>>,
}

/// All rows as they are now.
struct View {
    found: ReadAnswer,
    checkpoint: Checkpoint,
    told_by: Position,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("stage", &self.stage).field("told", &self.told).finish_non_exhaustive()
    }
}

impl Hub {
    /// Begins a live read, or goes on with one where `after` says how far it was told. `key` is equal for reads that are
    /// the same, and for no others. More than `rows_max` rows are refused as they are read.
    ///
    /// # Errors
    /// BRG412 for a place of another history.
    pub async fn subscribe(
        self: &Arc<Self>,
        key: &str,
        read: CheckedRead,
        after: Option<Mark>,
        rows_max: u64,
    ) -> Result<Live> {
        let told = match after {
            None => None,
            Some(Mark(after)) => match self.log.check(after.position).await {
                Ok(()) => Some(after),
                // What lies between is gone: all rows again.
                Err(gone) if gone.code() == code::POSITION_GONE => None,
                Err(other) => return Err(other),
            },
        };
        let (query, heard, upto) = self.join(key, read);
        let stage = told.as_ref().map_or(Stage::View, |told| Stage::Missed { at: told.position, upto });
        let told = told.unwrap_or_else(|| Checkpoint::at(Position::START));
        let hub = Arc::clone(self);
        Ok(Live {
            hub,
            query,
            heard,
            stage,
            told,
            settled: None,
            batch: Arc::default(),
            next: 0,
            rows_max,
            viewing: None,
        })
    }
}

impl Live {
    /// What comes next. It waits for as long as nothing happens; safe to drop while it waits.
    ///
    /// # Errors
    /// BRG503 for a subscriber that was too slow, after a migration, and where the log ends; BRG413 for too many rows.
    pub async fn next(&mut self) -> Result<Told> {
        loop {
            if let Some(told) = self.of_batch() {
                return Ok(told);
            }
            match self.stage {
                Stage::View => return self.view().await,
                Stage::Missed { at, upto } if at < upto => self.missed(at, upto).await?,
                Stage::Missed { .. } => self.stage = Stage::Hearing,
                Stage::Hearing => match self.heard.recv().await {
                    Ok(Heard::Rows(rows)) => (self.batch, self.next) = (rows, 0),
                    Ok(Heard::Anew) => self.stage = Stage::View,
                    Ok(Heard::Ended(error)) => return Err(error),
                    Err(RecvError::Lagged(_)) => return Err(too_slow()),
                    Err(RecvError::Closed) => {
                        return Err(Error::unavailable("the live read was closed", Duration::from_secs(1)));
                    }
                },
            }
        }
    }

    /// The next row of the batch at hand that is news to it.
    fn of_batch(&mut self) -> Option<Told> {
        while let Some(shown) = self.batch.get(self.next) {
            self.next += 1;
            let is_known = shown.position <= self.told.position || self.has_seen(shown.xid);
            if is_known {
                continue;
            }
            self.told.position = shown.position;
            if self.settled.is_some_and(|settled| shown.position >= settled) {
                self.told.seen = None;
            }
            let event = Event::Row(shown.happened, Arc::clone(&shown.row));
            return Some(Told { mark: Mark(self.told.clone()), event });
        }
        None
    }

    fn has_seen(&self, xid: Option<u64>) -> bool {
        matches!((&self.told.seen, xid), (Some(seen), Some(xid)) if seen.contains(xid))
    }

    /// All rows as they are now. What the hub says from before is passed over by its position.
    async fn view(&mut self) -> Result<Told> {
        let (hub, read) = (Arc::clone(&self.hub), Arc::clone(&self.query.read));
        let viewing = self.viewing.get_or_insert_with(|| tokio::spawn(view(hub, read)));
        let viewed = viewing.await.map_err(|e| Error::internal("a view ended before it was read").source(e));
        self.viewing = None;
        let View { found, checkpoint, told_by } = viewed??;
        if found.rows > self.rows_max {
            return Err(Error::new(code::LIMIT, format!("a live read begins with at most {} rows", self.rows_max))
                .hint("use a narrower filter, or raise max_rows in [rest] of brigade.toml"));
        }
        self.told = checkpoint;
        if told_by <= self.told.position {
            self.told.seen = None;
        }
        self.settled = Some(told_by);
        self.stage = Stage::Hearing;
        Ok(Told { mark: Mark(self.told.clone()), event: Event::Rows(found.body) })
    }

    /// A chunk of what happened before it joined.
    async fn missed(&mut self, at: Position, upto: Position) -> Result<()> {
        let read = match self.hub.log.read(Some(at), CHUNK_MAX).await {
            Ok(read) => read,
            Err(gone) if gone.code() == code::POSITION_GONE => {
                self.stage = Stage::View;
                return Ok(());
            }
            Err(other) => return Err(other),
        };
        let Some(last) = read.last().map(|change| change.position) else {
            self.stage = Stage::Hearing;
            return Ok(());
        };
        match judge(&self.hub.tables, &self.query, &read).await? {
            Judged::Rows(rows) => {
                (self.batch, self.next) = (Arc::new(rows), 0);
                self.stage = Stage::Missed { at: last, upto };
            }
            Judged::Anew | Judged::Reshaped => self.stage = Stage::View,
        }
        Ok(())
    }
}

async fn view(hub: Arc<Hub>, read: Arc<CheckedRead>) -> Result<View> {
    let mut view = hub.truth.snapshot().await?;
    let found = view.read(read).await?;
    Ok(View { found, checkpoint: view.checkpoint().clone(), told_by: view.told_by().await? })
}

fn too_slow() -> Error {
    Error::unavailable("the reader is too slow", Duration::from_secs(1))
        .details(format!("more than LIVE_BATCHES_MAX ({}) batches waited for it", crate::limits::LIVE_BATCHES_MAX))
        .hint("read again from the last event that came")
}
