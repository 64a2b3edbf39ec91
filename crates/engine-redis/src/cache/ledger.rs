//! What this process knows to lie on the server: which entries count, and for each place how many of its own invalidations the
//! server has confirmed. A mark that tells of fewer, or nothing of this process, is not the one that was left: the server was
//! emptied, or given an old dump.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use brigade_core::data::Position;

use super::text::{Mark, millis};

/// See the file's head.
#[derive(Debug)]
pub(super) struct Ledger {
    state: Mutex<State>,
    began: Instant,
    /// Whether other processes answer from these entries too.
    is_shared: bool,
}

#[derive(Debug)]
struct State {
    own: Own,
    /// Places whose mark has this process's count.
    counts: HashMap<u16, u64>,
    /// What was loaded before is given up.
    floor: Position,
    /// The newest invalidation of any key.
    newest: Position,
    /// How far the server's clock is ahead of the time since this process began.
    ahead_ms: u64,
}

/// Under which words this process leaves things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Own {
    /// Positions of one sequence can be compared.
    pub sequence: u64,
    /// Entries of one generation were made in the same way, of the same truth.
    pub generation: u64,
    /// Who counts its invalidations.
    pub process: u64,
}

/// What must be found on the server for anything there to count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    pub own: Own,
    pub count: u64,
}

impl Own {
    /// Nobody else's.
    fn new() -> Self {
        let one = rand::random();
        Self { sequence: one, generation: one, process: one }
    }
}

impl Left {
    /// Whether a mark is at or past what was left.
    pub fn is_in(self, mark: Option<&Mark>) -> bool {
        mark.is_some_and(|mark| {
            mark.sequence == self.own.sequence && mark.count(self.own.process).is_some_and(|count| count >= self.count)
        })
    }
}

impl Ledger {
    pub fn new(is_shared: bool) -> Self {
        let state = State {
            own: Own::new(),
            counts: HashMap::new(),
            floor: Position::START,
            newest: Position::START,
            ahead_ms: 0,
        };
        Self { state: Mutex::new(state), began: Instant::now(), is_shared }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn is_shared(&self) -> bool {
        self.is_shared
    }

    pub fn own(&self) -> Own {
        self.state().own
    }

    /// What was left at a place; none while nothing of this process lies there.
    pub fn left(&self, place: u16) -> Option<Left> {
        let state = self.state();
        let count = *state.counts.get(&place)?;
        Some(Left { own: state.own, count })
    }

    /// The server has confirmed it.
    pub fn confirm(&self, place: u16, left: Left) {
        let mut state = self.state();
        if state.own == left.own {
            let count = state.counts.entry(place).or_default();
            *count = left.count.max(*count);
        }
    }

    /// Begins at a position: what lies on the server does not count any more, unless it is shared, made of the same, and not
    /// older.
    pub fn begin(&self, position: Position, made_of: u64) {
        let mut state = self.state();
        let was = state.own.sequence;
        state.own = Own::new();
        state.counts.clear();
        if self.is_shared {
            (state.own.sequence, state.own.generation) = (position.tag, made_of);
            // Positions of another history cannot be compared with these.
            state.floor = if was == position.tag { position.max(state.floor) } else { position };
        }
        state.newest = position;
    }

    /// The server has lost what it had, unless somebody has noted that already: what lies there counts only where it is as new
    /// as everything that this process has ever applied.
    pub fn lose(&self, own: Own) -> bool {
        let mut state = self.state();
        let is_first = state.own == own;
        if is_first {
            let Own { process, .. } = Own::new();
            state.own = if self.is_shared { Own { process, ..own } } else { Own::new() };
            state.counts.clear();
            if self.is_shared {
                state.floor = state.newest.max(state.floor);
            }
        }
        is_first
    }

    /// An invalidation is about to be applied.
    pub fn note(&self, position: Position) {
        let mut state = self.state();
        state.newest = position.max(state.newest);
    }

    /// What was loaded before does not count any more, whatever its key.
    pub fn give_up_before(&self, position: Position) {
        let mut state = self.state();
        state.floor = position.max(state.floor);
    }

    pub fn floor(&self) -> Position {
        self.state().floor
    }

    /// Whether an entry of a generation and position may be answered.
    pub fn counts(&self, generation: u64, position: Position) -> bool {
        let state = self.state();
        state.own.generation == generation && position >= state.floor
    }

    /// The server's clock, as it answered just now.
    pub fn set_clock(&self, now_ms: u64) {
        self.state().ahead_ms = now_ms.saturating_sub(millis(self.began.elapsed()));
    }

    /// What the server's clock will show then.
    pub fn server_ms(&self, from_now: Duration) -> u64 {
        self.state().ahead_ms.saturating_add(millis(self.began.elapsed() + from_now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(order: u128) -> Position {
        Position { order, tag: 7 }
    }

    fn mark(own: Own, count: u64) -> Mark {
        Mark::read(&format!("{:016x} - - - 0 {:016x}:{count} 0000000000000009:99", own.sequence, own.process)).unwrap()
    }

    #[test]
    fn only_a_mark_at_or_past_what_was_left_counts() {
        let ledger = Ledger::new(false);
        assert!(ledger.left(3).is_none(), "nothing lies there");
        let own = ledger.own();
        ledger.confirm(3, Left { own, count: 7 });
        ledger.confirm(3, Left { own, count: 5 });
        let left = ledger.left(3).unwrap();
        assert!(left.is_in(Some(&mark(own, 7))) && left.is_in(Some(&mark(own, 8))));
        let others = [Own { sequence: own.sequence ^ 1, ..own }, Own { process: own.process ^ 1, ..own }];
        assert!(!left.is_in(Some(&mark(own, 6))) && !left.is_in(None));
        assert!(others.iter().all(|other| !left.is_in(Some(&mark(*other, 7)))));
        assert!(ledger.lose(own));
        assert!(!ledger.lose(own), "once");
        ledger.confirm(3, left);
        assert!(ledger.left(3).is_none(), "what is confirmed of a process that was given up is nothing");
    }

    #[test]
    fn what_others_left_counts_where_it_is_made_of_the_same_and_not_older() {
        for is_shared in [false, true] {
            let ledger = Ledger::new(is_shared);
            assert!(!ledger.counts(11, at(9)), "before the beginning nothing does");
            ledger.begin(at(5), 11);
            assert_eq!((ledger.counts(11, at(5)), ledger.counts(11, at(4))), (is_shared, false));
            assert!(!ledger.counts(12, at(9)), "made of something else");
            ledger.note(at(8));
            assert_eq!(ledger.counts(11, at(6)), is_shared, "the server keeps what one key's invalidation does");
            assert!(ledger.lose(ledger.own()));
            assert_eq!((ledger.counts(11, at(8)), ledger.counts(11, at(7))), (is_shared, false));
        }
    }
}
