//! Whether to ask at all: after a failure nobody does for a moment, then one caller tries for all.
//!
//! Invariant: while the server is away, at most one call in [`limits::REDIS_REST`] waits for it.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use brigade_core::{data::Error, limits};

/// Closed while the server answers.
#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
enum State {
    /// It answers.
    #[default]
    Closed,
    /// It failed; from this time on one may try.
    Open { until: Instant, why: Error },
    /// One is trying.
    Trying { why: Error },
}

/// The right to make one call. The one that tries for all must say how it went; dropped without a word it gives the try to
/// the next caller.
#[derive(Debug)]
pub(crate) struct Pass<'b> {
    breaker: &'b Breaker,
    tries: bool,
}

impl Breaker {
    /// Lets a call through, or says what the last one failed with.
    pub fn enter(&self, now: Instant) -> Result<Pass<'_>, Error> {
        let mut state = self.lock();
        let tries = match &*state {
            State::Closed => false,
            State::Open { until, why } if *until <= now => {
                *state = State::Trying { why: why.clone() };
                true
            }
            State::Open { why, .. } | State::Trying { why } => return Err(why.clone()),
        };
        Ok(Pass { breaker: self, tries })
    }

    /// What the last call failed with, while the server is taken to be away.
    pub fn why_open(&self) -> Option<Error> {
        match &*self.lock() {
            State::Closed => None,
            State::Open { why, .. } | State::Trying { why } => Some(why.clone()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// The server answered. Only who tried for all closes the breaker: an answer to an older call proves nothing. Tells
    /// whether the server was taken to be away until now.
    pub fn answered(mut self) -> bool {
        let tried = std::mem::take(&mut self.tries);
        if tried {
            *self.breaker.lock() = State::Closed;
        }
        tried
    }

    /// It did not. Tells whether it was taken to be there until now.
    pub fn failed(mut self, now: Instant, why: &Error) -> bool {
        self.tries = false;
        let mut state = self.breaker.lock();
        let was_there = matches!(*state, State::Closed);
        *state = State::Open { until: now + limits::REDIS_REST, why: why.clone() };
        was_there
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.tries {
            let mut state = self.breaker.lock();
            if let State::Trying { why } = &*state {
                *state = State::Open { until: Instant::now(), why: why.clone() };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn away() -> Error {
        Error::unavailable("away", limits::REDIS_REST)
    }

    #[test]
    fn after_a_failure_one_tries_for_all() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        let (first, second) = (breaker.enter(start).unwrap(), breaker.enter(start).unwrap());
        assert!(first.failed(start, &away()), "it was there");
        assert!(breaker.enter(start + limits::REDIS_REST / 2).is_err(), "it rests");
        assert!(!second.answered());
        assert!(breaker.why_open().is_some(), "an older answer proves nothing");
        let later = start + limits::REDIS_REST;
        let tries = breaker.enter(later).unwrap();
        assert!(breaker.enter(later).is_err(), "one tries, the others do not wait");
        drop(tries);
        let tries = breaker.enter(Instant::now().max(later)).expect("who gave up left the try to the next");
        assert!(!tries.failed(later, &away()), "it was away already");
        assert!(breaker.enter(later).is_err(), "it failed again");
        assert!(breaker.enter(later + limits::REDIS_REST).unwrap().answered(), "it is back");
        assert!(breaker.why_open().is_none());
        breaker.enter(later).unwrap().answered();
    }
}
