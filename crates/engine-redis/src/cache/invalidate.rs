//! Invalidations as the log brings them: first the process's own fences, so that no load from before is sent any more; then the
//! server, in steps of which none holds it up; the checkpoint last, so that after a failure all of it is done again.

use std::collections::{BTreeMap, HashMap};

use brigade_core::{
    data::{Checkpoint, Position, Result},
    engine::Gone,
};

use super::{FENCE, RedisCache, ledger::Left, names::Names, text};

/// Keys of one script: it holds up everybody else on the server.
const KEYS_MAX: usize = 128;

impl RedisCache {
    /// On a cluster a prefix is taken as everything: its keys lie in all slots.
    pub(super) async fn apply(&self, gone: &[(Position, Gone)], checkpoint: Option<&Checkpoint>) -> Result<u64> {
        let mut keys: HashMap<&str, Position> = HashMap::new();
        // By prefix; of all keys it is the empty one.
        let mut wide: HashMap<&str, Position> = HashMap::new();
        for (position, gone) in gone {
            let newest = match gone {
                Gone::Key(key) => keys.entry(key),
                Gone::Prefix(prefix) => wide.entry(prefix),
                Gone::All => wide.entry(""),
            };
            let newest = newest.or_insert(*position);
            *newest = (*position).max(*newest);
        }
        keys.iter().for_each(|(key, position)| drop(self.fences.raise(key, *position)));
        wide.values().for_each(|position| drop(self.fences.raise_floor(*position)));
        if let Some(newest) = keys.values().chain(wide.values()).max() {
            self.ledger.note(*newest);
        }
        let names = self.names().await?;
        let mut places: BTreeMap<u16, Vec<(&str, Position)>> = BTreeMap::new();
        for (key, position) in keys {
            places.entry(names.place(key)).or_default().push((key, position));
        }
        let mut removed = 0;
        for (place, keys) in &places {
            removed += self.invalidate_place(names, *place, keys, None).await?;
        }
        for (prefix, position) in wide {
            removed += self.invalidate_prefix(names, prefix, position).await?;
        }
        if let Some(checkpoint) = checkpoint {
            self.keep(names, checkpoint).await?;
        }
        Ok(removed)
    }

    /// Removes keys of one place, in bounded steps.
    async fn invalidate_place(
        &self,
        names: &Names,
        place: u16,
        keys: &[(&str, Position)],
        floor: Option<Position>,
    ) -> Result<u64> {
        let newest = keys.iter().map(|(_, position)| *position).chain(floor).max();
        let [floor, newest] = [floor, newest].map(|one| one.map(|one| one.to_string()).unwrap_or_default());
        let mut removed = 0;
        for keys in keys.chunks(KEYS_MAX).chain(keys.is_empty().then_some(keys)) {
            let left = self.marked(names, place).await?;
            let mut call = self.scripts.invalidate.prepare_invoke();
            call.key(names.mark(place)).key(names.index(place));
            call.arg(text::word(left.own.sequence)).arg(text::word(left.own.process)).arg(left.count);
            call.arg(&floor).arg(&newest).arg(text::word(left.own.generation)).arg(text::millis(FENCE));
            call.arg(u8::from(self.ledger.is_shared()));
            for (key, position) in keys {
                call.key(*key).key(names.companion(key)).arg(position.to_string());
            }
            let (count, gone): (i64, u64) = self.redis.run_script(&call).await?;
            removed += gone;
            match u64::try_from(count) {
                Ok(count) => self.ledger.confirm(place, Left { count, ..left }),
                Err(_) => self.lose(left),
            }
        }
        Ok(removed)
    }

    /// Removes the keys that begin so. Of everything nothing counts at once, and `sweep` removes it.
    async fn invalidate_prefix(&self, names: &Names, prefix: &str, position: Position) -> Result<u64> {
        if !names.is_cluster {
            // First nothing from before is stored any more, as it would be by what was sent before and comes later.
            self.invalidate_place(names, 0, &[], Some(position)).await?;
        }
        if names.is_cluster || prefix.is_empty() {
            self.ledger.give_up_before(position);
            self.sweep_all();
            return Ok(0);
        }
        let (mut removed, mut after) = (0, None);
        loop {
            let keys = self.keys_with(names, prefix, after.as_deref(), KEYS_MAX).await?;
            let Some(last) = keys.last() else { return Ok(removed) };
            let gone: Vec<_> = keys.iter().map(|key| (key.as_str(), position)).collect();
            removed += self.invalidate_place(names, 0, &gone, None).await?;
            after = Some(last.clone());
        }
    }
}
