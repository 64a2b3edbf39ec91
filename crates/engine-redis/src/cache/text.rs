//! What lies beside the values, as text: companions, marks and the checkpoint. What cannot be read counts as not there.
//!
//! ```text
//! companion   e GENERATION POSITION LOADED_MS EXPIRES_MS COST_US DIGEST     an entry; DIGEST is - where there is nothing
//!             f GENERATION POSITION                                        a fence
//! mark        SEQUENCE FLOOR BEFORE NEWEST BEGAN_MS PROCESS:COUNT …            the scripts say what they do with it
//! checkpoint  POSITION                                                     of who wrote last; for people
//! ```

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use brigade_core::{data::Position, engine::Entry};
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

/// What each process has left at a place, as far as it is read here: of which positions it tells, and how many invalidations of
/// each process it has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub sequence: u64,
    counts: String,
}

impl Mark {
    pub fn read(text: &str) -> Option<Self> {
        let mut words = text.splitn(6, ' ');
        let sequence = u64::from_str_radix(words.next()?, 16).ok()?;
        Some(Self { sequence, counts: words.nth(4)?.to_owned() })
    }

    /// How many invalidations of a process it tells of.
    pub fn count(&self, process: u64) -> Option<u64> {
        let mut counts = self.counts.split(' ').filter_map(|count| count.split_once(':'));
        let (_, count) = counts.find(|(of, _)| u64::from_str_radix(of, 16) == Ok(process))?;
        count.parse().ok()
    }
}

/// A number as it stands in all of this.
pub(super) fn word(number: u64) -> String {
    format!("{number:016x}")
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
        let mark = Mark::read("ff 1-2 1-2 1-2 17 0a:5 b:6").unwrap();
        assert_eq!((mark.sequence, mark.count(10), mark.count(11), mark.count(12)), (255, Some(5), Some(6), None));
        for text in ["", "f 3 x", "e", "e 3 x", "x y z", "3", "3 1 2 3 4"] {
            assert!(entry(text, None).is_none() && Mark::read(text).is_none(), "{text}");
        }
    }
}
