//! What the SQL half promises, against the SQLite of this build and against the stock program of the system.

mod applications;
mod capture;
mod expressions;
mod migrations;
mod random;
mod replay;
mod shapes;

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use brigade_core::{
    data::{Error, Result},
    engine::MigrationStep,
    schema::{MigrationFile, Model, fold, migrations},
};
use rusqlite::Connection;
use tempfile::TempDir;

use super::{
    capture::{create_internal, install_writer_marker},
    migrate::{Stamp, migrate},
};

/// A store in a folder of its own, with the model of its migrations.
struct Store {
    _dir: TempDir,
    path: PathBuf,
    model: Arc<Model>,
    files: Vec<MigrationFile>,
    touch: Vec<(&'static str, &'static str)>,
}

impl Store {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("truth.db");
        let conn = Connection::open(&path).unwrap();
        conn.pragma_update(None, "journal_mode", "wal").unwrap();
        create_internal(&conn).unwrap();
        Self { _dir: dir, path, model: Arc::default(), files: Vec::new(), touch: Vec::new() }
    }

    /// A store with one migration.
    fn with(sql: &str) -> Self {
        let mut store = Self::new();
        store.migrate(sql, "").unwrap();
        store
    }

    /// A store with one migration and `[tables.T] touch`.
    fn touched(sql: &str, touch: &[(&'static str, &'static str)]) -> Self {
        let mut store = Self::new();
        store.touch = touch.to_vec();
        store.migrate(sql, "").unwrap();
        store
    }

    /// Applies one more migration: SQL for all engines, and SQLite's own.
    fn migrate(&mut self, common: &str, sqlite: &str) -> Result<()> {
        let number = self.model.version + 1;
        let mut files = self.files.clone();
        files.push(MigrationFile { name: format!("{number:04}_m.sql"), text: common.to_owned() });
        if !sqlite.is_empty() {
            files.push(MigrationFile { name: format!("{number:04}_m.sqlite.sql"), text: sqlite.to_owned() });
        }
        let migration = migrations(files.clone())?.pop().expect("one more migration");
        let mut after = (*self.model).clone();
        if let Some(script) = &migration.common {
            for statement in &script.statements {
                after = fold(&after, script, statement)?.0;
            }
        }
        after.version = number;
        for (table, column) in &self.touch {
            if let Some(table) = after.tables.get_mut(*table) {
                Arc::make_mut(table).settings.touch = Some((*column).to_owned());
            }
        }
        let after = Arc::new(after);
        let step = MigrationStep {
            migration: Arc::new(migration),
            before: Arc::clone(&self.model),
            after: Arc::clone(&after),
        };
        let mut begun = |_: &Connection| Ok(());
        migrate(&mut self.own(), &step, Stamp { tag: 7, at: 0, begun: &mut begun })?;
        self.model = after;
        self.files = files;
        Ok(())
    }

    /// A connection as the writer has it.
    fn own(&self) -> Connection {
        let conn = self.outside(true, true);
        install_writer_marker(&conn).unwrap();
        conn
    }

    /// A connection as another program may have it.
    fn outside(&self, recursive: bool, foreign_keys: bool) -> Connection {
        let conn = Connection::open(&self.path).unwrap();
        conn.pragma_update(None, "recursive_triggers", recursive).unwrap();
        conn.pragma_update(None, "foreign_keys", foreign_keys).unwrap();
        conn
    }

    /// The log without its schema changes, a short line each: `table op before -> after`.
    fn changes(&self) -> Vec<String> {
        replay::lines(&self.own())
    }

    /// Replays the log strictly and compares it with the tables.
    fn verify(&self) {
        replay::verify(&self.own(), &self.model).unwrap_or_else(|e| panic!("{e}"));
    }
}

/// Runs SQL with the system's own `sqlite3`: what it printed, and what it complained of. Nothing where it is not installed.
fn stock(path: &Path, sql: &str) -> Option<(String, String)> {
    let child = Command::new("sqlite3")
        .arg("-batch")
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("SKIPPED: there is no sqlite3 on the PATH, so stock programs were not tried");
        return None;
    };
    child.stdin.take().expect("piped").write_all(sql.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    Some((String::from_utf8_lossy(&out.stdout).into_owned(), String::from_utf8_lossy(&out.stderr).into_owned()))
}

fn shown(error: &Error) -> String {
    format!("{} {}", error.code(), error.message())
}
