//! Follows the log once for all live reads, as long as there is one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::broadcast;

use crate::{
    data::{Error, Position, Result},
    engine::{CheckedRead, Log, Tables, Truth},
    limits::{CHUNK_MAX, LIVE_BATCHES_MAX},
};

use super::judge::{Judged, Shown, judge};

/// What subscribers of one query hear.
#[derive(Clone, Debug)]
pub(super) enum Heard {
    /// Rows that entered, changed or left.
    Rows(Arc<Vec<Shown>>),
    /// All rows went at once.
    Anew,
    /// Nothing more comes, and why.
    Ended(Error),
}

/// What some subscribers ask, all the same.
#[derive(Debug)]
pub(super) struct Query {
    /// The read.
    pub read: Arc<CheckedRead>,
    said: broadcast::Sender<Heard>,
}

/// Where live reads hear of changes. One for a truth.
pub struct Hub {
    pub(super) truth: Arc<dyn Truth>,
    pub(super) log: Arc<dyn Log>,
    pub(super) tables: Arc<dyn Tables>,
    state: Mutex<State>,
}

struct State {
    /// Whether somebody follows the log.
    is_following: bool,
    /// How far the log is read: whoever joins hears of everything after it.
    at: Position,
    queries: HashMap<String, Arc<Query>>,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub").field("queries", &self.state().queries.len()).finish_non_exhaustive()
    }
}

impl Hub {
    /// A hub that nobody listens to yet.
    pub fn new(truth: Arc<dyn Truth>, log: Arc<dyn Log>, tables: Arc<dyn Tables>) -> Arc<Self> {
        let state = State { is_following: false, at: Position::START, queries: HashMap::new() };
        Arc::new(Self { truth, log, tables, state: Mutex::new(state) })
    }

    /// Joins those who ask the same; `key` is equal for those and nobody else. Answers the position after which every
    /// change is heard.
    pub(super) fn join(
        self: &Arc<Self>,
        key: &str,
        read: CheckedRead,
    ) -> (Arc<Query>, broadcast::Receiver<Heard>, Position) {
        let mut state = self.state();
        if !state.is_following {
            state.is_following = true;
            state.at = *self.log.tip().borrow();
            tokio::spawn(Arc::clone(self).follow(state.at));
        }
        let query = state.queries.entry(key.to_owned()).or_insert_with(|| {
            Arc::new(Query { read: Arc::new(read), said: broadcast::Sender::new(LIVE_BATCHES_MAX) })
        });
        (Arc::clone(query), query.said.subscribe(), state.at)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn follow(self: Arc<Self>, mut after: Position) {
        let mut tip = self.log.tip();
        loop {
            tip.mark_unchanged();
            let read = match self.log.read(Some(after), CHUNK_MAX).await {
                Ok(read) => read,
                Err(error) => return self.end(&error),
            };
            let Some(last) = read.last() else {
                if tip.changed().await.is_err() {
                    return self.end(&Error::unavailable("the log was closed", Duration::from_secs(1)));
                }
                continue;
            };
            after = last.position;
            let Some(queries) = self.turn(after) else { return };
            for (key, query) in queries {
                let judged = judge(&self.tables, &query, &read).await;
                self.say(&key, &query, judged);
            }
        }
    }

    /// Those who hear of the next changes, up to a position; none where nobody is left. Whoever joins from now on hears of
    /// what comes after it.
    fn turn(&self, upto: Position) -> Option<Vec<(String, Arc<Query>)>> {
        let mut state = self.state();
        state.queries.retain(|_, query| query.said.receiver_count() > 0);
        state.at = upto;
        state.is_following = !state.queries.is_empty();
        let listening = || state.queries.iter().map(|(key, query)| (key.clone(), Arc::clone(query))).collect();
        state.is_following.then(listening)
    }

    fn say(&self, key: &str, query: &Arc<Query>, judged: Result<Judged>) {
        let heard = match judged {
            Ok(Judged::Rows(rows)) if rows.is_empty() => return,
            Ok(Judged::Rows(rows)) => Heard::Rows(Arc::new(rows)),
            Ok(Judged::Anew) => Heard::Anew,
            Ok(Judged::Reshaped) => Heard::Ended(reshaped()),
            Err(error) => Heard::Ended(error),
        };
        // Whoever asks the same after an end begins anew.
        if matches!(heard, Heard::Ended(_)) {
            let mut state = self.state();
            if state.queries.get(key).is_some_and(|known| Arc::ptr_eq(known, query)) {
                state.queries.remove(key);
            }
        }
        // Nobody hears it where the last one has just gone.
        let _ = query.said.send(heard);
    }

    /// The log cannot be followed: everybody is told, and the next who joins tries again.
    fn end(&self, error: &Error) {
        let queries = {
            let mut state = self.state();
            state.is_following = false;
            std::mem::take(&mut state.queries)
        };
        for query in queries.into_values() {
            let _ = query.said.send(Heard::Ended(error.clone()));
        }
    }
}

fn reshaped() -> Error {
    Error::unavailable("a migration changed the tables", Duration::from_secs(1))
        .hint("ask again: the rows come anew, with the columns that there are now")
}
