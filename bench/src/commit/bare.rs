//! The limit in process: a thread that writes the same rows into the same table of SQLite, a savepoint for each
//! transaction and one fsync for each group. It keeps no log and no keys, and checks nothing.

use std::{path::Path, thread::JoinHandle};

use anyhow::{Context, Result};
use rusqlite::{Connection, params, types::Value};
use tokio::sync::{mpsc, oneshot};

use super::project::Link;

/// As many as a group of brigade's writer.
const GROUP_MAX: usize = brigade::limits::GROUP_MAX;

/// A row, and where its answer goes.
type Request = (Link, oneshot::Sender<()>);

/// The way to the thread; it ends when every clone is dropped.
#[derive(Clone, Debug)]
pub struct Bare {
    queue: mpsc::Sender<Request>,
}

impl Bare {
    /// Takes brigade's own database file, so that table and indexes are the same, without its triggers and its log.
    /// Answers the thread too, to be joined after the last clone is gone.
    pub fn open(brigades: &Path, file: &Path) -> Result<(Self, JoinHandle<Result<()>>)> {
        std::fs::copy(brigades, file)?;
        let connection = Connection::open(file)?;
        strip(&connection)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        let created_at = connection
            .query_row("SELECT created_at FROM links LIMIT 1", [], |row| row.get(0))
            .context("the file has no row to take the form of a time from")?;
        let (queue, requests) = mpsc::channel(brigade::limits::QUEUE_MAX);
        let thread = std::thread::spawn(move || serve(&connection, requests, &created_at));
        Ok((Self { queue }, thread))
    }

    /// Commits one row, durably.
    pub async fn commit(&self, link: Link) -> Result<()> {
        let (answer, answered) = oneshot::channel();
        self.queue.send((link, answer)).await.ok().context("the writer has ended")?;
        answered.await.context("the writer gave no answer")
    }
}

/// Removes every trigger, and every table that is not the application's.
fn strip(connection: &Connection) -> Result<()> {
    let names = |kind: &str, like: &str| -> Result<Vec<String>> {
        let mut list =
            connection.prepare("SELECT name FROM sqlite_schema WHERE type = ?1 AND name LIKE ?2 ESCAPE '\\'")?;
        let names = list.query_map([kind, like], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(names)
    };
    for trigger in names("trigger", "%")? {
        connection.execute_batch(&format!("DROP TRIGGER \"{trigger}\""))?;
    }
    for table in names("table", "brigade\\_%")? {
        connection.execute_batch(&format!("DROP TABLE \"{table}\""))?;
    }
    Ok(())
}

fn serve(connection: &Connection, mut requests: mpsc::Receiver<Request>, created_at: &Value) -> Result<()> {
    let mut insert =
        connection.prepare("INSERT INTO links (id, uid, original_url, created_at) VALUES (?1, ?2, ?3, ?4)")?;
    let mut savepoint = connection.prepare("SAVEPOINT t")?;
    let mut release = connection.prepare("RELEASE t")?;
    let mut group: Vec<Request> = Vec::with_capacity(GROUP_MAX);
    while requests.blocking_recv_many(&mut group, GROUP_MAX) > 0 {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        for (link, _) in &group {
            savepoint.execute([])?;
            insert.execute(params![link.id, link.uid, link.original_url, created_at])?;
            release.execute([])?;
        }
        connection.execute_batch("COMMIT")?;
        for (_, answer) in group.drain(..) {
            // A client that has gone needs no answer.
            answer.send(()).ok();
        }
    }
    Ok(())
}
