//! How a SQLite truth is opened. Everything has a safe default; what is weaker is the caller's explicit choice.

use std::{path::PathBuf, time::Duration};

/// How a SQLite truth is opened.
#[derive(Clone, Debug)]
pub struct SqliteConfig {
    /// The database file. Its folder must exist.
    pub path: PathBuf,
    /// Commit without waiting for the disk: power loss may take the newest transactions, and an unclean start begins a
    /// new history.
    pub relaxed: bool,
    /// How long one statement may run before it is cancelled with 57014.
    pub statement_timeout: Duration,
    /// How long the writer waits for another program's write lock before it answers BRG503.
    pub busy_timeout: Duration,
    /// Connections that read at the same time. Further reads wait.
    pub readers_max: usize,
}

impl SqliteConfig {
    /// The defaults, for a file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            relaxed: false,
            statement_timeout: Duration::from_secs(30),
            busy_timeout: Duration::from_secs(5),
            readers_max: 8,
        }
    }
}
