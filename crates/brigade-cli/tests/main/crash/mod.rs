//! `kill -9` under load, again and again, on the real binary. After every start:
//!
//! - I1: what was acknowledged is there; I2: every transaction is there whole, or not at all;
//! - I3: reading the log from its beginning gives the tables, without gap or repeat, and every place acknowledged is in it;
//! - I4: once nothing more comes, the copy equals the truth;
//! - I6: repeating a transaction with its key has one effect, and gives the same answer byte for byte.
//!
//! `BRIGADE_CRASH_KILLS` (50) and `BRIGADE_CRASH_SEED` repeat a run; both are printed.

mod check;
mod load;
mod points;
mod scene;
mod sessions;

use std::time::{Duration, Instant};

use crate::running::Project;
use check::Replay;
use load::Worker;

/// Connections that write at once.
const WORKERS: usize = 6;

const TABLES: &str = "
CREATE TABLE batches (
    id      text PRIMARY KEY,
    size    integer NOT NULL,
    version integer NOT NULL
);
CREATE TABLE items (
    batch   text NOT NULL REFERENCES batches (id) ON DELETE CASCADE,
    n       integer NOT NULL,
    version integer NOT NULL,
    note    text NOT NULL,
    PRIMARY KEY (batch, n)
);
-- Rows that come many at once, or from another program.
CREATE TABLE bulk (
    id    bigint PRIMARY KEY,
    round integer NOT NULL
);";

/// Numbers that a seed repeats (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_and_nothing_happens_twice() {
    let kills = setting("BRIGADE_CRASH_KILLS", 50);
    let seed = setting("BRIGADE_CRASH_SEED", u64::from(std::process::id()) ^ 0x6272_6967);
    println!("crash: BRIGADE_CRASH_KILLS={kills} BRIGADE_CRASH_SEED={seed}");
    let mut random = Random(seed);
    let project = Project::with(TABLES);
    let mut workers: Vec<Worker> = (0..WORKERS).map(|n| Worker::new(n, Random(seed ^ (n as u64 + 1) << 32))).collect();
    let mut replay = Replay::default();
    let mut starts = Vec::new();
    let mut promised: Vec<String> = Vec::new();
    for round in 0..=kills {
        let begun = Instant::now();
        let mut server = project.serve();
        starts.push(begun.elapsed());
        let context = format!("seed {seed}, after kill {round}");

        check::tables(&project, &mut workers, &context);
        for worker in &mut workers {
            worker.repeat_unanswered(&server.url, &context).await;
        }
        check::tables(&project, &mut workers, &context);
        promised.extend(workers.iter_mut().flat_map(Worker::take_acknowledged));
        replay.read_on(&server.url, &context).await;
        replay.holds(&std::mem::take(&mut promised), &context);
        if round % 10 == 0 || round == kills {
            replay.equals_tables(&project, &context);
            project.run(&["verify", "copy.backup"]).exits(0);
            let mut anew = Replay::default();
            anew.read_on(&server.url, &context).await;
            assert!(anew == replay, "I3: {context}: the log read from its beginning differs from the log read on");
        }
        if round == kills {
            server.terminate(Duration::from_secs(10));
            break;
        }

        let pause = Duration::from_millis(30 + random.below(270));
        let url = server.url.clone();
        let running: Vec<_> = workers.drain(..).map(|worker| tokio::spawn(worker.run(url.clone()))).collect();
        let follower = tokio::spawn(check::follow(url.clone(), replay.position()));
        tokio::time::sleep(pause).await;
        server.kill();
        for worker in running {
            workers.push(worker.await.expect("no worker panics"));
        }
        promised = follower.await.expect("no follower panics");
    }
    starts.sort();
    let acks: u64 = workers.iter().map(|w| w.acks).sum();
    let repeated: u64 = workers.iter().map(|w| w.repeated).sum();
    println!(
        "crash: {kills} kills, {acks} acknowledged transactions, {repeated} repeated after a kill, {} changes in the log, 0 violations; \
         start to ready p50 {:?}, max {:?}",
        replay.changes,
        starts[starts.len() / 2],
        starts[starts.len() - 1]
    );
    assert!(acks > kills, "hardly anything was written: {acks} acknowledged");
}
