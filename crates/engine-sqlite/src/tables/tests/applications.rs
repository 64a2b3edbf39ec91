//! The schemas of the applications, as they are.

use std::{fs, path::Path};

use brigade_core::data::Result;

use super::{Store, shown, stock};

/// Migrates an application's files for all engines and for SQLite, in order.
fn migrated(app: &str) -> Result<Store> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../apps").join(app).join("migrations");
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    let mut store = Store::new();
    for number in 1.. {
        let prefix = format!("{number:04}_");
        let own = |suffix: &str, not: &str| {
            names.iter().find(|path| {
                let name = path.file_name().unwrap().to_string_lossy();
                name.starts_with(&prefix) && name.ends_with(suffix) && (not.is_empty() || !name.contains(not))
            })
        };
        let read = |path: Option<&std::path::PathBuf>| path.map_or(String::new(), |p| fs::read_to_string(p).unwrap());
        if !names.iter().any(|p| p.file_name().unwrap().to_string_lossy().starts_with(&prefix)) {
            break;
        }
        let common = names.iter().find(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with(&prefix) && name.matches('.').count() == 1
        });
        store.migrate(&read(common), &read(own(".sqlite.sql", "")))?;
    }
    Ok(store)
}

#[test]
fn every_application_migrates_and_stock_programs_read_it() {
    for app in ["smo1", "triage", "telemetry", "bellamy"] {
        let store = migrated(app).unwrap_or_else(|e| panic!("{app}: {} {:?}", shown(&e), e.get_hint()));
        assert!(!store.model.tables.is_empty());
        let counts: String =
            store.model.tables.keys().map(|t| format!("SELECT count(*) FROM {};", crate::tables::quote(t))).collect();
        if let Some((_, complaint)) = stock(&store.path, &format!("PRAGMA integrity_check; {counts}")) {
            assert_eq!(complaint, "", "{app}");
        }
        store.verify();
    }
}
