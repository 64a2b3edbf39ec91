//! Every connection is opened here, so that its pragmas and functions are never half set.
//!
//! The writer alone may write; readers are opened read-only and ask SQLite to refuse anything else besides.

use std::path::Path;

use brigade_core::data::{Error, Result, code};
use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig, ffi};

use crate::{SqliteConfig, error, functions};

/// 3.51.3 mends a race that could corrupt the write-ahead log under checkpoints of other connections.
const VERSION_MIN: i32 = 3_051_003;

/// Prepared statements kept by a connection.
const STATEMENTS_MAX: usize = 256;

/// Size to which the write-ahead log's file shrinks when it is reset: large enough that it is reused, not made anew.
const WAL_KEEP_BYTES: i64 = 64 << 20;

/// Opens the writer's connection, creating the file on first use.
pub(crate) fn writer(config: &SqliteConfig) -> Result<Connection> {
    without_statistics();
    refuse_old(rusqlite::version_number(), rusqlite::version())?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(&config.path, flags).map_err(|e| cannot_open(&config.path, e))?;
    writer_pragmas(&conn, config).map_err(|e| cannot_open(&config.path, e))?;
    functions::register(&conn).map_err(error::from_sqlite)?;
    Ok(conn)
}

/// Turns off SQLite's count of its memory, for which every allocation of every connection takes one lock. SQLite's own
/// advice: <https://sqlite.org/compile.html#default_memstatus>.
fn without_statistics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    // SAFETY: the option takes one int. Once SQLite runs it answers SQLITE_MISUSE and changes nothing.
    ONCE.call_once(|| unsafe {
        ffi::sqlite3_config(ffi::SQLITE_CONFIG_MEMSTATUS, 0);
    });
}

/// Opens a connection that only reads.
pub(crate) fn reader(config: &SqliteConfig) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let conn = Connection::open_with_flags(&config.path, flags)?;
        conn.busy_timeout(config.busy_timeout)?;
        conn.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY;")?;
        // A column in double quotes that is not there is a mistake, never a text.
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
        conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        functions::register(&conn)?;
        Ok(conn)
    };
    open().map_err(error::from_sqlite)
}

/// Opens the connection that checkpoints and does nothing else.
pub(crate) fn checkpointer(config: &SqliteConfig) -> Result<Connection> {
    let open = || {
        let conn = Connection::open_with_flags(
            &config.path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        let synchronous = if config.relaxed { "NORMAL" } else { "FULL" };
        conn.execute_batch(&format!("PRAGMA synchronous = {synchronous}; PRAGMA wal_autocheckpoint = 0;"))?;
        conn.pragma_update(None, "journal_size_limit", WAL_KEEP_BYTES)?;
        Ok(conn)
    };
    open().map_err(error::from_sqlite)
}

fn writer_pragmas(conn: &Connection, config: &SqliteConfig) -> rusqlite::Result<()> {
    conn.busy_timeout(config.busy_timeout)?;
    conn.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    let synchronous = if config.relaxed { "NORMAL" } else { "FULL" };
    conn.execute_batch(&format!(
        "PRAGMA synchronous = {synchronous};
         PRAGMA foreign_keys = ON;
         PRAGMA recursive_triggers = ON;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -65536;"
    ))?;
    conn.pragma_update(None, "journal_size_limit", WAL_KEEP_BYTES)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(())
}

fn refuse_old(number: i32, shown: &str) -> Result<()> {
    if number < VERSION_MIN {
        return Err(Error::new(code::CONFIG, format!("SQLite {shown} is too old: 3.51.3 or newer is needed"))
            .hint("build with the bundled SQLite"));
    }
    Ok(())
}

fn cannot_open(path: &Path, cause: rusqlite::Error) -> Error {
    let shown = path.display();
    match cause.sqlite_error_code() {
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            Error::new(code::CONFIG, format!("cannot write to {shown}"))
                .details(cause.to_string())
                .hint("make the file and its folder writable for this user, or name another folder with --data")
        }
        Some(ErrorCode::NotADatabase) => {
            Error::new(code::CONFIG, format!("{shown} is no SQLite database")).details(cause.to_string())
        }
        _ => error::from_sqlite(cause).context(format!("cannot open {shown}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_sqlite_is_refused() {
        assert_eq!(refuse_old(3_051_002, "3.51.2").unwrap_err().code(), code::CONFIG);
        refuse_old(rusqlite::version_number(), rusqlite::version()).unwrap();
    }
}
