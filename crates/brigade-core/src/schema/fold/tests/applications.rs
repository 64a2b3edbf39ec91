//! The schemas of the applications, as they lie in the repository.

use std::path::Path;

use crate::schema::{Migration, MigrationFile, Model, migrations};

use super::{model, shown};

const APPS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../apps");

/// The model of an application's migrations.
fn application(folder: &Path) -> Model {
    let read = |file: std::io::Result<std::fs::DirEntry>| {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        MigrationFile::from_bytes(&name, std::fs::read(&path).unwrap()).unwrap()
    };
    let files = std::fs::read_dir(folder).unwrap().map(read).collect();
    let migrations: Vec<Migration> = migrations(files).unwrap_or_else(|e| panic!("{folder:?}: {e}"));
    let fold = |m: Model, migration: &Migration| {
        m.apply(migration).unwrap_or_else(|e| panic!("{folder:?}: {e}\n{}", e.get_details().unwrap_or_default()))
    };
    let model = migrations.iter().fold(Model::default(), fold);
    assert_eq!(model.version as usize, migrations.len());
    model
}

#[test]
fn the_applications_schemas_fold() {
    let mut seen = 0;
    for app in std::fs::read_dir(APPS).into_iter().flatten() {
        let folder = app.unwrap().path().join("migrations");
        if folder.is_dir() {
            assert!(!application(&folder).tables.is_empty(), "{folder:?}");
            seen += 1;
        }
    }
    assert!(seen >= 4, "{APPS}");
    for (app, table, line) in [
        ("smo1", "users", "subscription_tier subscription_tier not null default 'free'"),
        ("smo1", "links", "unique index links_custom_slug (custom_slug) where custom_slug IS NOT NULL"),
        ("smo1", "links", "foreign links_user_id_fkey (user_id) users(id) Cascade NoAction No"),
        ("smo1", "links", "index links_total_clicks (total_clicks desc)"),
        ("smo1", "api_keys", "permissions text[] not null default '{}'"),
        ("telemetry", "services", "unique services_name_key (name)"),
        ("bellamy", "posts", "index idx_posts_author_created (author_id, created_at desc)"),
        ("bellamy", "reactions", "unique reactions_user_id_target_id_target_type_key (user_id,target_id,target_type)"),
    ] {
        let model = application(&Path::new(APPS).join(app).join("migrations"));
        assert!(shown(&model.tables[table]).lines().any(|l| l == line), "{line}\n{}", shown(&model.tables[table]));
    }
}

#[test]
fn a_founding_document_folds_as_it_was_written() {
    let text = std::fs::read_to_string(format!("{APPS}/bellamy/testdata/founding.sql")).unwrap();
    let model = model(&text);
    let index = |table: &str, name: &str| model.tables[table].indexes.iter().any(|i| i.name == name);
    assert!(index("posts", "idx_author_created") && index("posts", "idx_posts_author_created"));
    assert!(index("comments", "idx_post_created") && index("reactions", "idx_target"));
}
