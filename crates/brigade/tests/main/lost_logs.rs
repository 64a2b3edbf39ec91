//! A PostgreSQL log that cannot go on: its slot was dropped, or the server gave it up, or the server is another one. Each is
//! named with its mend, the mend is tried, and the gap is never silent.

use std::{sync::Arc, time::Duration};

use brigade::{Row, data::code};
use brigade_testing::servers::Postgres;

use crate::support::{Engine, TestProject, quiet};

const SCHEMA: &str = "CREATE TABLE t (id integer PRIMARY KEY, text text);";

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
    let Some(server) = Postgres::start_own().map(Arc::new) else { return };
    let project = TestProject::new(
        &Engine::Postgres(Arc::clone(&server)),
        SCHEMA,
        "[copy.file]\n[copy.memory]\nstore = \"memory:\"\n",
    );
    let brigade = project.open().await;
    let insert = |id: i64| Row::new().set("id", id).set("text", "x");
    let before = brigade.transaction().insert_all("t", (0..3_000).map(insert)).commit().await.unwrap();
    assert!(brigade.verify("copy.file", quiet()).await.unwrap().equal());
    let refused = brigade.rebuild("log", quiet()).await.unwrap_err();
    assert_eq!(refused.code(), code::UNSUPPORTED, "nothing is lost by a mistaken wish: {refused}");
    brigade.close().await;

    drop_slot(&server).await;
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

/// `max_slot_wal_keep_size` is the server's own budget: it keeps its disk, and the slot is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_the_server_gave_up_is_named_and_rebuild_log_mends_it() {
    let settings = ["max_slot_wal_keep_size=1MB", "min_wal_size=32MB", "max_wal_size=32MB"];
    let Some(server) = Postgres::start_with(&settings).map(Arc::new) else { return };
    let project = TestProject::new(&Engine::Postgres(Arc::clone(&server)), SCHEMA, "[copy.file]\n");
    let brigade = project.open().await;
    let insert = |id: i64| Row::new().set("id", id).set("text", "x");
    brigade.transaction().insert("t", insert(1)).commit().await.unwrap();
    assert!(brigade.verify("copy.file", quiet()).await.unwrap().equal());
    brigade.close().await;

    let status = "SELECT wal_status FROM pg_replication_slots";
    for n in 0.. {
        assert!(n < 200, "the slot is not lost: {:?}", server.psql("postgres", status));
        let sql = "SELECT pg_logical_emit_message(false, 'fill', repeat('x', 1000000)) FROM generate_series(1, 20)";
        server.psql("postgres", sql).unwrap();
        server.psql("postgres", "SELECT pg_switch_wal()").unwrap();
        server.psql("postgres", "CHECKPOINT").unwrap();
        if server.psql("postgres", status).unwrap() == "lost" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let name = &project.database.as_ref().unwrap().name;
    server.psql(name, "INSERT INTO t VALUES (2, 'in no log')").unwrap();

    let brigade = project.open().await;
    let (reasons, _) = brigade.readiness().await;
    let named =
        |r: &String| ["invalidated", "max_slot_wal_keep_size", "brigade rebuild log"].iter().all(|w| r.contains(w));
    assert!(reasons.iter().any(named), "{reasons:?}");
    brigade.rebuild("log", quiet()).await.unwrap();
    assert_eq!(brigade.readiness().await.0, [""; 0]);
    brigade.transaction().insert("t", insert(3)).commit().await.unwrap();
    let verification = brigade.verify("copy.file", quiet()).await.unwrap();
    assert!(verification.equal() && verification.rows == 3, "{verification:?}");
    brigade.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_behind_the_same_project_is_named_and_its_mend_works() {
    let (Some(first), Some(second)) = (Postgres::start_own(), Postgres::start_own()) else { return };
    let (first, second) = (Arc::new(first), Arc::new(second));
    let project = TestProject::new(&Engine::Postgres(Arc::clone(&first)), SCHEMA, "[copy.file]\n");
    let brigade = project.open().await;
    let insert = |id: i64| Row::new().set("id", id).set("text", "x");
    brigade.transaction().insert_all("t", (0..10).map(insert)).commit().await.unwrap();
    assert!(brigade.verify("copy.file", quiet()).await.unwrap().equal());
    brigade.close().await;

    let other = second.create_database();
    project.write("brigade.toml", &format!("[stores]\ntruth = {:?}\n[copy.file]\n", other.url));
    let brigade = project.open().await;
    let (reasons, _) = brigade.readiness().await;
    let named = |r: &String| r.contains("the log was made of") && r.contains("remove the folder of [stores] log");
    assert!(reasons.iter().any(named), "{reasons:?}");
    // Nothing of another server's rows is thrown away by a wish that is meant for a lost slot.
    assert!(brigade.rebuild("log", quiet()).await.is_err());
    brigade.close().await;

    std::fs::remove_dir_all(project.dir().join("data/log")).unwrap();
    let brigade = project.open().await;
    brigade.transaction().insert("t", insert(1)).commit().await.unwrap();
    brigade.rebuild("copy.file", quiet()).await.unwrap();
    let verification = loop {
        match brigade.verify("copy.file", quiet()).await {
            // It takes up what was made anew at this moment.
            Err(error) if error.code() == code::UNAVAILABLE => tokio::time::sleep(Duration::from_millis(50)).await,
            verified => break verified.unwrap(),
        }
    };
    assert!(verification.equal() && verification.rows == 1, "{verification:?}");
    brigade.close().await;
}
