//! The notes of projections for a process that forgets them at its end, as tests do.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use brigade_core::{
    data::{Position, Result},
    projection::{DeadLetter, Notes},
};

/// Notes in memory.
#[derive(Debug, Default)]
pub struct MemoryNotes(Mutex<Noted>);

#[derive(Debug, Default)]
struct Noted {
    paused: BTreeSet<String>,
    dead: BTreeMap<(String, Position), DeadLetter>,
}

impl MemoryNotes {
    /// Nothing noted yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Notes for MemoryNotes {
    async fn paused(&self, projection: &str) -> Result<bool> {
        Ok(self.noted().paused.contains(projection))
    }

    async fn set_paused(&self, projection: &str, paused: bool) -> Result<()> {
        let mut noted = self.noted();
        if paused {
            noted.paused.insert(projection.to_owned());
        } else {
            noted.paused.remove(projection);
        }
        Ok(())
    }

    async fn dead_letters(&self, projection: &str) -> Result<Vec<DeadLetter>> {
        let noted = self.noted();
        Ok(noted.dead.iter().filter(|((name, _), _)| name == projection).map(|(_, letter)| letter.clone()).collect())
    }

    async fn add_dead_letter(&self, projection: &str, letter: &DeadLetter) -> Result<()> {
        self.noted().dead.insert((projection.to_owned(), letter.position), letter.clone());
        Ok(())
    }

    async fn clear_dead_letters(&self, projection: &str) -> Result<()> {
        self.noted().dead.retain(|(name, _), _| name != projection);
        Ok(())
    }
}
