//! What has been shown beyond what was promised. A read answers the position that it is at least as fresh as, and may show
//! what was committed a moment later. Who sends that position back must see that again: so it is remembered how far answers
//! of a position may have gone. It owns that what is forgotten is only ever replaced by more, never by less.

use std::{collections::VecDeque, sync::Mutex};

use brigade_core::data::Position;

/// Entries kept; past it neighbours are taken together.
const ENTRIES_MAX: usize = 1_024;

/// Answers of this process: up to which place of the WAL those of a position, or an earlier one, may have gone.
#[derive(Debug, Default)]
pub(super) struct Shown(Mutex<VecDeque<Entry>>);

/// Both rise from one entry to the next.
#[derive(Clone, Copy, Debug)]
struct Entry {
    answered: Position,
    upto: u64,
}

impl Shown {
    /// An answer named `answered`, and may show what lies below `upto` in the WAL.
    pub fn note(&self, answered: Position, upto: u64) {
        if upto <= answered.lsn() + 1 {
            return;
        }
        let mut entries = self.0.lock().expect("no panic under this lock");
        if entries.back().is_some_and(|entry| entry.answered.era() != answered.era()) {
            entries.clear();
        }
        let at = entries.partition_point(|entry| entry.answered <= answered);
        if at > 0 && entries[at - 1].upto >= upto {
            return;
        }
        // What comes behind and reaches no farther is said by this one.
        let covered = entries.iter().skip(at).take_while(|entry| entry.upto <= upto).count();
        entries.drain(at..at + covered);
        match at.checked_sub(1).filter(|&before| entries[before].answered == answered) {
            Some(before) => entries[before].upto = upto,
            None => entries.insert(at, Entry { answered, upto }),
        }
        if entries.len() > ENTRIES_MAX {
            thin(&mut entries);
        }
    }

    /// Up to which place a store must have come, that shows no less than any answer of this position did.
    pub fn upto(&self, position: Position) -> u64 {
        let entries = self.0.lock().expect("no panic under this lock");
        let at = entries.partition_point(|entry| entry.answered <= position);
        let known = at.checked_sub(1).map_or(0, |last| entries[last].upto);
        known.max(position.lsn() + 1)
    }
}

/// Of two neighbours the earlier one's position and the later one's reach stay: too much for some, too little for none.
fn thin(entries: &mut VecDeque<Entry>) {
    let all: Vec<Entry> = entries.drain(..).collect();
    let pairs = all.chunks(2).map(|pair| Entry { answered: pair[0].answered, upto: pair[pair.len() - 1].upto });
    entries.extend(pairs);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(lsn: u64) -> Position {
        Position::from_lsn(1, lsn - 1, u32::MAX, 7)
    }

    #[test]
    fn a_position_stands_for_all_that_was_shown_with_it_or_before() {
        let shown = Shown::default();
        shown.note(at(100), 100);
        shown.note(at(200), 260);
        shown.note(at(300), 310);
        shown.note(at(200), 250);
        shown.note(at(150), 280);
        for (lsn, upto) in [(100, 100), (149, 149), (150, 280), (200, 280), (270, 280), (290, 290), (300, 310)] {
            assert_eq!(shown.upto(at(lsn)), upto, "{lsn}");
        }
        // Another life of the server: its places mean something else.
        shown.note(Position::from_lsn(2, 49, u32::MAX, 7), 60);
        assert_eq!(shown.upto(Position::from_lsn(2, 49, u32::MAX, 7)), 60);
    }

    #[test]
    fn however_much_is_noted_memory_is_bounded_and_nothing_is_said_too_small() {
        let shown = Shown::default();
        let mut plain: Vec<(u64, u64)> = Vec::new();
        let mut seed = 42_u64;
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let lsn = 8 + (seed >> 33) % 100_000 * 8;
            let upto = lsn + (seed >> 20) % 64 * 8;
            shown.note(at(lsn), upto);
            plain.push((lsn, upto));
        }
        assert!(shown.0.lock().unwrap().len() <= ENTRIES_MAX);
        for lsn in (8..800_000).step_by(7_777) {
            let must = plain.iter().filter(|(answered, _)| *answered <= lsn).map(|(_, upto)| *upto).max();
            assert!(shown.upto(at(lsn)) >= must.unwrap_or(0).max(lsn), "{lsn}");
        }
    }
}
