//! The spool, read with the truth beside it: only the server knows whether a position that lies ahead of the log was handed
//! out and will be reached, or belongs to a history that is gone (rule 17).

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use brigade_core::{
    data::{Change, Error, Position, Result, code},
    engine::{Log, LogStatus, Spool},
};
use tokio::sync::watch;

use super::{Following, State, anew};
use crate::{error::away, migrate::nudge_sql, truth::PostgresTruth};

/// How long a waiter waits before the server is asked to write something.
const NUDGE_AFTER: Duration = Duration::from_millis(50);

/// How often it is asked again, should the first one be lost with a connection.
const NUDGE_AGAIN: Duration = Duration::from_millis(500);

/// Times the server is asked for one position; a later waiter begins again.
const NUDGES_MAX: u32 = 20;

/// The farthest position that somebody waits for, and whether a task sees to it.
#[derive(Debug)]
struct Nudges {
    wanted: Position,
    runs: bool,
}

impl Default for Nudges {
    fn default() -> Self {
        Self { wanted: Position::START, runs: false }
    }
}

/// The log of a PostgreSQL truth.
pub struct PostgresLog {
    truth: Arc<PostgresTruth>,
    spool: Arc<dyn Spool>,
    state: Arc<State>,
    /// None once it is closed, or while it is being made anew.
    following: tokio::sync::Mutex<Option<Following>>,
    /// The end of the server's WAL when it was last asked for.
    reachable: Mutex<Position>,
    nudges: Arc<Mutex<Nudges>>,
}

impl PostgresLog {
    pub(crate) fn new(
        truth: Arc<PostgresTruth>,
        spool: Arc<dyn Spool>,
        state: Arc<State>,
        following: Following,
    ) -> Self {
        Self {
            truth,
            spool,
            state,
            following: tokio::sync::Mutex::new(Some(following)),
            reachable: Mutex::new(Position::START),
            nudges: Arc::default(),
        }
    }

    /// Stops following the slot. What was not acknowledged comes again at the next start.
    pub async fn close(&self) {
        if let Some(following) = self.following.lock().await.take() {
            following.end().await;
            // Ended between appending and flushing it would hold the spool's file against whoever opens it next. What cannot be
            // written now comes again at the next start.
            let _ = self.spool.flush().await;
        }
    }

    /// Makes slot and log anew where the slot is gone, lost, or of a timeline that was left. Whoever stands at an older
    /// position gets BRG410 from then on. A close waits for it, for about a minute at most.
    ///
    /// # Errors
    /// 0A000 where the slot can be followed; else what stands in the way. It may be called again.
    pub async fn rebuild(self: &Arc<Self>) -> Result<()> {
        let log = Arc::clone(self);
        // In a task of its own: a caller who goes away must not leave a log that nobody follows.
        let made = tokio::spawn(async move { log.make_anew().await }).await;
        made.unwrap_or_else(|e| Err(Error::internal(format!("making the log anew failed: {e}"))))
    }

    async fn make_anew(&self) -> Result<()> {
        let mut place = self.following.lock().await;
        let Some(following) = place.take() else { return Err(away("closed")) };
        following.end().await;
        let made = anew::make_anew(&self.truth, &self.spool).await;
        *place = Some(Following::start(&self.truth, &self.spool, &self.state).await);
        made?;
        match self.state.stopped() {
            Some(why) => Err(Error::new(code::UNAVAILABLE, format!("the log is made anew, and does not move: {why}"))),
            None => Ok(()),
        }
    }

    /// Whether a position lies ahead of the log and will be reached.
    ///
    /// # Errors
    /// BRG412 where it never will be.
    async fn will_come(&self, position: Position) -> Result<bool> {
        let tip = *self.spool.tip().borrow();
        if position <= tip || tip == Position::START {
            return Ok(false);
        }
        let gone = || {
            Error::new(code::OTHER_HISTORY, "the position belongs to another history of this truth")
                .details(format!("position {position}, newest {tip}"))
                .hint("start again from a new snapshot")
        };
        let identity = self.truth.identity();
        if position.tag != identity.tag() || position.era() != identity.era() {
            return Err(gone());
        }
        if position <= *self.reachable.lock().expect("no panic under this lock") {
            return Ok(true);
        }
        // A server that is away is not asked: the reader waits, as long as it wants to.
        let Ok(newest) = self.truth.newest().await else { return Ok(true) };
        *self.reachable.lock().expect("no panic under this lock") = newest;
        if position <= newest { Ok(true) } else { Err(gone()) }
    }
}

#[async_trait]
impl Log for PostgresLog {
    fn tip(&self) -> watch::Receiver<Position> {
        self.spool.tip()
    }

    async fn read(&self, after: Option<Position>, limit: usize) -> Result<Vec<Change>> {
        match after {
            Some(after) if self.will_come(after).await? => Ok(Vec::new()),
            _ => self.spool.read(after, limit).await,
        }
    }

    async fn check(&self, position: Position) -> Result<()> {
        if self.will_come(position).await? { Ok(()) } else { self.spool.check(position).await }
    }

    async fn count_after(&self, position: Option<Position>) -> Result<u64> {
        self.spool.count_after(position).await
    }

    async fn trim(&self, upto: Position) -> Result<u64> {
        self.spool.trim(upto).await
    }

    async fn position_before(&self, time: i64) -> Result<Option<Position>> {
        self.spool.position_before(time).await
    }

    async fn status(&self) -> Result<LogStatus> {
        let status = self.spool.status().await?;
        Ok(LogStatus { stopped: self.state.stopped().or(status.stopped.clone()), ..status })
    }

    /// One small transactional message, if the position is still ahead after 50 ms: its commit moves the tip past it.
    fn nudge(&self, position: Position) {
        let tip = self.spool.tip();
        if position <= *tip.borrow() {
            return;
        }
        let begins = {
            let mut nudges = self.nudges.lock().expect("no panic under this lock");
            nudges.wanted = nudges.wanted.max(position);
            !std::mem::replace(&mut nudges.runs, true)
        };
        if begins {
            tokio::spawn(nudge(self.truth.clone(), self.nudges.clone(), tip));
        }
    }
}

/// Asks the server to write something until the tip has reached what is wanted; the last of them all ends it.
async fn nudge(truth: Arc<PostgresTruth>, nudges: Arc<Mutex<Nudges>>, mut tip: watch::Receiver<Position>) {
    let mut pause = NUDGE_AFTER;
    for turn in 1..=NUDGES_MAX {
        let wanted = nudges.lock().expect("no panic under this lock").wanted;
        let _ = tokio::time::timeout(pause, tip.wait_for(|tip| wanted <= *tip)).await;
        {
            let mut nudges = nudges.lock().expect("no panic under this lock");
            if nudges.wanted <= *tip.borrow() || turn == NUDGES_MAX {
                nudges.runs = false;
                return;
            }
        }
        if let Ok(session) = truth.session().await {
            let _ = session.client().query(&nudge_sql(), &[]).await;
        }
        pause = NUDGE_AGAIN;
    }
}
