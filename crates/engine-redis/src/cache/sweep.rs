//! Walks over the keys of a cache, in bounded steps: for `verify`, and to remove what has expired or does not count any more.
//! Other programs read public keys, so what was given up must go from the server also where nobody asks brigade for it.

use std::{
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};

use brigade_core::{data::Result, engine::Entry};
use tokio::{sync::Notify, time::timeout};

use super::{RedisCache, mark_of, names::Names};

/// Between two steps while nothing is due.
const PAUSE: Duration = Duration::from_secs(1);

/// Keys of one step.
const STEP: usize = 256;

/// Places looked at together.
const PLACES: u16 = 64;

/// Keys of one command that reads values.
const VALUES: usize = 32;

/// Where a walk is: behind this key, or at the beginning of this place.
#[derive(Clone, Debug, Default)]
struct Place {
    number: u16,
    after: Option<String>,
}

/// Sweeps until the cache is gone.
pub(super) async fn run(cache: Weak<RedisCache>, wake: Arc<Notify>) {
    let mut place = Place::default();
    loop {
        let _ = timeout(PAUSE, wake.notified()).await;
        let Some(cache) = cache.upgrade() else { return };
        let is_due = cache.is_due.swap(false, Ordering::AcqRel);
        let swept = if is_due { cache.sweep_from_start().await } else { cache.sweep_step(&mut place).await.map(drop) };
        if let Err(error) = swept {
            tracing::debug!(cache = cache.name, %error, "what does not count lies on redis for longer");
            cache.is_due.fetch_or(is_due, Ordering::AcqRel);
        }
    }
}

impl RedisCache {
    async fn sweep_from_start(&self) -> Result<()> {
        let mut place = Place::default();
        while self.sweep_step(&mut place).await? {}
        Ok(())
    }

    /// Looks at the next keys; says whether there are more before the end.
    async fn sweep_step(&self, place: &mut Place) -> Result<bool> {
        let Some(names) = self.names.get() else { return Ok(false) };
        let keys = self.keys_after(names, place, STEP).await?;
        let Some(last) = keys.last() else {
            *place = Place::default();
            return Ok(false);
        };
        let left = self.ledger.left(place.number);
        let mut get = redis::cmd("MGET");
        for key in &keys {
            get.arg(names.companion(key));
        }
        get.arg(names.mark(place.number));
        let mut companions: Vec<Option<Vec<u8>>> = self.redis.run(&get).await?;
        let mark = mark_of(companions.pop().flatten());
        if let Some(left) = left.filter(|left| !left.is_in(mark.as_ref())) {
            self.lose(left);
        }
        for (key, companion) in keys.iter().zip(companions) {
            let companion = companion.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
            // Past its end the companion is a fence, and goes by itself.
            if !self.counts(&companion) {
                self.drop_one(names, key, &companion).await?;
            }
        }
        place.after = Some(last.clone());
        Ok(true)
    }

    /// The next keys of one place: that of the walk, or the first one after it that has any. None: the walk is at its end.
    async fn keys_after(&self, names: &Names, place: &mut Place, limit: usize) -> Result<Vec<String>> {
        if let Some(after) = &place.after {
            let keys = self.keys_of(names, place.number, Some(after), limit).await?;
            if !keys.is_empty() {
                return Ok(keys);
            }
            *place = Place { number: place.number + 1, after: None };
        }
        while place.number < names.places() {
            let numbers = place.number..place.number.saturating_add(PLACES).min(names.places());
            let left: Vec<_> = numbers.clone().map(|number| self.ledger.left(number)).collect();
            let mut get = redis::cmd("MGET");
            for number in numbers.clone() {
                get.arg(names.mark(number));
            }
            let marks: Vec<Option<Vec<u8>>> = self.redis.run(&get).await?;
            place.number = numbers.end;
            for ((number, left), mark) in numbers.zip(left).zip(marks) {
                // Where nothing was ever marked, nothing lies.
                let is_marked = mark.is_some();
                if let Some(left) = left.filter(|left| !left.is_in(mark_of(mark).as_ref())) {
                    self.lose(left);
                }
                let keys = if is_marked { self.keys_of(names, number, None, limit).await? } else { Vec::new() };
                if !keys.is_empty() {
                    place.number = number;
                    return Ok(keys);
                }
            }
        }
        Ok(Vec::new())
    }

    async fn keys_of(&self, names: &Names, place: u16, after: Option<&str>, limit: usize) -> Result<Vec<String>> {
        let mut range = redis::cmd("ZRANGEBYLEX");
        range.arg(names.index(place)).arg(after.map_or_else(|| "-".to_owned(), |after| format!("({after}")));
        self.redis.run(range.arg("+").arg("LIMIT").arg(0).arg(limit)).await
    }

    /// The next keys of the only place that begin so.
    pub(super) async fn keys_with(
        &self,
        names: &Names,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>> {
        let mut range = redis::cmd("ZRANGEBYLEX");
        range.arg(names.index(0)).arg(after.map_or_else(|| format!("[{prefix}"), |after| format!("({after}")));
        // Past every text that begins so: no text has this byte.
        let end = [b"(", prefix.as_bytes(), &[0xff]].concat();
        self.redis.run(range.arg(end).arg("LIMIT").arg(0).arg(limit)).await
    }

    /// The next entries, by place and in it by key.
    pub(super) async fn entries_after(&self, after: Option<&str>, limit: usize) -> Result<Vec<(String, Arc<Entry>)>> {
        let names = self.names().await?;
        let number = after.map_or(0, |after| names.place(after));
        let mut place = Place { number, after: after.map(str::to_owned) };
        loop {
            let keys = self.keys_after(names, &mut place, limit).await?;
            let Some(last) = keys.last() else { return Ok(Vec::new()) };
            let mut entries = Vec::new();
            for keys in keys.chunks(VALUES) {
                entries.extend(self.entries(names, place.number, keys).await?);
            }
            // Of keys that have all expired nobody learns that there are more.
            if !entries.is_empty() {
                return Ok(entries);
            }
            place.after = Some(last.clone());
        }
    }

    async fn entries(&self, names: &Names, place: u16, keys: &[String]) -> Result<Vec<(String, Arc<Entry>)>> {
        let Some(left) = self.known(names, place).await? else { return Ok(Vec::new()) };
        let mut get = redis::cmd("MGET");
        get.arg(names.mark(place));
        for key in keys {
            get.arg(key).arg(names.companion(key));
        }
        let mut found: Vec<Option<Vec<u8>>> = self.redis.run(&get).await?;
        if !left.is_in(mark_of(found.first_mut().and_then(Option::take)).as_ref()) {
            self.lose(left);
            return Ok(Vec::new());
        }
        let mut entries = Vec::new();
        for (key, found) in keys.iter().zip(found[1..].chunks_mut(2)) {
            let [value, companion] = found else { continue };
            if let Some(entry) = self.read(value.take(), companion.take()) {
                entries.push((key.clone(), Arc::new(entry)));
            }
        }
        Ok(entries)
    }
}
