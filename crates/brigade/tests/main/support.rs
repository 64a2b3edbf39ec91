//! Temporary projects on SQLite and, where there is a server, on PostgreSQL.

use std::{path::PathBuf, sync::Arc};

use brigade::{Brigade, OpenOptions};
use brigade_testing::servers::{Database, Postgres};

/// Which engine is the truth of a test's project.
#[derive(Clone)]
pub enum Engine {
    Sqlite,
    Postgres(Arc<Postgres>),
}

/// Every engine there is. Without a PostgreSQL server it is skipped aloud, or fails with `BRIGADE_REQUIRE_SERVERS=1`.
pub fn engines() -> Vec<Engine> {
    let postgres = Postgres::start().map(|server| Engine::Postgres(Arc::new(server)));
    std::iter::once(Engine::Sqlite).chain(postgres).collect()
}

/// A project in a folder that goes with it.
pub struct TestProject {
    folder: tempfile::TempDir,
    pub engine: &'static str,
    /// Of a PostgreSQL truth.
    pub database: Option<Database>,
}

impl TestProject {
    /// A project of one migration. `settings` is the rest of brigade.toml.
    pub fn new(engine: &Engine, migration: &str, settings: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (name, database) = match engine {
            Engine::Sqlite => ("sqlite", None),
            Engine::Postgres(server) => ("postgres", Some(server.create_database())),
        };
        let stores = database.as_ref().map(|d| format!("[stores]\ntruth = {:?}\n", d.url)).unwrap_or_default();
        std::fs::create_dir(folder.path().join("migrations")).expect("a folder");
        let project = Self { folder, engine: name, database };
        project.write("brigade.toml", &format!("{stores}{settings}"));
        project.write("migrations/0001_init.sql", migration);
        project
    }

    /// The project's folder.
    pub fn dir(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Writes a file of the project.
    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("a file");
    }

    /// Opens it as `brigade serve` does.
    pub async fn open(&self) -> Brigade {
        Brigade::open(OpenOptions::project(self.dir()))
            .await
            .unwrap_or_else(|e| panic!("{}: {} {e} {:?} {:?}", self.engine, e.code(), e.get_details(), e.get_hint()))
    }
}

/// Runs a test on every engine in turn.
pub fn on_every_engine<F: Future<Output = ()>>(test: impl Fn(Engine) -> F) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    for engine in engines() {
        runtime.block_on(test(engine));
    }
}

/// No progress bar.
pub fn quiet() -> brigade::Progress {
    Arc::new(|_, _| {})
}
