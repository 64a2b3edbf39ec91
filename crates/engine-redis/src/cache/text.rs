//! What lies beside the values, as text: companions, marks and the checkpoint. What cannot be read counts as not there.
//!
//! ```text
//! companion   e GENERATION POSITION LOADED_MS EXPIRES_MS COST_US DIGEST     an entry; DIGEST is - where there is nothing
//!             f GENERATION POSITION                                        a fence
//! mark        GENERATION COUNT FLOOR
//! checkpoint  GENERATION POSITION [SEEN]
//! ```

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use brigade_core::{
    data::{Checkpoint, Position, Seen},
    engine::Entry,
};
use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

/// The companion of an entry.
pub(super) fn companion(generation: u64, entry: &Entry) -> String {
    let Entry { value, position, loaded, expires, cost } = entry;
    let (wall, now) = (wall_ms(), Instant::now());
    let loaded = wall.saturating_sub(millis(now.saturating_duration_since(*loaded)));
    let expires = wall.saturating_add(millis(expires.saturating_duration_since(now)));
    let digest = value.as_ref().map_or_else(|| "-".to_owned(), |value| format!("{:016x}", xxh3_64(value)));
    format!("e {generation:016x} {position} {loaded} {expires} {} {digest}", cost.as_micros())
}

/// Which generation a companion is of, and its position; none for a fence.
pub(super) fn entry_of(companion: &str) -> Option<(u64, Position)> {
    let mut words = companion.strip_prefix("e ")?.split(' ');
    Some((u64::from_str_radix(words.next()?, 16).ok()?, words.next()?.parse().ok()?))
}

/// The entry that a companion and a value are together; none where they do not belong together, or it is over.
pub(super) fn entry(companion: &str, value: Option<Vec<u8>>) -> Option<Entry> {
    let (_, position) = entry_of(companion)?;
    let mut words = companion.split(' ').skip(3);
    let loaded: u64 = words.next()?.parse().ok()?;
    let expires: u64 = words.next()?.parse().ok()?;
    let cost: u64 = words.next()?.parse().ok()?;
    let (wall, now) = (wall_ms(), Instant::now());
    let left = Duration::from_millis(expires.saturating_sub(wall));
    let value = match words.next()? {
        // Nothing is under the public key that could expire.
        "-" if left.is_zero() => return None,
        "-" => None,
        digest => {
            let is_own = |value: &Vec<u8>| u64::from_str_radix(digest, 16) == Ok(xxh3_64(value));
            Some(Bytes::from(value.filter(is_own)?))
        }
    };
    let age = Duration::from_millis(wall.saturating_sub(loaded));
    Some(Entry {
        value,
        position,
        loaded: now.checked_sub(age).unwrap_or(now),
        expires: now.checked_add(left).unwrap_or(now),
        cost: Duration::from_micros(cost),
    })
}

/// How many invalidations of a generation a place has seen, and before which position nothing in it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub generation: u64,
    pub count: u64,
    pub floor: Position,
}

impl Mark {
    pub fn write(&self) -> String {
        format!("{:016x} {} {}", self.generation, self.count, self.floor)
    }

    pub fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let generation = u64::from_str_radix(words.next()?, 16).ok()?;
        Some(Self { generation, count: words.next()?.parse().ok()?, floor: words.next()?.parse().ok()? })
    }
}

pub(super) fn write_checkpoint(generation: u64, checkpoint: &Checkpoint) -> String {
    let seen = checkpoint.seen.as_ref().map(|seen| format!(" {seen}")).unwrap_or_default();
    format!("{generation:016x} {}{seen}", checkpoint.position)
}

pub(super) fn read_checkpoint(text: &str) -> Option<(u64, Checkpoint)> {
    let mut words = text.split(' ');
    let generation = u64::from_str_radix(words.next()?, 16).ok()?;
    let position = words.next()?.parse().ok()?;
    let seen = match words.next() {
        None => None,
        Some(text) => Some(Seen::parse(text)?),
    };
    Some((generation, Checkpoint { position, seen }))
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn wall_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_they_were_written() {
        let (now, position) = (Instant::now(), Position { order: 7, tag: 9 });
        let hour = Duration::from_secs(3_600);
        for value in [Some(Bytes::from_static(b"{}")), None] {
            let cost = Duration::from_micros(12);
            let written = Entry { value: value.clone(), position, loaded: now, expires: now + hour, cost };
            let text = companion(3, &written);
            assert_eq!(entry_of(&text), Some((3, position)));
            let read = entry(&text, value.clone().map(|value| value.to_vec())).unwrap();
            assert_eq!((read.value, read.position, read.cost), (value.clone(), position, cost));
            assert!(read.expires > now + hour / 2 && read.expires < now + hour * 2);
            // Somebody else's value, or none.
            assert_eq!(entry(&text, Some(b"[]".to_vec())).is_none(), value.is_some());
            assert_eq!(entry(&text, None).is_none(), value.is_some());
        }
        let over = Entry { value: None, position, loaded: now, expires: now, cost: Duration::ZERO };
        assert_eq!(entry(&companion(3, &over), None), None);
        let mark = Mark { generation: u64::MAX, count: 5, floor: position };
        assert_eq!(Mark::read(&mark.write()), Some(mark));
        for seen in [None, Seen::parse("10:20:12,15")] {
            let checkpoint = Checkpoint { position, seen };
            assert_eq!(read_checkpoint(&write_checkpoint(3, &checkpoint)), Some((3, checkpoint)));
        }
        for text in ["", "f 3 x", "e", "e 3 x", "x y z", "3"] {
            assert!(entry(text, None).is_none() && Mark::read(text).is_none() && read_checkpoint(text).is_none());
        }
    }
}
