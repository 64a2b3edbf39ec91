//! A copy in a SQLite file: rows by table and key in their canonical bytes, and the checkpoint in the same transaction;
//! otherwise a crash would apply a change twice, or never.
//!
//! No SQLite transaction is open between two calls. A transaction that is larger than a chunk is staged in a table beside
//! the rows, and merged with its checkpoint when its end is there. The file is not fsynced at each commit: what a power
//! cut takes from its end, it takes together with the checkpoint, and the log has it again.

mod filling;
mod write;

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use brigade_core::{
    data::{Change, Checkpoint, Decoder, Encoder, Error, Key, Layout, Position, Result, Row, Seen, Value},
    engine::{CopyStore, Filling},
};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{
    layout_bytes,
    side_file::{FileKind, Readers, blocking, open_writer, store_error},
};
use filling::SqliteFilling;
use write::Writer;

const KIND: FileKind = FileKind {
    application_id: 0x6252_6370,
    version: 1,
    what: "a copy",
    schema: "
        -- position is null before the first fill.
        CREATE TABLE state (one INTEGER PRIMARY KEY CHECK (one = 1), live INTEGER NOT NULL,
            position BLOB, tag INTEGER, seen TEXT) STRICT;
        INSERT INTO state VALUES (1, 0, NULL, NULL, NULL);
        CREATE TABLE tables (id INTEGER PRIMARY KEY AUTOINCREMENT, generation INTEGER NOT NULL, name TEXT NOT NULL,
            layout BLOB NOT NULL, UNIQUE (generation, name)) STRICT;
        CREATE TABLE rows (table_id INTEGER NOT NULL, key BLOB NOT NULL, row BLOB NOT NULL,
            PRIMARY KEY (table_id, key)) STRICT, WITHOUT ROWID;
        -- The part of a large transaction that has come: row is null for a row that goes, and the empty key stands for
        -- all rows of the table, which went before those staged.
        CREATE TABLE staged (table_id INTEGER NOT NULL, key BLOB NOT NULL, row BLOB,
            PRIMARY KEY (table_id, key)) STRICT, WITHOUT ROWID;
    ",
};

/// A keyed copy of tables in a SQLite file. Clones share it.
#[derive(Clone)]
pub struct SqliteCopy {
    writer: Arc<Mutex<Writer>>,
    readers: Arc<Readers>,
}

impl SqliteCopy {
    /// Opens the copy in a file, making it where there is none.
    ///
    /// # Errors
    /// BRGCFG for a file that is no copy, or of a newer version; BRG503 where it cannot be read or written.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let writer = Writer::open(open_writer(path, &KIND)?)?;
        Ok(Self { writer: Arc::new(Mutex::new(writer)), readers: Arc::new(Readers::new(path)) })
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writer) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let writer = Arc::clone(&self.writer);
        blocking(move || work(&mut writer.lock().unwrap_or_else(PoisonError::into_inner))).await
    }

    async fn scan_table(&self, which: Which, after: Option<&Key>, limit: usize) -> Result<Vec<Row>> {
        let after = after.map_or_else(Vec::new, |key| bytes_of(key));
        self.readers
            .read(move |c| {
                let Some(table) = which.id(c)? else { return Ok(Vec::new()) };
                rows(c, "SELECT row FROM rows WHERE table_id = ?1 AND key > ?2 ORDER BY key LIMIT ?3", |s| {
                    s.query(params![table, after, i64::try_from(limit).unwrap_or(i64::MAX)])
                })
            })
            .await
    }

    async fn get_rows(&self, which: Which, keys: &[Key]) -> Result<Vec<Row>> {
        let keys: Vec<Vec<u8>> = keys.iter().map(|key| bytes_of(key)).collect();
        self.readers
            .read(move |c| {
                let view = c.unchecked_transaction().map_err(store_error)?;
                let Some(table) = which.id(&view)? else { return Ok(Vec::new()) };
                let mut found = Vec::new();
                for key in keys {
                    found.extend(rows(&view, "SELECT row FROM rows WHERE table_id = ?1 AND key = ?2", |s| {
                        s.query(params![table, key])
                    })?);
                }
                Ok(found)
            })
            .await
    }
}

#[async_trait]
impl CopyStore for SqliteCopy {
    fn engine(&self) -> &'static str {
        "sqlite"
    }

    async fn checkpoint(&self) -> Result<Option<Checkpoint>> {
        self.write(|w| w.checkpoint()).await
    }

    async fn layouts(&self) -> Result<Vec<Layout>> {
        self.write(|w| w.layouts()).await
    }

    async fn apply(&self, changes: &[Change], checkpoint: Option<&Checkpoint>) -> Result<()> {
        let (changes, checkpoint) = (changes.to_vec(), checkpoint.cloned());
        self.write(move |w| w.apply(&changes, checkpoint.as_ref())).await
    }

    async fn get(&self, layout: &Layout, keys: &[Key]) -> Result<Vec<Row>> {
        self.get_rows(Which::Live(layout.table.clone()), keys).await
    }

    async fn scan(&self, layout: &Layout, after: Option<&Key>, limit: usize) -> Result<Vec<Row>> {
        self.scan_table(Which::Live(layout.table.clone()), after, limit).await
    }

    async fn put(&self, layout: &Layout, rows: &[(Key, Option<Row>)]) -> Result<()> {
        let (table, rows) = (layout.table.clone(), rows.to_vec());
        self.write(move |w| w.put(&table, &rows)).await
    }

    async fn fill(&self) -> Result<Box<dyn Filling>> {
        let generation = self.write(Writer::begin_fill).await?;
        Ok(Box::new(SqliteFilling::new(self.clone(), generation)))
    }
}

/// A table of the live generation by name, or of any by number.
enum Which {
    Live(String),
    Id(i64),
}

impl Which {
    fn id(&self, c: &Connection) -> Result<Option<i64>> {
        match self {
            Self::Id(id) => Ok(Some(*id)),
            Self::Live(name) => c
                .prepare_cached("SELECT id FROM tables WHERE generation = (SELECT live FROM state) AND name = ?1")
                .and_then(|mut s| s.query_row([name], |row| row.get(0)).optional())
                .map_err(store_error),
        }
    }
}

fn rows<'c>(
    c: &'c Connection,
    sql: &str,
    query: impl for<'s> FnOnce(&'s mut rusqlite::CachedStatement<'c>) -> rusqlite::Result<rusqlite::Rows<'s>>,
) -> Result<Vec<Row>> {
    let mut statement = c.prepare_cached(sql).map_err(store_error)?;
    let mut found = query(&mut statement).map_err(store_error)?;
    let mut list = Vec::new();
    while let Some(row) = found.next().map_err(store_error)? {
        let bytes = row.get_ref(0).and_then(|v| Ok(v.as_blob()?)).map_err(store_error)?;
        let decoded = Decoder::new(bytes).row();
        list.push(decoded.map_err(|e| Error::internal("a row of the copy is damaged").hint("rebuild it").source(e))?);
    }
    Ok(list)
}

/// The canonical bytes of a key or a row.
fn bytes_of(values: &[Value]) -> Vec<u8> {
    let mut out = Encoder::new();
    out.row(values);
    out.finish()
}

fn checkpoint_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<Checkpoint>> {
    let Some(order) = row.get::<_, Option<[u8; 16]>>(0)? else { return Ok(None) };
    let position = Position { order: u128::from_be_bytes(order), tag: row.get::<_, i64>(1)? as u64 };
    let seen = row.get::<_, Option<String>>(2)?.as_deref().and_then(Seen::parse);
    Ok(Some(Checkpoint { position, seen }))
}

fn layout_from(bytes: &[u8]) -> Result<Layout> {
    layout_bytes::decode(bytes)
        .map_err(|e| Error::internal("a layout of the copy is damaged").hint("rebuild it").source(e))
}
