//! A copy follows its truth, on every engine: verified, repaired, rebuilt, paused.

use std::time::Duration;

use brigade::{Brigade, Row, data::Position, filter};

use crate::support::{TestProject, on_every_engine, quiet};

const SCHEMA: &str = "CREATE TABLE t (id integer PRIMARY KEY, text text);
CREATE TABLE other (id integer PRIMARY KEY);";

async fn caught_up(brigade: &Brigade, name: &str, position: Position) {
    for _ in 0..1000 {
        let status = brigade.projections().await.into_iter().find(|p| p.name == name).expect("a projection");
        if status.checkpoint.is_some_and(|c| c.order >= position.order) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{name} did not reach {position}: {:?}", brigade.projections().await);
}

#[test]
fn copies_follow_and_are_verified() {
    on_every_engine(|engine| async move {
        let settings = "[copy.file]\n[copy.memory]\nstore = \"memory:\"\ntables = [\"t\"]\n";
        let project = TestProject::new(&engine, SCHEMA, settings);
        let brigade = project.open().await;
        let rows = (0..2_500).map(|i| Row::new().set("id", i).set("text", format!("row {i}")));
        brigade.transaction().insert_all("t", rows).commit().await.unwrap();
        brigade.transaction().delete("t", filter("id", 7)).commit().await.unwrap();
        let last = brigade.transaction().insert("other", Row::new().set("id", 1)).commit().await.unwrap();
        for (name, rows) in [("copy.file", 2_500), ("copy.memory", 2_499)] {
            caught_up(&brigade, name, last.position).await;
            let verification = brigade.verify(name, quiet()).await.unwrap();
            assert!(verification.differences.is_empty(), "{}: {:?}", project.engine, verification.differences);
            assert_eq!(verification.rows, rows, "{} {name}", project.engine);
            assert_eq!(brigade.rebuild(name, quiet()).await.unwrap(), rows);
            assert_eq!(brigade.repair(name, quiet()).await.unwrap(), 0);
        }
        assert_eq!(brigade.pause("copy.file").await.unwrap().state, "paused");
        let next = brigade.transaction().delete("t", filter("id", 8)).commit().await.unwrap();
        caught_up(&brigade, "copy.memory", next.position).await;
        brigade.close().await;

        let brigade = project.open().await;
        let paused = brigade.projections().await.into_iter().find(|p| p.name == "copy.file").unwrap();
        assert_eq!(paused.state, "paused", "{}: also after a restart", project.engine);
        brigade.resume("copy.file").await.unwrap();
        caught_up(&brigade, "copy.file", next.position).await;
        assert!(brigade.verify("copy.file", quiet()).await.unwrap().differences.is_empty());
        assert_eq!(brigade.verify("copy.fil", quiet()).await.unwrap_err().code(), "BRG404");
        brigade.close().await;
    });
}

#[test]
fn writes_while_verifying_are_no_differences() {
    on_every_engine(|engine| async move {
        let project = TestProject::new(&engine, SCHEMA, "[copy.all]\n");
        let brigade = project.open().await;
        let writer = {
            let brigade = brigade.clone();
            tokio::spawn(async move {
                for i in 0..400 {
                    let write = brigade.transaction().upsert(
                        "t",
                        &[],
                        [Row::new().set("id", i % 50).set("text", format!("{i}"))],
                    );
                    write.commit().await.unwrap();
                }
            })
        };
        while !writer.is_finished() {
            let verification = brigade.verify("copy.all", quiet()).await.unwrap();
            assert!(verification.differences.is_empty(), "{}: {:?}", project.engine, verification.differences);
        }
        writer.await.unwrap();
        brigade.close().await;
    });
}
