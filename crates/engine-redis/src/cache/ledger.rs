//! What this process knows to lie on the server: the generation of its entries, and for each place how many invalidations the
//! server has confirmed. A mark that tells of fewer, or of another generation, is not the one that was left: the server was
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
}

#[derive(Debug)]
struct State {
    generation: u64,
    /// Places whose mark is of the generation.
    counts: HashMap<u16, u64>,
    /// What was loaded before is given up.
    floor: Position,
    /// How far the server's clock is ahead of the time since this process began.
    ahead_ms: u64,
}

/// What must be found on the server for anything there to count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    pub generation: u64,
    pub count: u64,
}

impl Left {
    /// Whether a mark is at or past what was left.
    pub fn is_in(self, mark: Option<Mark>) -> bool {
        mark.is_some_and(|mark| mark.generation == self.generation && mark.count >= self.count)
    }
}

impl Ledger {
    pub fn new() -> Self {
        let state = State { generation: rand::random(), counts: HashMap::new(), floor: Position::START, ahead_ms: 0 };
        Self { state: Mutex::new(state), began: Instant::now() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn generation(&self) -> u64 {
        self.state().generation
    }

    /// What was left at a place; none while nothing of this generation lies there.
    pub fn left(&self, place: u16) -> Option<Left> {
        let state = self.state();
        let count = *state.counts.get(&place)?;
        Some(Left { generation: state.generation, count })
    }

    /// The server has confirmed it.
    pub fn confirm(&self, place: u16, left: Left) {
        let mut state = self.state();
        if state.generation == left.generation {
            let count = state.counts.entry(place).or_default();
            *count = left.count.max(*count);
        }
    }

    /// A new generation: nothing that lies on the server counts any more.
    pub fn renew(&self) {
        let mut state = self.state();
        state.generation = rand::random();
        state.counts.clear();
    }

    /// The same, unless somebody has done so already.
    pub fn lose(&self, generation: u64) -> bool {
        let mut state = self.state();
        let is_first = state.generation == generation;
        if is_first {
            state.generation = rand::random();
            state.counts.clear();
        }
        is_first
    }

    /// What was loaded before does not count any more, whatever its key.
    pub fn give_up_before(&self, position: Position) {
        let mut state = self.state();
        state.floor = position.max(state.floor);
    }

    /// Whether an entry of a generation and position may be answered.
    pub fn counts(&self, generation: u64, position: Position) -> bool {
        let state = self.state();
        state.generation == generation && position >= state.floor
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

    #[test]
    fn only_a_mark_at_or_past_what_was_left_counts() {
        let ledger = Ledger::new();
        assert!(ledger.left(3).is_none(), "nothing lies there");
        let generation = ledger.generation();
        ledger.confirm(3, Left { generation, count: 7 });
        ledger.confirm(3, Left { generation, count: 5 });
        let left = ledger.left(3).unwrap();
        let mark = |generation, count| Some(Mark { generation, count, floor: Position::START });
        assert!(left.is_in(mark(generation, 7)) && left.is_in(mark(generation, 8)));
        assert!(!left.is_in(mark(generation, 6)) && !left.is_in(mark(generation ^ 1, 7)) && !left.is_in(None));
        assert!(ledger.lose(generation));
        assert!(!ledger.lose(generation), "once");
        ledger.confirm(3, left);
        assert!(ledger.left(3).is_none(), "what is confirmed of a generation that was given up is nothing");
    }
}
