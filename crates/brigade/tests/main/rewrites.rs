//! A migration that rewrites rows on PostgreSQL tells the log nothing of them: what is derived from those tables is made
//! anew by itself, also where it lags behind the migration.

use std::{sync::Arc, time::Duration};

use brigade::{
    Brigade, Row,
    data::{Value, code},
};
use brigade_testing::servers::Postgres;

use crate::support::{Engine, TestProject, quiet};

const SCHEMA: &str = "CREATE TABLE t (id integer PRIMARY KEY, text text);
CREATE TABLE other (id integer PRIMARY KEY, text text);";

/// Finds every copy equal to the truth, as soon as none is made anew any more.
async fn verify_all(brigade: &Brigade) {
    for name in ["copy.file", "copy.memory", "copy.late", "copy.other"] {
        let verification = loop {
            match brigade.verify(name, quiet()).await {
                Err(error) if error.code() == code::UNAVAILABLE => tokio::time::sleep(Duration::from_millis(50)).await,
                verified => break verified.unwrap(),
            }
        };
        assert!(verification.equal(), "{name}: {verification:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_a_migration_rewrote_reach_every_copy() {
    let Some(server) = Postgres::start().map(Arc::new) else { return };
    let copies = "[copy.file]\n[copy.memory]\nstore = \"memory:\"\n[copy.late]\n[copy.other]\ntables = [\"other\"]\n";
    let project = TestProject::new(&Engine::Postgres(Arc::clone(&server)), SCHEMA, copies);
    let brigade = project.open().await;
    let insert = |id: i64| Row::new().set("id", id).set("text", "quiet");
    brigade.transaction().insert_all("t", (0..1_500).map(insert)).insert("other", insert(1)).commit().await.unwrap();
    verify_all(&brigade).await;
    brigade.pause("copy.late").await.unwrap();
    brigade.transaction().insert("t", insert(2_000)).commit().await.unwrap();

    // The same type as before: no column says that anything happened.
    let loud = "DO $$ BEGIN EXECUTE 'ALTER TABLE t ALTER COLUMN text TYPE text USING upper(text)'; END $$;";
    project.write("migrations/0002_loud.postgres.sql", loud);
    assert_eq!(brigade.migrate().await.unwrap().len(), 1);
    let after = brigade.transaction().insert("t", insert(3_000)).commit().await.unwrap();
    let notes = brigade.truth_status().notes;
    assert!(notes.iter().any(|n| n.contains("migration 2 rewrote table t")), "{notes:?}");

    brigade.resume("copy.late").await.unwrap();
    verify_all(&brigade).await;
    // Whoever follows the log from outside is told as well.
    let told: Vec<_> = {
        let (mut told, mut position) = (Vec::new(), None);
        while position.is_none_or(|p| p < after.position) {
            let changes = brigade.log().read(position, 1_000).await.unwrap();
            let Some(last) = changes.last() else { break };
            position = Some(last.position);
            told.extend(changes.iter().filter_map(|c| c.rewritten().map(str::to_owned)));
        }
        told
    };
    assert_eq!(told, ["t"]);

    project.write("migrations/0003_tag.sql", "ALTER TABLE t ADD COLUMN tag uuid DEFAULT gen_random_uuid();");
    brigade.migrate().await.unwrap();
    verify_all(&brigade).await;
    let loud = brigade.query("SELECT text FROM t WHERE id = 1", false, 1).await.unwrap().rows;
    assert_eq!(loud, [[Value::Text("QUIET".to_owned())]]);
    brigade.close().await;
}
