//! SQLite files beside the truth: the spool of a PostgreSQL's log, copies, the notes of projections.
//!
//! One connection writes, a few read, and none of them is ever used on an async thread. A file of another kind or of a
//! newer version is refused, never guessed at.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use brigade_core::data::{Error, Result, code};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::sync::Semaphore;

/// Readers at once; more wait their turn. Two cores gain nothing from more.
const READERS_MAX: usize = 4;

/// What a side file is: its mark in the file's head, and its tables.
pub(crate) struct FileKind {
    /// Four bytes that SQLite keeps in the head of the file.
    pub application_id: i32,
    /// The newest layout of tables that this code knows.
    pub version: i32,
    /// Makes the tables of `version` in an empty file.
    pub schema: &'static str,
    /// For errors: `a spool`, `a copy`.
    pub what: &'static str,
}

/// Opens the writing connection of a side file, making the file and its tables where there are none.
pub(crate) fn open_writer(path: &Path, kind: &FileKind) -> Result<Connection> {
    let fail = |e| store_error(e).context(path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|e| Error::new(code::CONFIG, format!("{}: {e}", folder.display())).source(e))?;
    }
    let connection = Connection::open(path).map_err(fail)?;
    connection.busy_timeout(Duration::from_secs(5)).map_err(fail)?;
    connection.pragma_update(None, "journal_mode", "wal").map_err(fail)?;
    connection.pragma_update(None, "cache_size", -16_000).map_err(fail)?;
    connection.set_prepared_statement_cache_capacity(64);
    let read = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0)).map_err(fail);
    match (read("application_id")?, read("user_version")?) {
        (0, 0) => connection
            .execute_batch(&format!(
                "BEGIN IMMEDIATE; {} PRAGMA application_id = {}; PRAGMA user_version = {}; COMMIT;",
                kind.schema, kind.application_id, kind.version
            ))
            .map_err(fail)?,
        (id, version) if id == kind.application_id && version == kind.version => {}
        (id, version) if id == kind.application_id => {
            return Err(Error::new(code::CONFIG, format!("{}: has version {version}", path.display()))
                .hint(format!("this brigade reads version {}: use the brigade that wrote it", kind.version)));
        }
        _ => {
            return Err(Error::new(code::CONFIG, format!("{}: is not {} of brigade", path.display(), kind.what))
                .hint("give the store another path in brigade.toml"));
        }
    }
    Ok(connection)
}

/// Runs blocking work away from the async threads.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(e) => Err(Error::internal("a task of the store ended early").source(e)),
    }
}

/// Reading connections of a side file, opened as they are needed and used again.
pub(crate) struct Readers {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
    turns: Arc<Semaphore>,
}

impl Readers {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            idle: Arc::new(Mutex::new(Vec::new())),
            turns: Arc::new(Semaphore::new(READERS_MAX)),
        }
    }

    /// Runs `work` on a reading connection.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.expect("never closed");
        let (path, idle) = (self.path.clone(), Arc::clone(&self.idle));
        blocking(move || {
            let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = match kept {
                Some(connection) => connection,
                None => open_reader(&path)?,
            };
            let result = work(&connection);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            drop(turn);
            result
        })
        .await
    }
}

fn open_reader(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(store_error)?;
    connection.busy_timeout(Duration::from_secs(5)).map_err(store_error)?;
    Ok(connection)
}

/// An error of SQLite's about a side file, which no caller can have caused.
pub(crate) fn store_error(error: rusqlite::Error) -> Error {
    let brigade = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => {
            Error::new(code::NO_SPACE, "no space left for the store").retry_after(Duration::from_secs(5))
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Error::unavailable("the store is in use by another process", Duration::from_secs(1))
        }
        Some(
            ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly,
        ) => Error::unavailable("the store cannot be read or written", Duration::from_secs(5)),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Error::internal("the store's file is damaged"),
        _ => Error::internal("the store failed"),
    };
    let text = error.to_string();
    brigade.details(text).source(error)
}
