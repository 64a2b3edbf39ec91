//! What only a PostgreSQL truth can suffer: a slot that is lost while brigade is away.

use std::time::Duration;

use brigade::{Row, data::code};
use brigade_testing::servers::Postgres;

use crate::support::{Engine, TestProject, engines, quiet};

const SCHEMA: &str = "CREATE TABLE t (id integer PRIMARY KEY, text text);";

fn server(engine: &Engine) -> Option<&Postgres> {
    match engine {
        Engine::Postgres(server) => Some(server),
        Engine::Sqlite => None,
    }
}

/// Drops the one slot of the server, as soon as nobody holds it any more.
async fn drop_slot(server: &Postgres) {
    let database = server.psql("postgres", "SELECT database FROM pg_replication_slots").expect("the slot's database");
    let drop = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots";
    for _ in 0..200 {
        if server.psql(&database, drop).is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the slot is held");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_whose_slot_was_lost_is_made_anew_and_the_gap_is_never_silent() {
    let engines = engines();
    let Some((engine, server)) = engines.iter().find_map(|e| Some((e, server(e)?))) else { return };
    let project = TestProject::new(engine, SCHEMA, "[copy.file]\n[copy.memory]\nstore = \"memory:\"\n");
    let brigade = project.open().await;
    let insert = |id: i64| Row::new().set("id", id).set("text", "x");
    let before = brigade.transaction().insert_all("t", (0..3_000).map(insert)).commit().await.unwrap();
    assert!(brigade.verify("copy.file", quiet()).await.unwrap().equal());
    let refused = brigade.rebuild("log", quiet()).await.unwrap_err();
    assert_eq!(refused.code(), code::UNSUPPORTED, "nothing is lost by a mistaken wish: {refused}");
    brigade.close().await;

    drop_slot(server).await;
    let brigade = project.open().await;
    let (reasons, _) = brigade.readiness().await;
    assert!(reasons.iter().any(|r| r.contains("slot") && r.contains("brigade rebuild log")), "{reasons:?}");
    // What is committed now is in the truth, and in no log.
    let unlogged = brigade.transaction().insert("t", insert(10_000)).delete("t", brigade::filter("id", 5)).commit();
    let unlogged = unlogged.await.unwrap();

    assert_eq!(brigade.rebuild("log", quiet()).await.unwrap(), 2 * 3_000);
    assert_eq!(brigade.readiness().await.0, [""; 0]);
    for old in [before.position, unlogged.position] {
        assert_eq!(brigade.log().read(Some(old), 10).await.unwrap_err().code(), code::POSITION_GONE);
    }
    brigade.transaction().insert("t", insert(10_001)).commit().await.unwrap();
    for name in ["copy.file", "copy.memory"] {
        let verification = brigade.verify(name, quiet()).await.unwrap();
        assert!(verification.equal() && verification.rows == 3_001, "{verification:?}");
    }
    brigade.close().await;

    let brigade = project.open().await;
    assert_eq!(brigade.log().read(Some(before.position), 10).await.unwrap_err().code(), code::POSITION_GONE);
    let kept = brigade.log().read(None, 10).await.unwrap();
    assert_eq!(kept.last().and_then(|change| change.after.clone()).unwrap()[0], brigade::data::Value::Int(10_001));
    brigade.close().await;
}
