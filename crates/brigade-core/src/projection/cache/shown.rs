//! What loads have shown of a key. A load may see rows that the log has not told of yet; a change that comes later, and is older
//! than what was shown, must not be written over it (`fill = "write"`).

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash as _, Hasher as _},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::data::Position;

/// Places that keys share by their hash: a neighbour may cost a write that would have been right, never allow a wrong one.
const PLACES: usize = 1_024;

/// By when the log will have told all that loads of a key have shown.
pub(super) struct Shown(Box<[Mutex<Position>]>);

impl Shown {
    pub(super) fn new(is_needed: bool) -> Self {
        let places = if is_needed { PLACES } else { 0 };
        Self((0..places).map(|_| Mutex::new(Position::START)).collect())
    }

    pub(super) fn note(&self, key: &str, position: Position) {
        if let Some(mut place) = self.place(key) {
            *place = position.max(*place);
        }
    }

    /// Whether a value as of a position is at least as new as everything that was shown.
    pub(super) fn allows(&self, key: &str, position: Position) -> bool {
        self.place(key).is_none_or(|place| position >= *place)
    }

    fn place(&self, key: &str) -> Option<MutexGuard<'_, Position>> {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let place = self.0.get(hasher.finish() as usize % PLACES)?;
        Some(place.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
