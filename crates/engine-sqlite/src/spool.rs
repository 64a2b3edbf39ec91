//! The embedded log beside a PostgreSQL truth: its changes, spooled into a SQLite file of their own, so that a slow
//! projection never holds the primary's WAL.
//!
//! Three places move forward in this order and never back: *appended* (taken in), *durable* (flushed; the source may
//! forget it), *published* (the tip; readers see it). Nothing is published that is not durable.

mod layouts;
mod read;
pub(crate) mod record;
mod write;

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use brigade_core::{
    data::{Change, Position, Result},
    engine::{Log, LogStatus, Spool, SpoolTransaction},
};
use tokio::sync::watch;

use crate::side_file::{FileKind, Readers, blocking, open_writer};
use layouts::Layouts;
use write::Writer;

const KIND: FileKind = FileKind {
    application_id: 0x6252_6c67,
    version: 1,
    what: "a spool",
    schema: "
        CREATE TABLE state (one INTEGER PRIMARY KEY CHECK (one = 1),
            tip BLOB NOT NULL, tip_tag INTEGER NOT NULL, oldest BLOB NOT NULL, oldest_tag INTEGER NOT NULL,
            trimmed_changes INTEGER NOT NULL, trimmed_bytes INTEGER NOT NULL) STRICT;
        INSERT INTO state VALUES (1, zeroblob(16), 0, zeroblob(16), 0, 0, 0);
        CREATE TABLE notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE layouts (id INTEGER PRIMARY KEY, body BLOB NOT NULL UNIQUE) STRICT;
        -- changes and bytes count from the spool's beginning up to and including the transaction.
        CREATE TABLE transactions (position BLOB PRIMARY KEY, first BLOB NOT NULL, tag INTEGER NOT NULL, xid INTEGER,
            time INTEGER NOT NULL, changes INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        CREATE INDEX transactions_time ON transactions (time);
        CREATE TABLE changes (place BLOB PRIMARY KEY, layout INTEGER NOT NULL, body BLOB NOT NULL) STRICT, WITHOUT ROWID;
    ",
};

/// A log kept in a SQLite file, fed by another engine.
///
/// A new spool begins at the first position that is published into it, so the source publishes the place where its
/// stream begins before it appends anything. After an error of [`Spool::append`] or [`Spool::flush`], what was not
/// flushed is gone and the source begins again at [`Spool::appended`]. After a failed write to the disk the spool takes
/// nothing more until it is opened again: whether an fsync that failed may be repeated, nobody can know.
#[derive(Clone)]
pub struct SqliteSpool {
    writer: Arc<Mutex<Writer>>,
    readers: Arc<Readers>,
    layouts: Arc<Layouts>,
    tip: Arc<watch::Sender<Position>>,
}

impl SqliteSpool {
    /// Opens the spool in a file, making it where there is none. A transaction whose end was never appended is
    /// discarded.
    ///
    /// # Errors
    /// BRGCFG for a file that is no spool, or of a newer version; BRG503 where it cannot be read or written.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let connection = open_writer(path, &KIND)?;
        let writer = Writer::open(connection)?;
        let tip = writer.tip();
        Ok(Self {
            writer: Arc::new(Mutex::new(writer)),
            readers: Arc::new(Readers::new(path)),
            layouts: Arc::new(Layouts::default()),
            tip: Arc::new(watch::Sender::new(tip)),
        })
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writer) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let writer = Arc::clone(&self.writer);
        blocking(move || work(&mut writer.lock().unwrap_or_else(PoisonError::into_inner))).await
    }

    /// Runs `work` on a consistent view of the file, with the tip published before it.
    async fn read_at_tip<T: Send + 'static>(
        &self,
        work: impl FnOnce(&rusqlite::Connection, Position) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let tip = *self.tip.borrow();
        self.readers.read(move |connection| read::in_one_view(connection, |c| work(c, tip))).await
    }
}

#[async_trait]
impl Log for SqliteSpool {
    fn tip(&self) -> watch::Receiver<Position> {
        self.tip.subscribe()
    }

    async fn read(&self, after: Option<Position>, limit: usize) -> Result<Vec<Change>> {
        let layouts = Arc::clone(&self.layouts);
        self.read_at_tip(move |c, tip| read::changes(c, &layouts, tip, after, limit)).await
    }

    async fn check(&self, position: Position) -> Result<()> {
        self.read_at_tip(move |c, tip| read::check(c, tip, position)).await
    }

    async fn count_after(&self, position: Option<Position>) -> Result<u64> {
        self.read_at_tip(move |c, tip| read::count_after(c, tip, position)).await
    }

    async fn trim(&self, upto: Position) -> Result<u64> {
        let Some(target) = self.read_at_tip(move |c, tip| read::trim_target(c, tip, upto)).await? else {
            return Ok(0);
        };
        self.write(move |w| w.begin_trim(target)).await?;
        let mut removed = 0;
        loop {
            // The writer is given back between the steps, so that appending goes on while a long log is trimmed.
            let step = self.write(move |w| w.trim_step(target)).await?;
            removed += step;
            if step == 0 {
                return Ok(removed);
            }
        }
    }

    async fn position_before(&self, time: i64) -> Result<Option<Position>> {
        self.read_at_tip(move |c, tip| read::position_before(c, tip, time)).await
    }

    async fn status(&self) -> Result<LogStatus> {
        let stopped = self.writer.lock().unwrap_or_else(PoisonError::into_inner).stopped();
        self.read_at_tip(move |c, tip| read::status(c, tip, stopped)).await
    }
}

#[async_trait]
impl Spool for SqliteSpool {
    async fn append(&self, changes: Vec<Change>) -> Result<()> {
        self.write(move |w| w.append(&changes)).await
    }

    async fn flush(&self) -> Result<()> {
        self.write(Writer::flush).await
    }

    async fn unpublished(&self) -> Result<Vec<SpoolTransaction>> {
        let tip = *self.tip.borrow();
        self.write(move |w| w.transactions_after(tip, usize::MAX)).await
    }

    async fn transactions_after(&self, after: Position, limit: usize) -> Result<Vec<SpoolTransaction>> {
        self.write(move |w| w.transactions_after(after, limit)).await
    }

    async fn publish(&self, upto: Position) -> Result<()> {
        let sender = Arc::clone(&self.tip);
        self.write(move |w| {
            if w.publish(upto)? {
                sender.send_replace(upto);
            }
            Ok(())
        })
        .await
    }

    async fn begin_anew(&self, at: Position) -> Result<()> {
        let sender = Arc::clone(&self.tip);
        self.write(move |w| {
            w.begin_anew(at)?;
            sender.send_replace(at);
            Ok(())
        })
        .await
    }

    async fn appended(&self) -> Result<Option<Position>> {
        self.write(|w| Ok(w.appended())).await
    }

    async fn note(&self, name: &str) -> Result<Option<String>> {
        let name = name.to_owned();
        self.write(move |w| w.note(&name)).await
    }

    async fn set_note(&self, name: &str, value: &str) -> Result<()> {
        let (name, value) = (name.to_owned(), value.to_owned());
        self.write(move |w| w.set_note(&name, &value)).await
    }
}
