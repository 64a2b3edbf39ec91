//! Answers: from the store where that is in step, else from the truth.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::time::timeout;

use super::{Cache, Permission, definition::Definition, load::Wanted};
use crate::{
    cache::is_due,
    data::{Error, Layout, Position, Result, Value, code},
    engine::Entry,
    limits::CACHE_KEY_BYTES_MAX,
    schema::Table,
};

/// Where an answer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The cache had it.
    Hit,
    /// The truth was asked, for this reader or one beside it.
    Miss,
    /// The cache knows that there is nothing.
    Negative,
    /// The cache had it, and loads it anew because it is about to expire.
    StaleRefresh,
    /// The truth was asked because the cache is behind or away.
    Bypass,
}

impl Outcome {
    /// The word in `Brigade-Cache`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Negative => "negative",
            Self::StaleRefresh => "stale-refresh",
            Self::Bypass => "bypass",
        }
    }
}

/// What is under a key.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The value; none: there is nothing.
    pub value: Option<Bytes>,
    /// What it is at least as fresh as.
    pub position: Position,
    /// How long ago it was loaded.
    pub age: Duration,
    /// Where it comes from.
    pub outcome: Outcome,
}

impl Cache {
    /// The entry under a key that the process has at hand, and none where the truth or a server would have to be asked:
    /// then [`Cache::get`] does that.
    pub fn peek(self: &Arc<Self>, key: &str) -> Option<Arc<Entry>> {
        if !self.is_serving() {
            return None;
        }
        let entry = self.store.near(key)?;
        self.count_hit(key, &entry);
        Some(entry)
    }

    /// What is under a key. With `after` it shows everything up to there: where the cache does not within `wait`, the truth
    /// answers, which must have published the position by then.
    ///
    /// # Errors
    /// BRG413 for a key that is too long; BRG503 where the truth has to be asked and is away.
    pub async fn get(self: &Arc<Self>, key: &str, after: Position, wait: Duration) -> Result<Answer> {
        if key.len() > CACHE_KEY_BYTES_MAX {
            return Err(Error::new(code::LIMIT, "the key is too long")
                .details(format!("CACHE_KEY_BYTES_MAX is {CACHE_KEY_BYTES_MAX}"))
                .hint("use a shorter key"));
        }
        let mut is_in_step = self.is_serving() && self.has_applied(after, wait).await;
        // Before the entry is looked at: what is there then, is right at this place of the log.
        let applied = self.applied().unwrap_or(after);
        let ended = self.loads.ended();
        if is_in_step {
            let found = if self.store.is_near() { Ok(self.store.near(key)) } else { self.store.get(key).await };
            match found {
                Ok(Some(entry)) => {
                    let outcome = self.count_hit(key, &entry);
                    return Ok(answer(&entry, applied, outcome));
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::debug!(cache = self.name, %error, "the store is away");
                    is_in_step = false;
                }
            }
        }
        // What is no key lies in no store either, so a hit need not be judged.
        if !self.definition().has(key, &self.relations(), &*self.queries)? {
            let position = after.max(*self.log.tip().borrow());
            return Ok(Answer { value: None, position, age: Duration::ZERO, outcome: Outcome::Miss });
        }
        if !is_in_step {
            return self.bypass(key, after).await;
        }
        self.counters.misses.increment(1);
        let entry = self.load(key, Wanted { after, through_store: true, ended }).await?;
        Ok(answer(&entry, applied, Outcome::Miss))
    }

    /// The truth answers; who asks for the same meanwhile, shares that.
    async fn bypass(self: &Arc<Self>, key: &str, after: Position) -> Result<Answer> {
        self.counters.bypasses.increment(1);
        let entry = self.load(key, Wanted { after, through_store: false, ended: u64::MAX }).await?;
        Ok(answer(&entry, after, Outcome::Bypass))
    }

    /// Counts a hit, and begins an early refresh where chance says so.
    fn count_hit(self: &Arc<Self>, key: &str, entry: &Entry) -> Outcome {
        if entry.value.is_none() {
            self.counters.negative_hits.increment(1);
            return Outcome::Negative;
        }
        self.counters.hits.increment(1);
        let Some(beta) = self.config.early_refresh else { return Outcome::Hit };
        let left = entry.expires.saturating_duration_since(Instant::now());
        let is_due = is_due(left, entry.cost, beta, rand::random());
        if is_due && !self.loads.contains(key) && self.load_beside(key, entry.loaded) {
            self.counters.early_refreshes.increment(1);
            return Outcome::StaleRefresh;
        }
        Outcome::Hit
    }

    async fn has_applied(&self, position: Position, wait: Duration) -> bool {
        if position == Position::START || self.applied().is_some_and(|applied| applied >= position) {
            return true;
        }
        let Some(mut known) = self.known.get().cloned() else { return false };
        let reached = known.wait_for(|known| known.checkpoint.as_ref().is_some_and(|c| c.position >= position));
        timeout(wait, reached).await.is_ok_and(|reached| reached.is_ok())
    }

    /// Forgets what is under a key, and what is being loaded for it.
    ///
    /// # Errors
    /// BRG503 where the store is away.
    pub async fn delete(&self, key: &str) -> Result<()> {
        self.loads.make_void(key);
        self.store.remove(key).await?;
        // Also where there was no entry: what is being loaded is not kept.
        self.counters.invalidations.increment(1);
        Ok(())
    }

    /// What somebody must be allowed who asks this cache.
    pub fn permission(&self) -> Permission {
        self.definition().permission()
    }

    /// Entries at most, where the process has to hold them.
    pub fn entries_max(&self) -> u64 {
        self.config.max_entries
    }

    /// The rows that its values are of; none for a cache of a query.
    pub fn rows(&self) -> Option<CachedRows> {
        let definition = self.definition();
        let table = Arc::clone(self.relations().model().table(&definition.as_table()?.table.name)?);
        Some(CachedRows { layout: table.layout(), table, definition })
    }
}

/// The rows that the values of a cache are of.
pub struct CachedRows {
    /// Their table.
    pub table: Arc<Table>,
    layout: Layout,
    definition: Arc<Definition>,
}

impl CachedRows {
    /// The keys that a row has.
    pub fn keys(&self, row: &[Value]) -> Vec<String> {
        let of = self.definition.as_table().and_then(|of| of.keys_of(&self.layout, |at| row.get(at).cloned()));
        of.unwrap_or_default()
    }
}

fn answer(entry: &Entry, applied: Position, outcome: Outcome) -> Answer {
    Answer { value: entry.value.clone(), position: entry.position.max(applied), age: entry.loaded.elapsed(), outcome }
}
