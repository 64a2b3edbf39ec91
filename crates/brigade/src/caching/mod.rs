//! `[cache.NAME]` of an open project: reading by key, and what an operator or a deployment does with entries.

use std::{collections::BTreeMap, sync::Arc};

use brigade_core::{
    data::{Error, Key, Position, Principal, Result, code},
    engine::Entry,
    limits::{CACHE_WARM_KEYS_MAX, CACHE_WARM_LOADS, CHUNK_MAX},
    projection::cache::{Answer, Cache, Permission},
};
use futures_util::{StreamExt as _, stream};
use serde::de::DeserializeOwned;

use crate::{Brigade, Fresh, brigade::undeclared};

/// All caches of a project.
pub(crate) type CacheSet = BTreeMap<String, Arc<Cache>>;

/// One cache of an open project. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CacheHandle {
    brigade: Brigade,
    cache: Arc<Cache>,
}

impl Brigade {
    /// A cache of brigade.toml.
    ///
    /// # Errors
    /// BRG404 with the nearest name.
    pub fn cache(&self, name: &str) -> Result<CacheHandle> {
        let caches = &self.inner.caches;
        let cache = caches.get(name).cloned();
        let cache = cache.ok_or_else(|| undeclared("cache", name, caches.keys(), "[cache.link]"))?;
        Ok(CacheHandle { brigade: self.clone(), cache })
    }
}

impl CacheHandle {
    /// The value under a key; none where the truth has no such row. It may trail the newest commit by the time that the log
    /// takes: [`CacheHandle::get_fresh`] does not.
    ///
    /// # Errors
    /// BRG503 where the truth has to be asked and is away; BRG400 for a value that is no `T`.
    pub async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let read = |bytes: &[u8]| {
            serde_json::from_slice(bytes).map_err(|e| {
                Error::new(code::MALFORMED, format!("what lies under {key:?} does not fit: {e}"))
                    .hint("let the type have the columns of `value` in brigade.toml")
            })
        };
        match self.cache.peek(key) {
            Some(entry) => entry.value.as_deref().map(read).transpose(),
            None => self.get_fresh(key, &Fresh::default()).await?.value.as_deref().map(read).transpose(),
        }
    }

    /// The entry under a key as far as the process has it at hand; none where somebody would have to be asked. One without a
    /// value: it is known that there is nothing. It never waits, and copies nothing.
    pub fn peek(&self, key: &str) -> Option<Arc<Entry>> {
        self.cache.peek(key)
    }

    /// What is under a key, as JSON, with where it comes from. It shows everything that `fresh` names: where the cache does
    /// not within its time, the truth answers.
    ///
    /// # Errors
    /// BRG504 where the truth itself has not published the position in time, BRG412 and BRG410 for one that will not come;
    /// BRG413 for a key that is too long; BRG503 where the truth has to be asked and is away.
    pub async fn get_fresh(&self, key: &str, fresh: &Fresh) -> Result<Answer> {
        let mut after = Position::START;
        for position in &fresh.after {
            self.brigade.wait_for(*position, fresh.wait).await?;
            after = after.max(*position);
        }
        self.cache.get(key, after, fresh.wait).await
    }

    /// [`CacheHandle::get_fresh`] for a principal, who must be allowed to read what the cache shows, by the columns of its
    /// keys.
    ///
    /// # Errors
    /// 42501 for what is closed; else as [`CacheHandle::get_fresh`].
    pub async fn get_as(&self, principal: &Principal, key: &str, fresh: &Fresh) -> Result<Answer> {
        // Of who may do everything nothing is asked: a hit costs less than working out what it shows.
        if self.brigade.config().access.of(principal).are_limited() {
            match self.cache.permission() {
                Permission::Read(read) => self.brigade.permit_read(principal, &read)?,
                Permission::Call(query) => self.brigade.permit_call(principal, &query)?,
            }
        }
        self.get_fresh(key, fresh).await
    }

    /// Forgets what is under a key: the next reader loads it.
    ///
    /// # Errors
    /// BRG503 where the store is away.
    pub async fn delete(&self, key: &str) -> Result<()> {
        self.cache.delete(key).await
    }

    /// Loads keys; says under how many of them there is a value now.
    ///
    /// # Errors
    /// BRG413 for too many keys; else as [`CacheHandle::get_fresh`].
    pub async fn warm(&self, keys: &[String]) -> Result<u64> {
        if keys.len() > CACHE_WARM_KEYS_MAX {
            return Err(Error::new(code::LIMIT, "too many keys")
                .details(format!("CACHE_WARM_KEYS_MAX is {CACHE_WARM_KEYS_MAX}"))
                .hint("warm them in several calls, or all rows with none"));
        }
        self.load_all(keys).await
    }

    /// Loads the keys of rows of its table, in the order of their primary key, up to as many entries as the cache holds; says
    /// how many there are.
    ///
    /// # Errors
    /// BRG400 for a cache of a query, whose keys nobody knows; else as [`CacheHandle::get_fresh`].
    pub async fn warm_all(&self) -> Result<u64> {
        let Some(cached) = self.cache.rows() else {
            return Err(Error::new(code::MALFORMED, "which keys a query is asked for is not known")
                .hint("say which: {\"keys\": [\"feed:7:1\"]}"));
        };
        let layout = cached.table.layout();
        let (mut loaded, mut after): (u64, Option<Key>) = (0, None);
        loop {
            // A snapshot for each chunk: none is held while the cache loads.
            let mut snapshot = self.brigade.truth().snapshot().await?;
            let rows = snapshot.scan(&cached.table, after.as_ref(), CHUNK_MAX.min(1_000)).await?;
            drop(snapshot);
            let Some(last) = rows.last() else { return Ok(loaded) };
            after = layout.key_of(last);
            let mut keys: Vec<String> = rows.iter().flat_map(|row| cached.keys(row)).collect();
            keys.truncate(usize::try_from(self.cache.entries_max() - loaded).unwrap_or(usize::MAX));
            loaded += self.load_all(&keys).await?;
            if loaded >= self.cache.entries_max() {
                return Ok(loaded);
            }
        }
    }

    async fn load_all(&self, keys: &[String]) -> Result<u64> {
        let load = |key: String| {
            let handle = self.clone();
            async move { handle.get_fresh(&key, &Fresh::default()).await }
        };
        let mut answers = stream::iter(keys.iter().cloned().map(load)).buffer_unordered(CACHE_WARM_LOADS);
        let mut loaded = 0;
        while let Some(answer) = answers.next().await {
            loaded += u64::from(answer?.value.is_some());
        }
        Ok(loaded)
    }
}

#[cfg(test)]
mod tests;
