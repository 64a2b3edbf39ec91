//! The log is kept within bounds: it never fills the truth's disk, and nothing that a projection still needs goes
//! before the budget forces it.
//!
//! Three steps, in this order: what all projections have passed and is older than `keep` goes, while the log is larger
//! than `keep_bytes`; at the budget everything that all have passed goes, whatever its age; and if that is not enough,
//! what the configuration says happens, visibly.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::{sync::watch, task::JoinHandle, time::MissedTickBehavior};

use crate::{
    data::{Position, Result},
    engine::{Clock, Log},
    schema::{AtBudget, LogConfig},
};

/// Those who still need the log. Implemented by the projections; the log itself knows none of them.
#[async_trait]
pub trait Readers: Send + Sync {
    /// The position that all of them have passed; none: nobody needs anything of the log.
    async fn passed(&self) -> Option<Position>;

    /// Stops the one that is furthest behind, so that it must be rebuilt, and names it; none where nobody is behind.
    async fn detach_slowest(&self) -> Option<String>;
}

/// What the commit path and `/status` look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetentionState {
    /// The log is at its budget and the configuration says `refuse_writes`: commits answer BRG507.
    pub refuse_writes: bool,
    /// Projections that were stopped because of the budget, newest last.
    pub detached: Vec<String>,
    /// Why trimming does not work, if so.
    pub last_error: Option<String>,
}

/// How often it looks, and by which clock.
#[derive(Clone)]
pub struct RetentionOptions {
    /// Time between two looks.
    pub interval: Duration,
    /// The clock that ages are told by.
    pub clock: Arc<dyn Clock>,
}

impl Default for RetentionOptions {
    fn default() -> Self {
        Self { interval: Duration::from_secs(1), clock: Arc::new(crate::engine::SystemClock) }
    }
}

/// Names remembered of projections that were stopped because of the budget.
const DETACHED_MAX: usize = 100;

/// Steps in which old changes are removed by age, so that it stops near `keep_bytes` instead of far below.
const AGE_STEPS: i64 = 16;

/// The task that keeps a log within its bounds. It ends when this is dropped.
pub struct Retention {
    state: watch::Receiver<RetentionState>,
    task: JoinHandle<()>,
}

impl Retention {
    /// Starts looking after a log.
    pub fn start(log: Arc<dyn Log>, readers: Arc<dyn Readers>, config: LogConfig, options: RetentionOptions) -> Self {
        let (sender, state) = watch::channel(RetentionState::default());
        let mut keeper = Keeper { log, readers, config, clock: options.clock, state: sender };
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(options.interval);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let error = keeper.look().await.err().map(|e| e.to_string());
                if let Some(error) = &error {
                    tracing::warn!(error, "the log could not be trimmed");
                }
                keeper.update(|state| state.last_error = error);
            }
        });
        Self { state, task }
    }

    /// What the commit path looks at before each transaction.
    pub fn state(&self) -> watch::Receiver<RetentionState> {
        self.state.clone()
    }
}

impl Drop for Retention {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Keeper {
    log: Arc<dyn Log>,
    readers: Arc<dyn Readers>,
    config: LogConfig,
    clock: Arc<dyn Clock>,
    state: watch::Sender<RetentionState>,
}

impl Keeper {
    async fn look(&mut self) -> Result<()> {
        if self.bytes().await? > self.config.keep_bytes {
            self.trim_old().await?;
        }
        if self.bytes().await? >= self.config.budget {
            self.trim(self.passed().await).await?;
        }
        match self.config.at_budget {
            AtBudget::RefuseWrites => {
                let full = self.bytes().await? >= self.config.budget;
                self.update(|state| state.refuse_writes = full);
            }
            AtBudget::DetachSlowest => self.detach().await?,
        }
        Ok(())
    }

    async fn bytes(&self) -> Result<u64> {
        self.log.status().await.map(|status| status.bytes)
    }

    async fn passed(&self) -> Position {
        let tip = *self.log.tip().borrow();
        self.readers.passed().await.map_or(tip, |passed| passed.min(tip))
    }

    /// Removes what is older than `keep`, oldest first, until `keep_bytes` is left.
    async fn trim_old(&self) -> Result<()> {
        let Some(from) = self.log.status().await?.oldest_time else { return Ok(()) };
        let keep = i64::try_from(self.config.keep.as_micros()).unwrap_or(i64::MAX);
        let cutoff = self.clock.now().saturating_sub(keep);
        let passed = self.passed().await;
        let step = (cutoff.saturating_sub(from) / AGE_STEPS).max(1);
        let mut time = from;
        while time < cutoff && self.bytes().await? > self.config.keep_bytes {
            time = time.saturating_add(step).min(cutoff);
            if let Some(old) = self.log.position_before(time).await? {
                self.trim(old.min(passed)).await?;
                if old >= passed {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn detach(&self) -> Result<()> {
        while self.bytes().await? >= self.config.budget {
            let Some(name) = self.readers.detach_slowest().await else { break };
            tracing::error!(projection = name, "stopped because the log reached its budget: rebuild needed");
            self.update(|state| {
                state.detached.push(name);
                let surplus = state.detached.len().saturating_sub(DETACHED_MAX);
                state.detached.drain(..surplus);
            });
            self.trim(self.passed().await).await?;
        }
        Ok(())
    }

    /// Removes what lies before a position; nothing where a reader that has not said its place yet needs all there is.
    async fn trim(&self, upto: Position) -> Result<()> {
        if upto > self.log.status().await?.oldest {
            self.log.trim(upto).await?;
        }
        Ok(())
    }

    fn update(&self, change: impl FnOnce(&mut RetentionState)) {
        self.state.send_if_modified(|state| {
            let before = state.clone();
            change(state);
            *state != before
        });
    }
}
