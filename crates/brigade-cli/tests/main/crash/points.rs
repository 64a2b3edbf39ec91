//! Death at every boundary of a write, one after the other: each fail point that the code names is armed in the real
//! binary, the server runs until it has died there, and after the next start I1, I2, I3, I4 and I6 hold.
//!
//! A point in the code that no list here has fails the test, and so does one that is not reached.

use std::{
    collections::BTreeSet,
    os::unix::process::ExitStatusExt as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use brigade_testing::servers::Postgres;

use super::{
    Random, TABLES,
    check::{self, Replay},
    load::Worker,
    scene::{self, Scene},
    setting,
};
use crate::running::Project;

/// Connections that write at once.
const WORKERS: usize = 4;

/// How long a server may live with a point armed: seconds are usual.
const REACHED_WITHIN: Duration = Duration::from_secs(60);

/// How long a writer rests between two transactions where the server is to have nothing to do at times.
const RESTED: Duration = Duration::from_millis(40);

/// A point, how often it is passed at most before the server dies there, and what brings the server to it.
type Point = (&'static str, u64, Scene);

const SQLITE: &[Point] = &[
    ("commit::group_taken", 30, Scene::Load),
    ("commit::group_begun", 30, Scene::Load),
    ("commit::row_written", 200, Scene::Load),
    ("commit::change_logged", 200, Scene::Load),
    ("commit::member_done", 100, Scene::Load),
    ("commit::group_stamped", 30, Scene::Load),
    ("commit::group_committed", 30, Scene::Load),
    ("commit::tip_published", 30, Scene::Load),
    ("commit::group_answered", 30, Scene::Load),
    ("keys::expiring", 1, Scene::Load),
    ("wal::moving", 2, Scene::Load),
    ("wal::moved", 2, Scene::Load),
    ("outside::found", 5, Scene::Outside),
    ("alone::stamped", 5, Scene::Outside),
    ("alone::committed", 5, Scene::Outside),
    ("migration::recorded", 1, Scene::Migration),
    ("migration::committed", 1, Scene::Migration),
    ("copy::rows_written", 20, Scene::Load),
    ("copy::checkpoint_written", 20, Scene::Load),
    ("copy::applied", 20, Scene::Load),
    ("copy::part_staged", 4, Scene::Large),
    ("copy::merged", 2, Scene::Large),
    ("copy::rows_filled", 2, Scene::Rebuild),
    ("copy::swap_written", 2, Scene::Rebuild),
    ("copy::swapped", 2, Scene::Rebuild),
    ("copy::rows_discarded", 2, Scene::Rebuild),
];

/// With a log that keeps nothing.
const SQLITE_TRIMMED: &[Point] = &[("log::boundary_moved", 2, Scene::Load), ("log::changes_removed", 3, Scene::Load)];

/// What is not PostgreSQL's own work: the client of its transactions, the log's spool, and the copy.
const POSTGRES: &[Point] = &[
    ("commit::begins", 50, Scene::Load),
    ("commit::statements_done", 50, Scene::Load),
    ("commit::committed", 50, Scene::Load),
    ("spool::appended", 20, Scene::Load),
    ("spool::flushed", 20, Scene::Load),
    ("slot::acknowledging", 20, Scene::Load),
    ("slot::acknowledged", 20, Scene::Load),
    ("spool::publishing", 20, Scene::Load),
    ("spool::published", 20, Scene::Load),
    ("spool::appended", 10, Scene::Large),
    ("migration::recorded", 1, Scene::Migration),
    ("migration::committed", 1, Scene::Migration),
    ("copy::rows_written", 20, Scene::Load),
    ("copy::checkpoint_written", 20, Scene::Load),
    ("copy::applied", 20, Scene::Load),
    ("copy::merged", 2, Scene::Large),
    ("copy::swap_written", 2, Scene::Rebuild),
];

const POSTGRES_TRIMMED: &[Point] =
    &[("spool::boundary_moved", 2, Scene::Load), ("spool::changes_removed", 3, Scene::Load)];

/// Trimmed as soon as the copy has passed it.
const KEEPS_NOTHING: &str = "[log]\nkeep = \"1s\"\nkeep_bytes = \"1KiB\"\n";

/// A project, those who write into it, and what its log has told so far.
struct World {
    project: Project,
    workers: Vec<Worker>,
    /// None where the log is trimmed: what it told before is gone from it.
    replay: Option<Replay>,
    exact: bool,
}

impl World {
    fn new(stores: &str, log: &str, seed: u64) -> Self {
        let project = Project::with(TABLES);
        project.write("brigade.toml", &format!("{stores}{log}[copy.backup]\n"));
        let exact = stores.is_empty();
        let mut workers: Vec<Worker> =
            (0..WORKERS).map(|n| Worker::new(n, Random(seed ^ (n as u64 + 1) << 32))).collect();
        workers.iter_mut().for_each(|worker| worker.exact = exact);
        Self { project, workers, replay: log.is_empty().then(Replay::default), exact }
    }

    /// Runs a server until it has died at a point.
    async fn die_at(&mut self, point: &str, scene: Scene, context: &str) {
        scene::prepare(scene, &self.project);
        let rest = if scene == Scene::Outside { RESTED } else { Duration::ZERO };
        self.workers.iter_mut().for_each(|worker| worker.rest = rest);
        let before = self.project.log().len();
        let ended = match self.project.serve_armed(point) {
            Err(ended) => ended,
            Ok(mut server) => {
                let url = server.url.clone();
                let running: Vec<_> =
                    self.workers.drain(..).map(|worker| tokio::spawn(worker.run(url.clone()))).collect();
                let stop = Arc::new(AtomicBool::new(false));
                let stopping = Arc::clone(&stop);
                let watch = tokio::task::spawn_blocking(move || {
                    let ended = server.ends_within(REACHED_WITHIN);
                    stopping.store(true, Ordering::Relaxed);
                    // Dropped here: a server that still lives is killed, so that its writers end.
                    drop(server);
                    ended
                });
                scene::play(scene, &self.project, &url, stop).await;
                let ended = watch.await.expect("no panic");
                for worker in running {
                    self.workers.push(worker.await.expect("no worker panics"));
                }
                ended.unwrap_or_else(|| panic!("{context}: the point was not reached"))
            }
        };
        let log = self.project.log().split_off(before);
        let name = point.split('@').next().unwrap_or_default();
        assert!(log.contains(&format!("died at the fail point {name}")), "{context}: {ended}: {log}");
        assert_eq!(ended.signal(), Some(6), "{context}: {ended}");
    }

    /// Starts again and checks what must hold.
    async fn check(&mut self, context: &str) {
        let mut server = self.project.serve();
        check::tables(&self.project, &mut self.workers, context);
        scene::large_ones_are_whole(&self.project, context);
        for worker in &mut self.workers {
            worker.repeat_unanswered(&server.url, context).await;
        }
        check::tables(&self.project, &mut self.workers, context);
        // I4; it waits for the log, too, which on PostgreSQL comes after the truth.
        self.project.run(&["verify", "copy.backup"]).exits(0);
        let promised: Vec<String> = self.workers.iter_mut().flat_map(Worker::take_acknowledged).collect();
        if let Some(replay) = &mut self.replay {
            replay.read_on(&server.url, context).await;
            if self.exact {
                replay.holds(&promised, context);
            }
            replay.equals_tables(&self.project, context);
        }
        server.terminate(Duration::from_secs(10));
    }
}

async fn die_everywhere(engine: &str, stores: &str, log: &str, points: &[Point], seed: u64) {
    let (mut random, mut world) = (Random(seed), World::new(stores, log, seed));
    world.check("before the first").await;
    for (name, most, scene) in points {
        let point = format!("{name}@{}", 1 + random.below(*most));
        let context = format!("{engine}, seed {seed}, {point}");
        world.die_at(&point, *scene, &context).await;
        world.check(&context).await;
    }
    let acks: u64 = world.workers.iter().map(|w| w.acks).sum();
    let repeated: u64 = world.workers.iter().map(|w| w.repeated).sum();
    println!(
        "fail points: {engine}: died at each of {}, {acks} acknowledged transactions, {repeated} repeated, 0 violations",
        points.len()
    );
}

fn seed() -> u64 {
    let seed = setting("BRIGADE_CRASH_SEED", u64::from(std::process::id()) ^ 0x706f_696e);
    println!("fail points: BRIGADE_CRASH_SEED={seed}");
    seed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn death_at_every_boundary_of_sqlite_loses_and_repeats_nothing() {
    let seed = seed();
    die_everywhere("sqlite", "", "", SQLITE, seed).await;
    die_everywhere("sqlite, trimmed", "", KEEPS_NOTHING, SQLITE_TRIMMED, seed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn death_at_every_boundary_beside_postgresql_loses_and_repeats_nothing() {
    let Some(server) = Postgres::start() else { return };
    let seed = seed();
    for (name, log, points) in [("whole", "", POSTGRES), ("trimmed", KEEPS_NOTHING, POSTGRES_TRIMMED)] {
        server.psql("postgres", &format!("CREATE DATABASE {name}")).expect("a new database");
        let stores = format!("[stores]\ntruth = {:?}\n", server.url_of(name));
        die_everywhere(&format!("postgres, {name}"), &stores, log, points, seed).await;
    }
}

#[test]
fn every_point_in_the_code_is_died_at() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a crate lies among others");
    for (engine, lists) in [
        ("engine-sqlite", [SQLITE, SQLITE_TRIMMED, POSTGRES, POSTGRES_TRIMMED]),
        ("engine-postgres", [POSTGRES, POSTGRES_TRIMMED, &[], &[]]),
    ] {
        let mut named = BTreeSet::new();
        named_in(&crates.join(engine).join("src"), &mut named);
        let died: BTreeSet<&str> = lists.concat().iter().map(|(name, ..)| *name).collect();
        assert!(!named.is_empty(), "{engine} names points");
        let missed: Vec<&String> = named.iter().filter(|name| !died.contains(name.as_str())).collect();
        assert!(missed.is_empty(), "{engine} names {missed:?}, where no test dies");
    }
}

/// Names of the fail points in a folder's files.
fn named_in(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            named_in(&path, names);
        } else {
            let text = std::fs::read_to_string(&path).expect("a file of code");
            let points = text.split("fail_point!(\"").skip(1);
            names.extend(points.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
        }
    }
}
