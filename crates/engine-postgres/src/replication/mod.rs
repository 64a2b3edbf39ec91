//! "What happened in the server, in which order?" One slot is followed into a spool. A transaction goes through four
//! hands, each of which owns one rule:
//!
//! 1. [`decode`] turns pgoutput's messages into changes at positions that come out the same when decoded again (16);
//! 2. the source appends them to the spool and acknowledges the slot only once the spool is durable;
//! 3. [`publish`] lets readers see a transaction only once a snapshot taken after decoding shows it finished (14);
//! 4. [`PostgresLog`] tells positions that the server will still reach from those of another history (17).
//!
//! [`slot`] finds out beforehand what would make any of this wrong, and says how to mend it; where no mend keeps the log
//! whole, [`anew`] begins another one.

mod anew;
mod connection;
pub(crate) mod decode;
mod filling;
mod history;
mod log;
mod publish;
mod relation;
mod session;
mod slot;

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use brigade_core::{
    data::{Error, Result},
    engine::Spool,
};
use tokio::{sync::watch, task::JoinHandle};

pub use log::PostgresLog;

use crate::truth::PostgresTruth;

/// The longest pause between two tries to follow the slot.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// How long the source may be away before the status says so: a restart of the server is no event.
const QUIET: Duration = Duration::from_secs(3);

/// How long a start waits for its slot: making one waits for every transaction that runs in the server at that moment.
const START_MAX: Duration = Duration::from_secs(60);

/// Follows one slot into one spool for as long as it lives.
pub struct PostgresSource;

/// Why following ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It will come back by itself.
    Again(Error),
    /// Somebody must do something; looked at again every few seconds, so that a mend needs no restart.
    Stopped(Error),
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Again(error)
    }
}

/// What the source shows of itself.
#[derive(Debug, Default)]
pub(crate) struct State {
    stopped: Mutex<Option<String>>,
    away_since: Mutex<Option<Instant>>,
}

impl State {
    pub fn stopped(&self) -> Option<String> {
        self.stopped.lock().expect("no panic under this lock").clone()
    }

    /// It follows.
    pub fn runs(&self) {
        *self.stopped.lock().expect("no panic under this lock") = None;
        *self.away_since.lock().expect("no panic under this lock") = None;
    }

    fn ended(&self, ended: &Ended) {
        let (error, at_once) = match ended {
            Ended::Again(error) => (error, false),
            Ended::Stopped(error) => (error, true),
        };
        let mut since = self.away_since.lock().expect("no panic under this lock");
        let since = since.get_or_insert_with(Instant::now);
        if at_once || since.elapsed() > QUIET {
            let hint = error.get_hint().map(|h| format!("; {h}")).unwrap_or_default();
            *self.stopped.lock().expect("no panic under this lock") = Some(format!("{}{hint}", error.message()));
        }
    }
}

impl PostgresSource {
    /// Begins to follow the truth's slot, and makes slot and publication where this spool has never had one. Returns once
    /// the slot is there, or it is clear why not: that is then the log's status, not an error. Call it before migrations
    /// are applied, so that they are in the log.
    ///
    /// # Errors
    /// If the spool cannot be read.
    pub async fn start(truth: Arc<PostgresTruth>, spool: Arc<dyn Spool>) -> Result<Arc<PostgresLog>> {
        let _ = truth.tip.set(spool.tip());
        let state = Arc::new(State::default());
        let following = Following::start(&truth, &spool, &state).await;
        Ok(Arc::new(PostgresLog::new(truth, spool, state, following)))
    }
}

/// The task that follows, and how it is ended.
pub(crate) struct Following {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Following {
    /// Begins, and waits until the slot is there or it is clear why not.
    pub async fn start(truth: &Arc<PostgresTruth>, spool: &Arc<dyn Spool>, state: &Arc<State>) -> Self {
        let (ready, mut is_ready) = watch::channel(false);
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(follow(truth.clone(), spool.clone(), state.clone(), ready, stopped));
        let _ = tokio::time::timeout(START_MAX, is_ready.wait_for(|ready| *ready)).await;
        Self { stop, task }
    }

    /// Ends it. What was not acknowledged comes again.
    pub async fn end(self) {
        let _ = self.stop.send(true);
        let _ = self.task.await;
    }
}

async fn follow(
    truth: Arc<PostgresTruth>,
    spool: Arc<dyn Spool>,
    state: Arc<State>,
    ready: watch::Sender<bool>,
    mut stop: watch::Receiver<bool>,
) {
    let mut pause = Duration::from_millis(50);
    loop {
        let began = Instant::now();
        let followed = session::follow(&truth, &spool, &state, &ready);
        let ended = tokio::select! {
            ended = followed => ended,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        state.ended(&ended);
        match &ended {
            Ended::Again(error) => tracing::warn!(error = error.message(), "the slot is not followed: trying again"),
            Ended::Stopped(error) => tracing::error!(error = error.message(), "the slot is not followed"),
        }
        let _ = ready.send(true);
        if began.elapsed() > Duration::from_secs(10) {
            pause = Duration::from_millis(50);
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
}
