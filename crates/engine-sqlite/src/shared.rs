//! What the threads of one truth share: the published tip, why the writer stopped, and the readers' connections.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicBool, AtomicI64, AtomicUsize},
    },
};

use brigade_core::{
    data::{Durability, Layout, Position},
    engine::Clock,
    schema::Model,
};
use tokio::sync::watch;

use crate::{SqliteConfig, readers::Readers};

/// What the threads of one truth share.
pub(crate) struct Shared {
    /// How it was opened.
    pub config: SqliteConfig,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// The newest position that is durable.
    pub tip: watch::Sender<Position>,
    /// Why the writer stopped for good.
    pub stopped: RwLock<Option<String>>,
    /// Facts for `/status` by what found them; a later one of the same kind replaces the earlier.
    pub notes: Mutex<HashMap<&'static str, String>>,
    /// The model in force.
    pub model: RwLock<Arc<Model>>,
    /// Layouts of images, which never change once written.
    pub layouts: RwLock<HashMap<i64, Arc<Layout>>>,
    /// The identity of this history, for people.
    pub history: RwLock<String>,
    /// The readers' connections.
    pub readers: Readers,
    /// Set once nothing new is taken in.
    pub closing: AtomicBool,
    /// Jobs that wait for the writer.
    pub depth: AtomicUsize,
    /// Frames in the write-ahead log after the writer's newest commit.
    pub wal_frames: AtomicI64,
    /// Set when the writer shall checkpoint the small rest between two groups, so that the write-ahead log begins anew.
    pub finish_checkpoint: AtomicBool,
}

impl Shared {
    /// How safe an acknowledged transaction is.
    pub(crate) fn durability(&self) -> Durability {
        if self.config.relaxed { Durability::Relaxed } else { Durability::Full }
    }

    /// Adds a fact for `/status`; nothing takes it back.
    pub(crate) fn note(&self, kind: &'static str, text: Option<String>) {
        let mut notes = self.notes.lock().expect("notes");
        match text {
            Some(text) => notes.insert(kind, text),
            None => notes.remove(kind),
        };
    }

    /// Why the writer stopped, if it did.
    pub(crate) fn stopped(&self) -> Option<String> {
        self.stopped.read().expect("stopped").clone()
    }
}
