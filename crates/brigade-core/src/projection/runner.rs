//! One task a projection: read after the checkpoint, apply in commit order, in chunks, and let whole transactions become
//! visible together with the checkpoint.
//!
//! A projection that fails stops alone: its errors, its panics and its slowness stay in its own task. What the log no
//! longer has, it says; it never goes on past a gap.

use std::{collections::BTreeSet, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt as _;

use super::{
    State, dead, fill,
    line::{Known, Line, Round},
    rebuild,
};
use crate::{
    data::{Change, Checkpoint, Error, Kind, Position, Result, code},
    limits::{CACHE_BACKOFF_MAX, CHUNK_MAX},
};

/// Keeps a projection in step until the task is dropped.
pub(crate) async fn run(line: Arc<Line>) {
    let mut attempt = Attempt::default();
    loop {
        let step = AssertUnwindSafe(step(&line, &mut attempt)).catch_unwind().await;
        let outcome = match step {
            Ok(Ok(())) => Ok(()),
            Ok(Err(failure)) => attempt.fail(&line, failure).await,
            Err(panic) => Err(format!("it panicked: {}", panic_text(panic.as_ref()))),
        };
        if let Err(reason) = outcome {
            let round = std::mem::take(&mut attempt).round;
            stopped(&line, round, reason).await;
        }
    }
}

/// What is remembered from one try to the next.
#[derive(Default)]
pub(crate) struct Attempt {
    loaded: bool,
    failures: u32,
    /// Places of dead letters, which are passed over.
    pub skip: BTreeSet<Position>,
    /// What its step began with: a failure of another round's is nothing to stop for.
    round: Round,
}

enum Failure {
    /// The truth, the log or the notes failed, or the store outside of applying.
    Source(Error),
    /// The store refused these changes.
    Apply(Error, Vec<Change>),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Source(error)
    }
}

async fn step(line: &Arc<Line>, attempt: &mut Attempt) -> Result<(), Failure> {
    let mut known = line.known.subscribe();
    attempt.round = known.borrow().round();
    if !attempt.loaded {
        let _turn = line.turn().await;
        line.reload().await?;
        attempt.round = known.borrow().round();
        attempt.skip = line.sources.notes.dead_letters(line.name()).await?.into_iter().map(|d| d.position).collect();
        attempt.loaded = true;
    }
    if known.borrow().paused {
        // A paused one keeps its part of the log, unless that is gone already: then it says so, and holds up nothing.
        if let Some(checkpoint) = line.checkpoint() {
            line.sources.log.check(checkpoint.position).await?;
        }
        line.update(|known| known.state = State::Paused);
        let _ = known.wait_for(|known| !known.paused || known.detached).await;
        attempt.round = line.known.borrow().round();
    }
    if line.known.borrow().detached {
        return Err(Failure::Source(Error::new(code::POSITION_GONE, "the log reached its budget")));
    }
    let (mut tip, mut models) = (line.sources.log.tip(), line.sources.models.clone());
    tip.mark_unchanged();
    let model = Arc::clone(&models.borrow_and_update());
    known.mark_unchanged();
    if line.checkpoint().is_none() {
        return Ok(fill::first(line).await?);
    }
    if !line.fits(&model) {
        tracing::info!(projection = line.name(), "made anew: the schema has changed");
        rebuild::rebuild(line, None).await?;
        return Ok(());
    }
    match apply_next(line, attempt, model.version).await? {
        Next::Applied => attempt.failures = 0,
        Next::Nothing => {
            line.update(|known| {
                known.state = if known.paused { State::Paused } else { State::Running };
                known.last_error = None;
            });
            tokio::select! {
                _ = tip.changed() => {}
                _ = models.changed() => {}
                _ = known.wait_for(|k| k.paused || k.detached) => {}
            }
        }
        Next::Rewritten(reason) => {
            tracing::info!(projection = line.name(), reason, "made anew");
            line.update(|known| known.last_error = Some(reason));
            rebuild::rebuild(line, None).await?;
        }
        Next::NeedsModel(number) => {
            line.update(|known| {
                known.state = State::Waiting;
                known.last_error = Some(format!("waits until migration {number} is taken up"));
            });
            tokio::select! {
                _ = models.changed() => {}
                _ = known.wait_for(|k| k.paused || k.detached) => {}
            }
        }
    }
    Ok(())
}

enum Next {
    Applied,
    Nothing,
    /// A migration that the model in force does not have yet.
    NeedsModel(u32),
    /// Rows were changed that the log has no changes of, and why: only a new snapshot goes on from here.
    Rewritten(String),
}

/// Applies what comes next: as many whole transactions as fit a chunk, or one larger transaction in several.
async fn apply_next(line: &Line, attempt: &Attempt, version: u32) -> Result<Next, Failure> {
    let _turn = line.turn().await;
    let Some(checkpoint) = line.checkpoint() else { return Ok(Next::Applied) };
    if line.known.borrow().paused {
        return Ok(Next::Applied);
    }
    let layouts = line.layouts();
    let tip = *line.sources.log.tip().borrow();
    let is_seen = |change: &Change| match (&checkpoint.seen, change.transaction.xid) {
        (Some(seen), Some(xid)) => seen.contains(xid),
        _ => false,
    };
    let obstacle = |change: &Change| {
        let migration = change.schema.as_ref()?;
        if migration.number > version {
            return Some(Next::NeedsModel(migration.number));
        }
        let table = change.rewritten().filter(|table| line.projection.wants(table) && !is_seen(change))?;
        Some(Next::Rewritten(format!("migration {} rewrote table {table}: it is made anew", migration.number)))
    };
    let mut after = checkpoint.position;
    loop {
        let read = line.sources.log.read(Some(after), CHUNK_MAX).await?;
        if read.is_empty() {
            // An idle server's position moves on without a change: there is nothing to write for it.
            if tip > checkpoint.position {
                line.update(|k| k.checkpoint = Some(Checkpoint { position: tip, seen: checkpoint.seen.clone() }));
            }
            return Ok(Next::Nothing);
        }
        let (chunk, ends) = match cut(read, obstacle) {
            Cut::Chunk(chunk) => (chunk, true),
            Cut::Part(chunk) => (chunk, false),
            Cut::Before(obstacle) => return Ok(obstacle),
        };
        after = chunk.last().expect("a chunk has changes").position;
        let mark = ends.then(|| Checkpoint { position: after, seen: checkpoint.seen.clone() });
        // A cache holds nothing of the snapshot that it began with, but perhaps what other processes loaded before that.
        let is_cache = line.projection.as_cache().is_some();
        let wanted: Vec<Change> = chunk
            .into_iter()
            .filter(|change| (is_cache || !is_seen(change)) && !attempt.skip.contains(&change.position))
            .filter_map(|change| line.fit(&layouts, change))
            .collect();
        if let Err(error) = line.projection.apply(&wanted, mark.as_ref()).await {
            return Err(Failure::Apply(error, wanted));
        }
        metrics::counter!("brigade_projection_applied_total", "projection" => line.name().to_owned())
            .increment(wanted.len() as u64);
        if mark.is_some() {
            line.update(|known| (known.state, known.checkpoint, known.last_error) = (State::Running, mark, None));
            return Ok(Next::Applied);
        }
    }
}

enum Cut {
    /// Whole transactions, or the rest of a large one with whole ones behind it.
    Chunk(Vec<Change>),
    /// A part of a transaction that is larger than a chunk.
    Part(Vec<Change>),
    /// Nothing can be applied before this is dealt with.
    Before(Next),
}

/// Cuts what was read behind its last whole transaction, and before the first change that stands in the way.
fn cut(mut read: Vec<Change>, obstacle: impl Fn(&Change) -> Option<Next>) -> Cut {
    let found = read.iter().enumerate().find_map(|(i, change)| obstacle(change).map(|next| (i, next)));
    let reach = found.as_ref().map_or(read.len(), |(i, _)| *i);
    match (read[..reach].iter().rposition(|change| change.last), found) {
        (Some(end), _) => {
            read.truncate(end + 1);
            Cut::Chunk(read)
        }
        (None, Some((_, next))) => Cut::Before(next),
        (None, None) => Cut::Part(read),
    }
}

impl Attempt {
    /// What a cache holds is worth no operator: where the log does not go on from its checkpoint, it begins anew, empty.
    async fn begin_anew(&mut self, line: &Arc<Line>) -> bool {
        match rebuild::rebuild(line, None).await {
            Ok(_) => {
                tracing::info!(projection = line.name(), "begun anew: the log does not reach back to its checkpoint");
                self.failures = 0;
                true
            }
            Err(error) => {
                tracing::warn!(projection = line.name(), %error, "cannot begin anew");
                false
            }
        }
    }

    /// Decides what a failure means: wait, try again, give a change up, or stop with a reason.
    async fn fail(&mut self, line: &Arc<Line>, failure: Failure) -> Result<(), String> {
        let (error, refused) = match failure {
            Failure::Source(error) => (error, None),
            Failure::Apply(error, _) if error.kind() == Kind::World => (error, None),
            Failure::Apply(error, changes) => (error, Some(changes)),
        };
        let is_gone = matches!(error.code(), code::POSITION_GONE | code::OTHER_HISTORY);
        if is_gone {
            match line.projection.as_cache() {
                Some(_) if self.begin_anew(line).await => return Ok(()),
                // It is tried again, as after any other failure.
                Some(_) => {}
                None => {
                    let round = self.round;
                    line.update(|known| known.detached |= known.round() == round);
                    return Err(format!("rebuild needed: {error}"));
                }
            }
        }
        self.failures += 1;
        metrics::counter!("brigade_projection_retries_total", "projection" => line.name().to_owned()).increment(1);
        tracing::warn!(projection = line.name(), %error, details = error.get_details(), tries = self.failures, "failed");
        line.update(|known| {
            known.state = if refused.is_some() { State::Running } else { State::Waiting };
            known.last_error = Some(error.to_string());
        });
        match refused {
            Some(changes) if self.failures >= line.options.tries_max => {
                self.failures = 0;
                if let Err(dead::Surplus(reason)) = dead::isolate(line, self, changes).await {
                    return Err(reason);
                }
            }
            _ => pause(line, self.failures).await,
        }
        Ok(())
    }
}

/// Waits before the next try, longer each time; a pause, a resume or a rebuild ends it.
async fn pause(line: &Line, failures: u32) {
    let options = &line.options;
    // Readers wait for the truth while a cache is away, so it is looked for more often.
    let most = if line.projection.as_cache().is_some() { CACHE_BACKOFF_MAX } else { options.backoff_max };
    let longest = options.backoff_min.saturating_mul(1 << failures.min(20)).min(most.min(options.backoff_max));
    let wait: Duration = longest.mul_f64(rand::random_range(0.5..1.0));
    let mut known = line.known.subscribe();
    let round = known.borrow().round();
    let woken = known.wait_for(|known| known.paused || known.round() != round);
    let _ = tokio::time::timeout(wait, woken).await;
}

/// Says why it does not go on, and waits until someone resumes or rebuilds it. Who did so since the failed step began is
/// not waited for again.
async fn stopped(line: &Line, round: Round, reason: String) {
    tracing::error!(projection = line.name(), reason, "stopped");
    let mut known = line.known.subscribe();
    line.update(|known| (known.state, known.last_error) = (State::Stopped, Some(reason)));
    let _ = known.wait_for(|known| known.round() != round).await;
    line.update(Known::take_up);
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}
