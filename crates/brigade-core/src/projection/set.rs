//! All projections of a truth: each in its own task, by name.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::task::JoinHandle;

use super::{
    Progress, Projection, ProjectionStatus, RunnerOptions, Sources, State, Verification,
    line::Line,
    rebuild::rebuild,
    runner,
    verify::{Held, compare},
};
use crate::{
    data::{Error, Position, Result, code},
    log::{Readers, not_reached},
};

/// The running projections. They stop when this is dropped or [`Projections::stop`] was called.
pub struct Projections {
    lines: Vec<Arc<Line>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Projections {
    /// Starts each projection in its own task. One whose store is away waits for it there; it never holds up the start.
    ///
    /// # Errors
    /// BRGCFG for two projections of one name; where the notes cannot be read.
    pub async fn start(
        projections: Vec<Arc<dyn Projection>>,
        sources: Sources,
        options: RunnerOptions,
    ) -> Result<Self> {
        let mut lines: Vec<Arc<Line>> = Vec::new();
        for projection in projections {
            if lines.iter().any(|line| line.name() == projection.name()) {
                let name = projection.name();
                return Err(Error::new(code::CONFIG, format!("there are two projections of the name {name}")));
            }
            let paused = sources.notes.paused(projection.name()).await?;
            lines.push(Arc::new(Line::new(projection, sources.clone(), options.clone(), paused)));
        }
        let mut tasks: Vec<_> = lines.iter().map(|line| tokio::spawn(runner::run(Arc::clone(line)))).collect();
        for line in &lines {
            let cache = line.projection.as_cache();
            tasks.extend(cache.map(|cache| tokio::spawn(cache.attach(line.known.subscribe()))));
        }
        Ok(Self { lines, tasks })
    }

    /// Stops all runners between two chunks: what they were about to apply comes again at the next start.
    pub async fn stop(&self) {
        for (line, task) in self.lines.iter().zip(&self.tasks) {
            // With the turn no chunk is under way. A store that hangs must not hold up the end.
            let _turn = tokio::time::timeout(Duration::from_secs(3), line.turn()).await;
            task.abort();
        }
    }

    /// The names, in the order in which they were given.
    pub fn names(&self) -> Vec<String> {
        self.lines.iter().map(|line| line.name().to_owned()).collect()
    }

    /// Every projection with its state.
    pub async fn list(&self) -> Vec<ProjectionStatus> {
        let mut list = Vec::with_capacity(self.lines.len());
        for line in &self.lines {
            list.push(line.status().await);
        }
        list
    }

    /// One projection's state.
    ///
    /// # Errors
    /// BRG404 for an unknown name.
    pub async fn status(&self, name: &str) -> Result<ProjectionStatus> {
        Ok(self.line(name)?.status().await)
    }

    /// Compares a projection with the truth while both go on.
    ///
    /// # Errors
    /// BRG404 for an unknown name; BRG504 for one that does not move on (paused, stopped, its store away).
    pub async fn verify(&self, name: &str, progress: Option<Progress>) -> Result<Verification> {
        let line = self.line(name)?;
        let _comparing = line.comparing.lock().await;
        compare_live(line, false, progress.as_ref()).await
    }

    /// Puts right the keys that differ and touches no other; returns how many.
    ///
    /// # Errors
    /// As [`Projections::verify`].
    pub async fn repair(&self, name: &str, progress: Option<Progress>) -> Result<u64> {
        let line = self.line(name)?;
        let _comparing = line.comparing.lock().await;
        let found = compare_live(line, true, progress.as_ref()).await?;
        line.sources.notes.clear_dead_letters(line.name()).await?;
        line.update(|known| known.dead_letters = 0);
        Ok(found.differences.len() as u64 + found.more)
    }

    /// Makes a projection anew beside the old one, verifies it, then swaps; returns its rows. Dropping the future, or
    /// being killed, leaves the old one.
    ///
    /// # Errors
    /// BRG404 for an unknown name; else the old one stays and the error says why.
    pub async fn rebuild(&self, name: &str, progress: Option<Progress>) -> Result<u64> {
        rebuild(self.line(name)?, progress.as_ref()).await
    }

    /// Stops applying until [`Projections::resume`], also over restarts. When this returns nothing is applied any more.
    ///
    /// # Errors
    /// BRG404 for an unknown name; where the wish cannot be noted, and then it still runs.
    pub async fn pause(&self, name: &str) -> Result<ProjectionStatus> {
        let line = self.line(name)?;
        line.sources.notes.set_paused(name, true).await?;
        line.update(|known| known.paused = true);
        let turn = line.turn().await;
        line.update(|known| {
            if known.state != State::Stopped {
                known.state = State::Paused;
            }
        });
        drop(turn);
        Ok(line.status().await)
    }

    /// Applies again; a stopped projection tries again.
    ///
    /// # Errors
    /// BRG404 for an unknown name; where the wish cannot be noted.
    pub async fn resume(&self, name: &str) -> Result<ProjectionStatus> {
        let line = self.line(name)?;
        line.sources.notes.set_paused(name, false).await?;
        line.update(|known| {
            known.paused = false;
            known.resumes += 1;
            known.take_up();
            if known.state == State::Paused {
                known.state = State::Running;
            }
        });
        Ok(line.status().await)
    }

    /// Waits until a projection has applied a position.
    ///
    /// # Errors
    /// BRG404 for an unknown name; BRG504 after `timeout`, with its checkpoint and lag.
    pub async fn wait_for(&self, name: &str, position: Position, timeout: Duration) -> Result<()> {
        let line = self.line(name)?;
        let mut known = line.known.subscribe();
        let reached = known.wait_for(|k| k.checkpoint.as_ref().is_some_and(|c| c.position >= position));
        if tokio::time::timeout(timeout, reached).await.is_ok() {
            return Ok(());
        }
        let status = line.status().await;
        Err(not_reached(name, position, status.checkpoint, Some(status.lag_changes)))
    }

    /// Sets the gauges of lag and state; called before each scrape.
    pub async fn publish_metrics(&self) {
        for status in self.list().await {
            let name = status.name;
            metrics::gauge!("brigade_projection_lag_changes", "projection" => name.clone())
                .set(status.lag_changes as f64);
            metrics::gauge!("brigade_projection_lag_seconds", "projection" => name.clone()).set(status.lag_seconds);
            for state in State::ALL.map(State::as_str) {
                metrics::gauge!("brigade_projection_state", "projection" => name.clone(), "state" => state)
                    .set(if state == status.state { 1.0 } else { 0.0 });
            }
            for counter in ["applied", "retries", "dead_letters"] {
                metrics::counter!(format!("brigade_projection_{counter}_total"), "projection" => name.clone())
                    .increment(0);
            }
        }
    }

    fn line(&self, name: &str) -> Result<&Arc<Line>> {
        self.lines.iter().find(|line| line.name() == name).ok_or_else(|| {
            let names = self.names().join(", ");
            Error::new(code::NOT_FOUND, format!("there is no projection {name:?}")).hint(if names.is_empty() {
                "none is declared in brigade.toml".to_owned()
            } else {
                format!("there are: {names}")
            })
        })
    }
}

async fn compare_live(line: &Arc<Line>, mend: bool, progress: Option<&Progress>) -> Result<Verification> {
    match line.projection.as_cache() {
        Some(cache) => cache.compare(line, mend, progress).await,
        None => compare(line, &mut Held::Live, mend, progress).await,
    }
}

impl Drop for Projections {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

#[async_trait]
impl Readers for Projections {
    async fn passed(&self) -> Option<Position> {
        let needed = |line: &Arc<Line>| {
            let known = line.known.borrow();
            let live = (!known.detached).then(|| known.checkpoint.as_ref().map(|c| c.position)).flatten();
            [live, known.pinned].into_iter().flatten().min()
        };
        self.lines.iter().filter_map(needed).min()
    }

    async fn detach_slowest(&self) -> Option<String> {
        let tip = self.lines.first().map(|line| *line.sources.log.tip().borrow())?;
        let behind = |line: &&Arc<Line>| {
            let known = line.known.borrow();
            // One whose store has not answered yet holds all of the log; one that is being filled is let finish.
            let unread = known.pinned.filter(|_| !known.rebuilding);
            let place = known.checkpoint.as_ref().map(|c| c.position).or(unread)?;
            (!known.detached && place < tip).then_some(place)
        };
        let slowest = self.lines.iter().filter(|l| behind(l).is_some()).min_by_key(behind)?;
        slowest.update(|known| {
            known.detached = true;
            known.pinned = known.pinned.filter(|_| known.rebuilding);
        });
        Some(slowest.name().to_owned())
    }
}
