//! The applications' schemas open on every engine, and take rows.

use std::path::{Path, PathBuf};

use brigade::{Brigade, OpenOptions};

use brigade_testing::servers::Database;

use crate::support::{Engine, on_every_engine};

fn apps() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../apps");
    let mut apps: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("apps/")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.join("migrations").is_dir())
        .collect();
    apps.sort();
    apps
}

#[test]
fn every_application_opens_on_every_engine() {
    assert!(apps().len() >= 4, "the four applications are there");
    on_every_engine(|engine| async move {
        for app in apps() {
            let scratch = tempfile::tempdir().expect("a folder");
            let _database = copy_project(&app, scratch.path(), &engine);
            let options = OpenOptions { project: scratch.path().to_owned(), data: None, migrate: true, run: true };
            let brigade =
                Brigade::open(options).await.unwrap_or_else(|e| panic!("{}: {e} {:?}", app.display(), e.get_details()));
            let model = brigade.model();
            assert!(!model.tables.is_empty(), "{}", app.display());
            let mut snapshot = brigade.truth().snapshot().await.expect("a snapshot");
            for table in model.tables.values() {
                assert!(snapshot.scan(table, None, 1).await.expect("a table").is_empty(), "{}", table.name);
            }
            drop(snapshot);
            brigade.close().await;
        }
    });
}

fn copy_project(from: &Path, to: &Path, engine: &Engine) -> Option<Database> {
    std::fs::create_dir_all(to.join("migrations")).expect("a folder");
    for entry in std::fs::read_dir(from.join("migrations")).expect("migrations/") {
        let path = entry.expect("an entry").path();
        std::fs::copy(&path, to.join("migrations").join(path.file_name().expect("a name"))).expect("a copy");
    }
    let mut config = std::fs::read_to_string(from.join("brigade.toml")).expect("brigade.toml");
    let database = match engine {
        Engine::Sqlite => None,
        Engine::Postgres(server) => Some(server.create_database()),
    };
    if let Some(database) = &database {
        assert!(!config.contains("[stores]"), "applications use the embedded defaults");
        config.push_str(&format!("\n[stores]\ntruth = {:?}\n", database.url));
    }
    std::fs::write(to.join("brigade.toml"), config).expect("a file");
    database
}
