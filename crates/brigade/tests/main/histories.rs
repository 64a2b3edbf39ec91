//! A PostgreSQL that is the same server and has another past: a standby took over, or a backup was put back. Each is named
//! with its mend; what the log has and the server has not leaves every copy, and who followed the log is told.

use std::{sync::Arc, time::Duration};

use brigade::{
    Brigade, Row,
    data::{Position, code},
};
use brigade_testing::servers::{Backup, Postgres};

use crate::support::{Engine, TestProject, quiet};

const SCHEMA: &str = "CREATE TABLE t (id integer PRIMARY KEY, text text);";
const COPIES: &str = "[copy.file]\n[copy.memory]\nstore = \"memory:\"\n";

async fn insert(brigade: &Brigade, ids: std::ops::Range<i64>) -> Position {
    let row = |id: i64| Row::new().set("id", id).set("text", "x");
    brigade.transaction().insert_all("t", ids.map(row)).commit().await.unwrap().position
}

/// Waits until the log says why it does not move.
async fn named(brigade: &Brigade, words: &[&str]) {
    for _ in 0..400 {
        let (reasons, _) = brigade.readiness().await;
        if reasons.iter().any(|reason| words.iter().all(|word| reason.contains(word))) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{words:?} are not in {:?}", brigade.readiness().await);
}

/// Nothing stands in the way any more. A server that was down a moment ago is looked at every few seconds.
async fn ready(brigade: &Brigade) {
    for _ in 0..400 {
        if brigade.readiness().await.0.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{:?}", brigade.readiness().await);
}

/// A project on a server that the test goes on to stop and to change.
fn project_on(server: Postgres) -> (TestProject, Postgres) {
    let shared = Arc::new(server);
    let project = TestProject::new(&Engine::Postgres(Arc::clone(&shared)), SCHEMA, COPIES);
    (project, Arc::into_inner(shared).expect("nobody else has it"))
}

/// Both copies hold what the truth holds, and that is `rows`.
async fn verify_all(brigade: &Brigade, rows: u64) {
    for name in ["copy.file", "copy.memory"] {
        let verification = brigade.verify(name, quiet()).await.unwrap();
        assert!(verification.equal() && verification.rows == rows, "{name}: {verification:?}");
    }
}

/// The mend that was named: no position of before is good any more, and both copies are as the truth is.
async fn mend(brigade: &Brigade, old: &[Position], rows: u64) {
    brigade.rebuild("log", quiet()).await.unwrap();
    ready(brigade).await;
    for position in old {
        let refused = brigade.log().read(Some(*position), 10).await.unwrap_err();
        assert_eq!(refused.code(), code::POSITION_GONE, "{position}");
    }
    verify_all(brigade, rows).await;
    let after = insert(brigade, 90_000..90_010).await;
    assert!(old.iter().all(|old| *old < after), "what is written now is later than all that was written before");
    brigade.log().check(after).await.unwrap();
    verify_all(brigade, rows + 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_took_over_is_named_and_what_it_never_had_leaves_the_copies() {
    let Some(primary) = Postgres::start_own() else { return };
    let (project, mut primary) = project_on(primary);
    let name = project.database.as_ref().unwrap().name.clone();
    let brigade = project.open().await;
    insert(&brigade, 0..100).await;
    brigade.close().await;
    let backup = primary.back_up().unwrap();
    let mut standby = primary.standby(&backup).unwrap();

    let brigade = project.open().await;
    let replicated = insert(&brigade, 100..200).await;
    for n in 0.. {
        if standby.psql(&name, "SELECT count(*) FROM t").unwrap() == "200" {
            break;
        }
        assert!(n < 400, "the standby does not follow");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    standby.shut_down();
    // Acknowledged by a primary that nobody stood by: the new one will never have had them.
    let lost = insert(&brigade, 200..300).await;
    verify_all(&brigade, 300).await;
    brigade.close().await;
    primary.kill();
    standby.restart().unwrap();
    standby.promote().unwrap();

    project.write("brigade.toml", &format!("[stores]\ntruth = {:?}\n{COPIES}", standby.url_of(&name)));
    let brigade = project.open().await;
    named(&brigade, &["timeline 2", "timeline 1", "brigade rebuild log"]).await;
    // What is committed now is in the truth, and in no log.
    let unlogged = insert(&brigade, 300..310).await;
    mend(&brigade, &[replicated, lost, unlogged], 210).await;
    brigade.close().await;

    let brigade = project.open().await;
    assert_eq!(brigade.log().read(Some(lost), 10).await.unwrap_err().code(), code::POSITION_GONE);
    verify_all(&brigade, 220).await;
    brigade.close().await;
}

/// Puts an earlier state back under a project that has gone on since, and sees that it is named and mended.
async fn check(put_back: impl Fn(&mut Postgres, &Backup, &str), is_running: bool, words: &[&str], rows: u64) {
    let Some(server) = Postgres::start_own() else { return };
    let (project, mut server) = project_on(server);
    let name = project.database.as_ref().unwrap().name.clone();
    let brigade = project.open().await;
    let kept = insert(&brigade, 0..100).await;
    verify_all(&brigade, 100).await;
    brigade.close().await;
    let backup = server.back_up().unwrap();

    let mut brigade = project.open().await;
    let mut given = vec![kept];
    // Each a transaction of its own, so that the log has many places.
    for id in 100..120 {
        given.push(insert(&brigade, id..id + 1).await);
    }
    verify_all(&brigade, 120).await;
    if is_running {
        put_back(&mut server, &backup, &name);
    } else {
        brigade.close().await;
        put_back(&mut server, &backup, &name);
        brigade = project.open().await;
    }
    named(&brigade, words).await;
    mend(&brigade, &given, rows).await;
    brigade.close().await;
    let brigade = project.open().await;
    ready(&brigade).await;
    verify_all(&brigade, rows + 10).await;
    brigade.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_backup_that_was_recovered_is_named_and_mended() {
    let recover = |server: &mut Postgres, backup: &Backup, _: &str| server.recover(backup).unwrap();
    check(recover, false, &["timeline 2", "brigade rebuild log"], 100).await;
    check(recover, true, &["timeline 2", "brigade rebuild log"], 100).await;
}

/// Slot and timeline are as they were: only its WAL says that the server was somewhere else.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_was_put_back_is_named_and_mended() {
    let put_back = |server: &mut Postgres, backup: &Backup, _: &str| server.put_back(backup).unwrap();
    check(put_back, false, &["WAL ends at", "put back to an earlier state", "brigade rebuild log"], 100).await;
    check(put_back, true, &["put back to an earlier state", "brigade rebuild log"], 100).await;
}

/// It has written since, past all that the log had seen: its end says nothing any more, what comes again does.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_was_put_back_and_written_on_is_named_and_mended() {
    let put_back = |server: &mut Postgres, backup: &Backup, name: &str| {
        server.put_back(backup).unwrap();
        for n in 0..20 {
            let rows = format!(
                "INSERT INTO t SELECT i, 'other' FROM generate_series({}, {}) i",
                1000 + n * 500,
                1499 + n * 500
            );
            server.psql(name, &rows).unwrap();
        }
    };
    let words = ["that the server has not", "put back to an earlier state", "brigade rebuild log"];
    check(put_back, false, &words, 10_100).await;
}
