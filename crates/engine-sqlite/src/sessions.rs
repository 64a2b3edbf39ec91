//! Sessions in a SQLite file of their own: few bytes each, fsynced before a call returns, so that a restart logs nobody out
//! and brings no revoked session back.
//!
//! Rows whose time is over are not found, and new sessions push them out: the file holds hardly more than what is alive.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use brigade_core::{
    data::{Error, Json, Result},
    engine::{Clock, Sessions},
    session::{Found, Holder, Session, SessionId, Swapped},
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::side_file::{FileKind, Readers, blocking, open_writer, store_error};

const KIND: FileKind = FileKind {
    application_id: 0x6252_7365,
    version: 1,
    what: "a file of sessions",
    schema: "
        CREATE TABLE sessions (id BLOB PRIMARY KEY, holder_id TEXT NOT NULL, holder TEXT NOT NULL, data TEXT NOT NULL,
            ttl_ms INTEGER NOT NULL, ends_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        CREATE INDEX sessions_of_holder ON sessions (holder_id);
        CREATE INDEX sessions_by_end ON sessions (ends_ms);
    ",
};

/// Rows whose time is over that go with one new session: more than one, so that they become fewer, and few, so that
/// nobody waits for them.
const CLEARED: u32 = 8;

/// What a holder's text ends with for whom somebody vouched. No text of a claim can: its quotes are escaped.
const VOUCHED: &str = ",\"vouched\":true}";

/// Sessions in a SQLite file.
#[derive(Clone)]
pub struct SqliteSessions {
    writer: Arc<Mutex<Connection>>,
    readers: Arc<Readers>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for SqliteSessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SqliteSessions")
    }
}

impl SqliteSessions {
    /// Opens the sessions in a file, making it where there is none. The clock must go on over restarts.
    ///
    /// # Errors
    /// BRGCFG for a file that holds no sessions, or of a newer version; BRG503 where it cannot be read or written.
    pub fn open(path: impl AsRef<Path>, clock: Arc<dyn Clock>) -> Result<Self> {
        let path = path.as_ref();
        let connection = open_writer(path, &KIND)?;
        connection.pragma_update(None, "synchronous", "full").map_err(store_error)?;
        Ok(Self { writer: Arc::new(Mutex::new(connection)), readers: Arc::new(Readers::new(path)), clock })
    }

    fn now_ms(&self) -> i64 {
        self.clock.now() / 1_000
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let writer = Arc::clone(&self.writer);
        blocking(move || work(&writer.lock().unwrap_or_else(PoisonError::into_inner)).map_err(store_error)).await
    }
}

#[async_trait]
impl Sessions for SqliteSessions {
    fn engine(&self) -> &'static str {
        "sqlite"
    }

    async fn create(&self, id: &SessionId, session: &Session) -> Result<()> {
        let (id, session, now) = (*id, session.clone(), self.now_ms());
        self.write(move |c| {
            let transaction = c.unchecked_transaction()?;
            transaction
                .prepare_cached(
                    "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE ends_ms <= ?1 ORDER BY ends_ms LIMIT ?2)",
                )?
                .execute(params![now, CLEARED])?;
            let mut holder = String::new();
            session.holder.write_json(&mut holder);
            if session.is_vouched {
                holder.truncate(holder.len() - 1);
                holder.push_str(VOUCHED);
            }
            let ttl = clamped(session.ttl_ms);
            transaction.prepare_cached("INSERT INTO sessions VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute(params![
                id.as_bytes(),
                session.holder.id,
                holder,
                session.data,
                ttl,
                now.saturating_add(ttl)
            ])?;
            transaction.commit()
        })
        .await
    }

    async fn find(&self, id: &SessionId) -> Result<Option<Found>> {
        let (id, now) = (*id, self.now_ms());
        self.readers
            .read(move |c| {
                let kept = c
                    .prepare_cached("SELECT holder, data, ttl_ms, ends_ms FROM sessions WHERE id = ?1 AND ends_ms > ?2")
                    .and_then(|mut read| read.query_row(params![id.as_bytes(), now], Kept::read).optional())
                    .map_err(store_error)?;
                kept.map(|kept| kept.found(now)).transpose()
            })
            .await
    }

    async fn touch(&self, id: &SessionId) -> Result<bool> {
        let (id, now) = (*id, self.now_ms());
        self.write(move |c| {
            c.prepare_cached("UPDATE sessions SET ends_ms = max(ends_ms, ?2 + ttl_ms) WHERE id = ?1 AND ends_ms > ?2")?
                .execute(params![id.as_bytes(), now])
                .map(|rows| rows > 0)
        })
        .await
    }

    async fn swap_data(&self, id: &SessionId, before: &str, after: &str) -> Result<Swapped> {
        let (id, now, before, after) = (*id, self.now_ms(), before.to_owned(), after.to_owned());
        self.write(move |c| {
            let is_there = c
                .prepare_cached("SELECT data = ?3 FROM sessions WHERE id = ?1 AND ends_ms > ?2")?
                .query_row(params![id.as_bytes(), now, before], |row| row.get::<_, bool>(0))
                .optional()?;
            match is_there {
                None => return Ok(Swapped::Gone),
                Some(false) => return Ok(Swapped::Changed),
                Some(true) => {}
            }
            // Nobody comes between: there is one connection that writes, and it is held.
            c.prepare_cached("UPDATE sessions SET data = ?2 WHERE id = ?1")?.execute(params![id.as_bytes(), after])?;
            Ok(Swapped::Done)
        })
        .await
    }

    async fn revoke(&self, id: &SessionId) -> Result<bool> {
        let (id, now) = (*id, self.now_ms());
        self.write(move |c| {
            c.prepare_cached("DELETE FROM sessions WHERE id = ?1 RETURNING ends_ms > ?2")?
                .query_row(params![id.as_bytes(), now], |row| row.get::<_, bool>(0))
                .optional()
                .map(|alive| alive == Some(true))
        })
        .await
    }

    async fn revoke_all(&self, holder: &str) -> Result<u64> {
        let (holder, now) = (holder.to_owned(), self.now_ms());
        self.write(move |c| {
            let mut delete = c.prepare_cached("DELETE FROM sessions WHERE holder_id = ?1 RETURNING ends_ms > ?2")?;
            let alive = delete.query_map(params![holder, now], |row| row.get::<_, bool>(0))?;
            let alive: Vec<bool> = alive.collect::<rusqlite::Result<_>>()?;
            Ok(alive.into_iter().filter(|alive| *alive).count() as u64)
        })
        .await
    }
}

/// A row.
struct Kept {
    holder: String,
    data: String,
    ttl_ms: i64,
    ends_ms: i64,
}

impl Kept {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { holder: row.get(0)?, data: row.get(1)?, ttl_ms: row.get(2)?, ends_ms: row.get(3)? })
    }

    fn found(self, now: i64) -> Result<Found> {
        let holder = Json::parse(self.holder.as_bytes()).ok().and_then(|json| Holder::from_json(&json));
        let holder = holder.ok_or_else(|| Error::internal("a session in the file is damaged"))?;
        let ttl_ms = self.ttl_ms.unsigned_abs();
        let left_ms = self.ends_ms.saturating_sub(now).unsigned_abs();
        let session = Session { holder, data: self.data, ttl_ms, is_vouched: self.holder.ends_with(VOUCHED) };
        Ok(Found { session, left_ms })
    }
}

fn clamped(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}
