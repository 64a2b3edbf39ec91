//! What must be remembered of projections beside what they hold, in a SQLite file of its own: pauses and dead letters.
//! Each note is fsynced before the call returns; there are few.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use brigade_core::{
    data::{Decoder, Encoder, Error, Position, Result},
    projection::{DeadLetter, Notes},
};
use rusqlite::{Connection, params};

use crate::side_file::{FileKind, blocking, open_writer, store_error};

const KIND: FileKind = FileKind {
    application_id: 0x6252_6e6f,
    version: 1,
    what: "a file of notes",
    schema: "
        CREATE TABLE paused (projection TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
        CREATE TABLE dead_letters (projection TEXT NOT NULL, position TEXT NOT NULL, table_name TEXT NOT NULL,
            key BLOB NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (projection, position)) STRICT, WITHOUT ROWID;
    ",
};

/// Notes of projections in a SQLite file.
#[derive(Clone)]
pub struct SqliteNotes(Arc<Mutex<Connection>>);

impl SqliteNotes {
    /// Opens the notes in a file, making it where there is none.
    ///
    /// # Errors
    /// BRGCFG for a file that holds no notes, or of a newer version; BRG503 where it cannot be read or written.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let connection = open_writer(path.as_ref(), &KIND)?;
        connection.pragma_update(None, "synchronous", "full").map_err(store_error)?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let connection = Arc::clone(&self.0);
        blocking(move || work(&connection.lock().unwrap_or_else(PoisonError::into_inner)).map_err(store_error)).await
    }
}

#[async_trait]
impl Notes for SqliteNotes {
    async fn paused(&self, projection: &str) -> Result<bool> {
        let name = projection.to_owned();
        self.with(move |c| {
            c.query_row("SELECT EXISTS (SELECT 1 FROM paused WHERE projection = ?1)", [name], |row| row.get(0))
        })
        .await
    }

    async fn set_paused(&self, projection: &str, paused: bool) -> Result<()> {
        let name = projection.to_owned();
        let sql = if paused {
            "INSERT OR IGNORE INTO paused VALUES (?1)"
        } else {
            "DELETE FROM paused WHERE projection = ?1"
        };
        self.with(move |c| c.execute(sql, [name]).map(|_| ())).await
    }

    async fn dead_letters(&self, projection: &str) -> Result<Vec<DeadLetter>> {
        let name = projection.to_owned();
        let stored: Vec<(String, String, Vec<u8>, String)> = self
            .with(move |c| {
                c.prepare_cached(
                    "SELECT position, table_name, key, reason FROM dead_letters WHERE projection = ?1 ORDER BY position",
                )?
                .query_map([name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
                .collect()
            })
            .await?;
        let letter = |(position, table, key, reason): (String, String, Vec<u8>, String)| {
            let position: Position = position.parse()?;
            let key = Decoder::new(&key).row().map_err(|e| Error::internal("a dead letter is damaged").source(e))?;
            Ok(DeadLetter { position, table, key, reason })
        };
        stored.into_iter().map(letter).collect()
    }

    async fn add_dead_letter(&self, projection: &str, letter: &DeadLetter) -> Result<()> {
        let (name, letter) = (projection.to_owned(), letter.clone());
        let mut key = Encoder::new();
        key.row(&letter.key);
        let key = key.finish();
        self.with(move |c| {
            c.execute(
                "INSERT OR REPLACE INTO dead_letters VALUES (?1, ?2, ?3, ?4, ?5)",
                params![name, letter.position.to_string(), letter.table, key, letter.reason],
            )
            .map(|_| ())
        })
        .await
    }

    async fn clear_dead_letters(&self, projection: &str) -> Result<()> {
        let name = projection.to_owned();
        self.with(move |c| c.execute("DELETE FROM dead_letters WHERE projection = ?1", [name]).map(|_| ())).await
    }
}
