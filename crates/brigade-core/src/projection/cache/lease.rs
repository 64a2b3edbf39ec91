//! Loads over processes: of all that answer from one store, one asks the truth for a key, and the others take what it has put.
//!
//! A lease only saves loads. Whoever holds it may be slow, frozen or gone: then the next one has it when it ends, and nobody waits
//! for more than two. Where the store is away the truth is asked at once. That what is found is right is the store's matter, as
//! of any hit.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time::sleep;

use super::{Cache, load::Load};
use crate::{
    engine::Entry,
    limits::{CACHE_POLL_MAX, CACHE_POLL_MIN},
};

/// By how much a younger entry must differ from the one that it replaces: times on a server are whole milliseconds.
const YOUNGER: Duration = Duration::from_millis(5);

/// What a load does that begins.
pub(super) enum Turn {
    /// Another process has put it there.
    Found(Arc<Entry>),
    /// It asks the truth; with a lease, which it gives back.
    Ask(Option<u64>),
}

impl Cache {
    /// Waits until it is this process's turn to load a key, or another one has done so.
    pub(super) async fn turn(&self, key: &str, load: &Load) -> Turn {
        if !self.store.is_shared() || load.is_void() {
            return Turn::Ask(None);
        }
        let (token, until) = (rand::random(), Instant::now() + self.config.lease * 2);
        let mut pause = CACHE_POLL_MIN;
        let mut is_waiting = false;
        loop {
            let Ok(leads) = self.store.lease(key, token, self.config.lease).await else { return Turn::Ask(None) };
            // Also a new leader looks: the one before it may have been done since this one looked.
            if let Some(entry) = self.found(key, load, leads).await {
                if leads {
                    self.release(key, Some(token)).await;
                }
                return Turn::Found(entry);
            }
            let left = until.saturating_duration_since(Instant::now());
            if leads || left.is_zero() {
                return Turn::Ask(leads.then_some(token));
            }
            if !is_waiting {
                self.counters.waits.increment(1);
                is_waiting = true;
            }
            sleep(pause.mul_f64(rand::random_range(0.5..1.0)).min(left)).await;
            pause = (pause * 2).min(CACHE_POLL_MAX);
        }
    }

    /// Gives a lease back.
    pub(super) async fn release(&self, key: &str, lease: Option<u64>) {
        if let Some(token) = lease
            && let Err(error) = self.store.release(key, token).await
        {
            tracing::debug!(cache = self.name, %error, "a lease lasts until its end");
        }
    }

    /// What another process has put. It may be older than what this load would be, so whoever comes from now on does not share
    /// it unseen: those who wait already began before it is looked at, and to them it is a hit.
    async fn found(&self, key: &str, load: &Load, leads: bool) -> Option<Arc<Entry>> {
        let serves = |entry: &Arc<Entry>| match load.replaces {
            // Before its end an entry is loaded anew by one process; the others keep it.
            Some(loaded) if leads => entry.loaded > loaded + YOUNGER,
            _ => true,
        };
        self.store.get(key).await.ok().flatten().filter(serves)?;
        load.close();
        self.store.get(key).await.ok().flatten().filter(serves)
    }
}
