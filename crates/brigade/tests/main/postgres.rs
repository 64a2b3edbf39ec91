//! What only a PostgreSQL truth can suffer: a server and a brigade that die each at its own time.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::Path,
    process::{Child, Command},
    sync::Arc,
    time::{Duration, Instant},
};

use brigade::{Brigade, OpenOptions, Row, data::code};
use brigade_testing::servers::Postgres;

use crate::support::{Engine, TestProject, quiet};

const EFFECTS: &str = "CREATE TABLE effects (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n bigint NOT NULL);";

/// Names the project to the process that [`the_writer_that_is_killed`] is run in.
const PROJECT: &str = "BRIGADE_TEST_PROJECT";

/// Writers at once; each has its own numbers, one key for each.
const WRITERS: i64 = 4;

/// Acknowledged numbers, one a line. A line without its end was never written.
fn acknowledged(project: &Path) -> Vec<i64> {
    let text = fs::read_to_string(project.join("acknowledged")).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| line.parse().expect("a number")).collect()
}

/// Not a test: the process that is killed in one. It writes until then, and notes what was acknowledged.
#[test]
#[ignore = "run by crashes_of_server_and_brigade_lose_and_repeat_nothing"]
fn the_writer_that_is_killed() {
    let Some(folder) = std::env::var_os(PROJECT) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = Path::new(&folder);
        let brigade = Brigade::open(OpenOptions::project(folder.to_owned())).await.unwrap();
        let known = acknowledged(folder);
        let notes = fs::OpenOptions::new().append(true).create(true).open(folder.join("acknowledged")).unwrap();
        let notes = Arc::new(notes);
        let writers = (0..WRITERS).map(|writer| {
            let (brigade, notes) = (brigade.clone(), Arc::clone(&notes));
            let newest = known.iter().filter(|n| *n % WRITERS == writer).max().copied();
            tokio::spawn(async move {
                let mut n = newest.map_or(writer, |n| n + WRITERS);
                loop {
                    let write = brigade.transaction().insert("effects", Row::new().set("n", n));
                    match write.idempotency_key(&format!("effect {n}")).commit().await {
                        Ok(_) => {
                            (&*notes).write_all(format!("{n}\n").as_bytes()).unwrap();
                            n += WRITERS;
                        }
                        Err(e) if [code::UNAVAILABLE, code::KEY_RUNNING, code::SERIALIZATION].contains(&e.code()) => {
                            tokio::time::sleep(Duration::from_millis(20)).await;
                        }
                        Err(e) => panic!("{} {e} {:?}", e.code(), e.get_details()),
                    }
                }
            })
        });
        futures_util::future::join_all(writers).await;
    });
}

fn start_writer(project: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "postgres::the_writer_that_is_killed", "--ignored", "--nocapture"])
        .env(PROJECT, project)
        .spawn()
        .expect("a process")
}

/// Waits until more was acknowledged: it works, and is killed in the middle of work.
fn wait_for_work(project: &Path, writer: &mut Child) {
    let (before, began) = (acknowledged(project).len(), Instant::now());
    while acknowledged(project).len() < before + 25 {
        assert!(writer.try_wait().unwrap().is_none(), "the writer ended by itself");
        assert!(began.elapsed() < Duration::from_secs(60), "nothing is acknowledged any more");
        std::thread::sleep(Duration::from_millis(3));
    }
}

#[test]
fn crashes_of_server_and_brigade_lose_and_repeat_nothing() {
    let Some(server) = Postgres::start_own() else { return };
    let mut server = Arc::new(server);
    let project = TestProject::new(&Engine::Postgres(Arc::clone(&server)), EFFECTS, "[copy.file]\n");
    let mut writer = start_writer(&project.dir());
    for round in 0..12 {
        wait_for_work(&project.dir(), &mut writer);
        if round % 3 != 1 {
            Arc::get_mut(&mut server).expect("nobody else has it").kill();
        }
        if round % 3 != 0 {
            writer.kill().unwrap();
            writer.wait().unwrap();
        }
        if round % 3 != 1 {
            Arc::get_mut(&mut server).expect("nobody else has it").restart().unwrap();
        }
        if round % 3 != 0 {
            writer = start_writer(&project.dir());
        }
    }
    wait_for_work(&project.dir(), &mut writer);
    writer.kill().unwrap();
    writer.wait().unwrap();

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let brigade = project.open().await;
        let verification = brigade.verify("copy.file", quiet()).await.unwrap();
        assert!(verification.equal(), "{verification:?}");
        let effects = brigade.query("SELECT n FROM effects", false, 1_000_000).await.unwrap().rows;
        let mut counts: BTreeMap<i64, u32> = BTreeMap::new();
        for row in &effects {
            let brigade::data::Value::Int(n) = row[0] else { panic!("{row:?}") };
            *counts.entry(n).or_default() += 1;
        }
        assert_eq!(verification.rows, effects.len() as u64);
        assert!(counts.values().all(|&count| count == 1), "a key had two effects");
        let acknowledged = acknowledged(&project.dir());
        assert!(acknowledged.iter().all(|n| counts.contains_key(n)), "an acknowledged row is gone");
        assert!(counts.len() as i64 <= acknowledged.len() as i64 + WRITERS, "more than what was on its way");
        brigade.close().await;
    });
}
