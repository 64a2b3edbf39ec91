//! Names on the server. The public key is the cache's own key; everything else lies under `brigade:cache:NAME:`.
//!
//! Invariant: what is read or written in one command is of one slot. So on a cluster there is a mark and an index for each
//! slot, and the companion of a key lies in the key's own slot; on one server one mark and one index do.

use std::sync::LazyLock;

use crc16::{State, XMODEM};

/// Hash slots of every cluster.
pub(super) const SLOTS: u16 = 16_384;

/// A text for each slot that lies in it.
static TAGS: LazyLock<Box<[String]>> = LazyLock::new(|| {
    let mut tags = vec![String::new(); usize::from(SLOTS)];
    let mut left = SLOTS;
    for number in 0_u32.. {
        let text = format!("{number:x}");
        let tag = &mut tags[usize::from(slot(text.as_bytes()))];
        if tag.is_empty() {
            *tag = text;
            left -= 1;
        }
        if left == 0 {
            break;
        }
    }
    tags.into()
});

/// The names of one cache.
#[derive(Debug)]
pub(super) struct Names {
    prefix: String,
    pub is_cluster: bool,
}

impl Names {
    pub fn new(cache: &str, is_cluster: bool) -> Self {
        Self { prefix: format!("brigade:cache:{cache}:"), is_cluster }
    }

    /// How many marks there are.
    pub fn places(&self) -> u16 {
        if self.is_cluster { SLOTS } else { 1 }
    }

    /// Which mark is a key's.
    pub fn place(&self, key: &str) -> u16 {
        if self.is_cluster { slot_of(key) } else { 0 }
    }

    /// What is known of a key's value.
    pub fn companion(&self, key: &str) -> String {
        self.of_key("", key)
    }

    /// Who loads a key.
    pub fn lease(&self, key: &str) -> String {
        self.of_key("lease:", key)
    }

    fn of_key(&self, what: &str, key: &str) -> String {
        let prefix = &self.prefix;
        // Braces within a key would say another slot than its own.
        if key.contains(['{', '}']) {
            format!("{prefix}{what}{{{}}}:{key}", TAGS[usize::from(slot_of(key))])
        } else {
            format!("{prefix}{what}{{{key}}}")
        }
    }

    /// Which invalidations the place has seen.
    pub fn mark(&self, place: u16) -> String {
        self.of_place("mark", place)
    }

    /// The keys of the place.
    pub fn index(&self, place: u16) -> String {
        self.of_place("keys", place)
    }

    pub fn checkpoint(&self) -> String {
        format!("{}checkpoint", self.prefix)
    }

    fn of_place(&self, what: &str, place: u16) -> String {
        let prefix = &self.prefix;
        if self.is_cluster {
            format!("{prefix}{what}:{{{}}}", TAGS[usize::from(place)])
        } else {
            format!("{prefix}{what}")
        }
    }
}

fn slot(bytes: &[u8]) -> u16 {
    State::<XMODEM>::calculate(bytes) % SLOTS
}

/// The slot of a key: that of what stands in its first braces, where something does.
fn slot_of(key: &str) -> u16 {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    slot(tag.filter(|tag| !tag.is_empty()).unwrap_or(key).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_of_a_key_lies_in_its_slot() {
        // As `CLUSTER KEYSLOT` says it.
        assert_eq!((slot_of("foo"), slot_of("{foo}.bar"), slot_of("123456789")), (12_182, 12_182, 12_739));
        let names = Names::new("link", true);
        for key in ["link:abc", "link:{abc}", "link:a}b", "link:{}", "link:{", "{x}{y}", "link:ä"] {
            let slot = slot_of(key);
            let place = names.place(key);
            for name in [names.companion(key), names.lease(key), names.mark(place), names.index(place)] {
                assert_eq!(slot_of(&name), slot, "{key} {name}");
                assert!(name.starts_with("brigade:cache:link:"), "{name}");
            }
        }
        assert_eq!(names.companion("link:abc"), "brigade:cache:link:{link:abc}");
        let names = Names::new("link", false);
        assert_eq!((names.place("link:abc"), names.mark(0)), (0, "brigade:cache:link:mark".to_owned()));
    }
}
