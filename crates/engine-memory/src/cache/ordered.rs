//! The keys of a cache in their order: all with one beginning are found without a look at the others.
//!
//! Made when it is first asked for, since most caches never are. Invariant: once it is made, every key that has an entry is in
//! it. Keys without one may be in it too, because entries go when room is needed; when there are too many, it is made anew.

use std::{
    collections::BTreeSet,
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Keys between two looks at how many of them have no entry.
const LOOK_EVERY: usize = 1_024;

#[derive(Default)]
pub(super) struct Ordered {
    keys: Mutex<Option<BTreeSet<Box<str>>>>,
}

impl Ordered {
    fn keys(&self) -> MutexGuard<'_, Option<BTreeSet<Box<str>>>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A key is about to get an entry. `entries` says how many there are.
    pub(super) fn note(&self, key: &str, entries: impl FnOnce() -> usize) {
        let mut keys = self.keys();
        let Some(set) = &mut *keys else { return };
        if set.contains(key) {
            return;
        }
        set.insert(key.into());
        if set.len() % LOOK_EVERY == 0 && set.len() > 2 * entries() + LOOK_EVERY {
            *keys = None;
        }
    }

    /// Takes out all keys that begin so and that `goes` says yes to. While it runs nobody may put an entry; `all` are the keys
    /// that have one.
    pub(super) fn take(&self, prefix: &str, all: impl Iterator<Item = Box<str>>, goes: impl Fn(&str) -> bool) {
        let mut keys = self.keys();
        let set = keys.get_or_insert_with(|| all.collect());
        let from = (Bound::Included(prefix), Bound::Unbounded);
        let found = set.range::<str, _>(from).take_while(|key| key.starts_with(prefix));
        let gone: Vec<Box<str>> = found.filter(|key| goes(key)).cloned().collect();
        for key in &gone {
            set.remove(key);
        }
    }

    /// There is no entry any more.
    pub(super) fn clear(&self) {
        *self.keys() = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(ordered: &Ordered, prefix: &str, all: &[&str]) -> Vec<String> {
        let taken = Mutex::new(Vec::new());
        ordered.take(prefix, all.iter().map(|&key| key.into()), |key| {
            taken.lock().unwrap().push(key.to_owned());
            true
        });
        taken.into_inner().unwrap()
    }

    #[test]
    fn keys_with_one_beginning_are_found_also_those_that_came_later() {
        let ordered = Ordered::default();
        ordered.note("feed:7:0", || 1);
        assert_eq!(
            taken(&ordered, "feed:7:", &["feed:6:9", "feed:7:1", "feed:7:2", "feed:70:1", "feed:8"]),
            ["feed:7:1", "feed:7:2"]
        );
        ordered.note("feed:7:3", || 4);
        ordered.note("feed:6:9", || 4);
        assert_eq!(taken(&ordered, "feed:7:", &[]), ["feed:7:3"], "each is taken once");
        assert_eq!(taken(&ordered, "feed:", &[]), ["feed:6:9", "feed:70:1", "feed:8"]);
        assert_eq!(taken(&ordered, "", &[]), [""; 0]);
    }

    #[test]
    fn it_is_made_anew_rather_than_full_of_what_went() {
        let ordered = Ordered::default();
        assert_eq!(taken(&ordered, "k", &[]), [""; 0]);
        for n in 0..LOOK_EVERY * 4 {
            ordered.note(&format!("k{n}"), || 10);
            assert!(ordered.keys().as_ref().is_none_or(|set| set.len() <= LOOK_EVERY * 2));
        }
        assert_eq!(taken(&ordered, "k", &["k1", "l"]), ["k1"]);
    }
}
