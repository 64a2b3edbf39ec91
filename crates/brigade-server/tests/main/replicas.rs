//! Read replicas: real standbys of a real primary, paused, killed, promoted and mistaken for another's, while somebody reads
//! what they have written.

use std::time::{Duration, Instant};

use brigade::{Brigade, OpenOptions, data::code, engine::ReplicaStatus};
use brigade_testing::servers::{Database, Postgres};

use crate::harness::{Answer, Running};

const SCHEMA: &str = "CREATE TABLE t (id bigint PRIMARY KEY, text text);
    CREATE TABLE parts (id bigint PRIMARY KEY, t_id bigint NOT NULL REFERENCES t (id));";

const FILES: [(&str, &str); 4] = [
    // No standby can say where its WAL is written.
    ("queries/on_the_primary.sql", "SELECT (SELECT count(*) FROM t) AS n, pg_current_wal_lsn()::text AS place"),
    ("queries/how_many.sql", "SELECT count(*) AS n FROM t"),
    ("queries/slow.sql", "SELECT (SELECT count(*) FROM t) AS n, pg_sleep(1.5)::text AS slept"),
    ("queries/put.sql", "-- write\n-- param id bigint\nINSERT INTO t (id) VALUES (:id) RETURNING id"),
];

/// A primary and its standbys.
struct World {
    standbys: Vec<Postgres>,
    database: Database,
    primary: Postgres,
}

impl World {
    fn start(standbys: usize) -> Option<Self> {
        // What stands in the way of replaying is cancelled at once.
        let mut primary = Postgres::start_with(&["max_standby_streaming_delay=0"])?;
        let database = primary.create_database();
        let backup = primary.back_up().unwrap();
        let standbys = (0..standbys).map(|_| primary.standby(&backup).unwrap()).collect();
        Some(Self { standbys, database, primary })
    }

    fn settings(&self, lag_max: &str) -> String {
        let urls: Vec<String> = self.standbys.iter().map(|standby| standby.url_of(&self.database.name)).collect();
        settings(&self.database.url, &urls, lag_max)
    }

    async fn serve(&self, lag_max: &str) -> Running {
        let running = Running::start_with_files(SCHEMA, &self.settings(lag_max), &FILES).await;
        // So that the replicas have something to replay up to, and are used.
        put(&running, 1).await;
        for n in 0..self.standbys.len() {
            used(&running.brigade, n).await;
        }
        running
    }

    fn on(&self, standby: usize, sql: &str) -> String {
        self.standbys[standby].psql(&self.database.name, sql).unwrap()
    }
}

fn settings(truth: &str, replicas: &[String], lag_max: &str) -> String {
    format!("[stores.truth]\nurl = {truth:?}\nreplicas = {replicas:?}\nreplica_lag_max = {lag_max:?}\n")
}

fn status(brigade: &Brigade, n: usize) -> ReplicaStatus {
    brigade.truth_status().replicas.remove(n)
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn used(brigade: &Brigade, n: usize) {
    let young = |lag: Duration| lag < Duration::from_secs(1);
    until("the replica is not used", || {
        let status = status(brigade, n);
        status.why_not.is_none() && status.lag.is_some_and(young)
    })
    .await;
}

async fn ask(server: &Running, path: &str, after: Option<&str>) -> Answer {
    let mut request = server.request("GET", path);
    if let Some(after) = after {
        request = request.header("brigade-after", after);
    }
    Answer::of(request.send().await.unwrap()).await
}

/// Writes a row; where it stands.
async fn put(server: &Running, id: u64) -> String {
    let body = format!(r#"{{"statements":[{{"insert":{{"table":"t","rows":[{{"id":{id}}}]}}}}]}}"#);
    let answer = server.commit(&body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["position"].as_str().unwrap().to_owned()
}

/// How many rows an answer shows, and its position.
fn rows(answer: &Answer) -> (usize, String) {
    assert_eq!(answer.status, 200, "{}", answer.text);
    (answer.json().as_array().unwrap().len(), answer.header("brigade-position").unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_answers_what_it_has_and_the_primary_what_it_has_not() {
    let Some(world) = World::start(1) else { return };
    let mut server = world.serve("2s").await;
    let answered = || status(&server.brigade, 0).reads.answered;
    for path in ["/t?select=id", "/t?select=id,parts(id)", "/rpc/how_many", "/t?select=id&order=id&limit=1"] {
        let before = answered();
        assert_eq!(ask(&server, path, None).await.status, 200);
        assert_eq!(answered(), before + 1, "{path} is read from the replica");
    }
    let before = answered();
    let request = server.request("POST", "/rpc/put").header("content-type", "application/json").body(r#"{"id":2}"#);
    assert_eq!(request.send().await.unwrap().status(), 200);
    let refused = ask(&server, "/t?select=nothing", None).await;
    refused.is_error(400, "42703");
    assert_eq!(answered(), before, "what writes is not asked of a replica");

    world.on(0, "SELECT pg_wal_replay_pause()");
    let position = put(&server, 3).await;
    let (old, named) = rows(&ask(&server, "/t?select=id", None).await);
    assert!(old < 3 && named < position, "the replica shows what it has, and says so: {old} {named}");
    assert_eq!(rows(&ask(&server, "/t?select=id", Some(&position)).await).0, 3, "the primary has it");
    tokio::time::sleep(Duration::from_millis(2_800)).await;
    assert_eq!(rows(&ask(&server, "/t?select=id", None).await).0, 3, "too old to answer anything");
    let lag = status(&server.brigade, 0).lag.unwrap();
    assert!(lag > Duration::from_secs(2), "{lag:?}");
    world.on(0, "SELECT pg_wal_replay_resume()");
    used(&server.brigade, 0).await;
    let before = answered();
    assert_eq!(rows(&ask(&server, "/t?select=id", Some(&position)).await).0, 3);
    assert_eq!(answered(), before + 1, "it has replayed the position");
    let name = status(&server.brigade, 0).name;
    let figure = format!("brigade_replica_reads_total{{replica=\"{name}\",outcome=\"answered\"}}");
    assert_eq!(server.metric(&figure).await, answered() as f64);
    let shown = server.get("/status").await.json();
    assert_eq!(shown["truth"]["replicas"][0]["used"], true, "{shown}");
    server.stop().await;
}

/// Two standbys, of which one or the other stands still now and then, while others write without end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_names_a_position_never_sees_less_than_came_with_it() {
    let Some(world) = World::start(2) else { return };
    let mut server = world.serve("5s").await;
    let brigade = server.brigade.clone();
    let others = tokio::spawn(async move {
        for id in 1_000_000.. {
            let row = brigade::Row::new().set("id", id).set("t_id", 1);
            brigade.transaction().insert("parts", row).commit().await.unwrap();
        }
    });
    let mut seen = 0;
    for round in 0..240_u64 {
        if round % 20 == 3 {
            world.on((round / 20 % 2) as usize, "SELECT pg_wal_replay_pause()");
        }
        if round % 20 == 12 {
            world.on((round / 20 % 2) as usize, "SELECT pg_wal_replay_resume()");
        }
        let id = round + 10;
        let written = put(&server, id).await;
        let mut position = written.clone();
        let own = ask(&server, &format!("/t?select=id&id=eq.{id}"), Some(&position)).await;
        assert_eq!(rows(&own).0, 1, "round {round}: what was written is not read");
        // Three more, each after the one before, wherever they are answered.
        for _ in 0..3 {
            let (count, named) = rows(&ask(&server, "/parts?select=id", Some(&position)).await);
            assert!(count >= seen, "round {round}: {count} rows after {seen}");
            assert!(named >= position, "round {round}: {named} after {position}");
            (seen, position) = (count, named);
        }
        if round % 40 == 39 {
            // They are read whole, so they stay few. Whoever reads on begins anew.
            let deleted = server.request("DELETE", "/parts?t_id=eq.1").send().await.unwrap();
            assert_eq!(deleted.status(), 204);
            seen = 0;
        }
    }
    others.abort();
    let answered = [0, 1].map(|n| status(&server.brigade, n).reads.answered);
    eprintln!("answered by the replicas: {answered:?} of {}", 240 * 4);
    assert!(answered.iter().all(|count| *count > 50), "both replicas answer: {answered:?}");
    server.stop().await;
}

/// The log trails behind what the primary shows, and a replica is exactly as far as the log. An answer of the primary shows
/// more than its position says, and who sends that back is not shown less by the replica.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_primary_showed_beyond_its_position_is_shown_again() {
    let Some(world) = World::start(1) else { return };
    let mut server = world.serve("10s").await;
    let name = &world.database.name;
    let slot = "SELECT active_pid FROM pg_replication_slots WHERE slot_type = 'logical' AND active";
    let sender = world.primary.psql(name, slot).unwrap();
    let signal = |signal: &str| {
        let sent = std::process::Command::new("kill").args([signal, &sender]).status().unwrap();
        assert!(sent.success());
    };
    signal("-STOP");
    let end = world.primary.psql(name, "SELECT pg_current_wal_flush_lsn()").unwrap();
    until("the standby does not follow", || world.on(0, &format!("SELECT pg_last_wal_replay_lsn() >= '{end}'")) == "t")
        .await;
    world.on(0, "SELECT pg_wal_replay_pause()");
    world.primary.psql(name, "INSERT INTO t VALUES (2)").unwrap();

    let count = |answer: &Answer| answer.json()[0]["n"].as_u64();
    let first = ask(&server, "/rpc/on_the_primary", None).await;
    assert_eq!((first.status, count(&first)), (200, Some(2)), "{}", first.text);
    let before = status(&server.brigade, 0).reads;
    let position = first.header("brigade-position").unwrap();
    let again = ask(&server, "/rpc/how_many", Some(position)).await;
    assert_eq!(count(&again), Some(2), "less than was shown with the position");
    let after = status(&server.brigade, 0).reads;
    assert_eq!((after.answered, after.skipped), (before.answered, before.skipped + 1));
    assert_eq!(count(&ask(&server, "/rpc/how_many", None).await), Some(1), "the replica answers who asks for nothing");
    signal("-CONT");
    world.on(0, "SELECT pg_wal_replay_resume()");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_gone_is_missed_by_nobody_and_used_again_when_it_is_back() {
    let Some(mut world) = World::start(1) else { return };
    let mut server = world.serve("5s").await;
    world.standbys[0].kill();
    for _ in 0..20 {
        let began = Instant::now();
        rows(&ask(&server, "/t?select=id", None).await);
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    }
    assert!(status(&server.brigade, 0).why_not.is_some());
    put(&server, 2).await;
    world.standbys[0].restart().unwrap();
    used(&server.brigade, 0).await;
    let before = status(&server.brigade, 0).reads.answered;
    assert_eq!(rows(&ask(&server, "/t?select=id", None).await).0, 2);
    assert_eq!(status(&server.brigade, 0).reads.answered, before + 1);

    // It answers no more, and nobody is told: connections stay.
    world.standbys[0].freeze();
    for _ in 0..5 {
        let began = Instant::now();
        assert_eq!(rows(&ask(&server, "/t?select=id", None).await).0, 2);
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    }
    world.standbys[0].thaw();
    used(&server.brigade, 0).await;

    // It goes its own way now: what it has is another history.
    world.standbys[0].promote().unwrap();
    world.on(0, "INSERT INTO t VALUES (100)");
    for _ in 0..5 {
        assert_eq!(rows(&ask(&server, "/t?select=id", None).await).0, 2, "rows of another history");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let why = status(&server.brigade, 0).why_not.unwrap();
    assert!(why.contains("no standby"), "{why}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_is_in_the_way_of_replaying_is_answered_by_the_primary() {
    let Some(world) = World::start(1) else { return };
    let mut server = world.serve("10s").await;
    let slow = {
        let request = server.request("GET", "/rpc/slow");
        tokio::spawn(async move { Answer::of(request.send().await.unwrap()).await })
    };
    tokio::time::sleep(Duration::from_millis(400)).await;
    world.primary.psql(&world.database.name, "DELETE FROM t").unwrap();
    world.primary.psql(&world.database.name, "VACUUM t").unwrap();
    let answer = slow.await.unwrap();
    assert_eq!((answer.status, answer.json()[0]["n"].as_u64()), (200, Some(0)), "{}", answer.text);
    let status = status(&server.brigade, 0);
    assert_eq!((status.reads.conflicts, status.why_not), (1, None));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_standby_of_the_truth_is_refused_at_the_start() {
    let Some(world) = World::start(0) else { return };
    let Some(other) = Postgres::start_own() else { return };
    let stranger = other.create_database();
    let url = &world.database.url;
    let down = "postgres://postgres:s3cret@127.0.0.1:1/down".to_owned();
    for (replica, words) in [
        (stranger.url.clone(), Some("of another cluster")),
        (url.clone(), Some("it takes writes")),
        (world.primary.url_of("postgres"), Some("another database")),
        (down, None),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("migrations")).unwrap();
        std::fs::write(folder.path().join("brigade.toml"), settings(url, &[replica], "5s")).unwrap();
        match (Brigade::open(OpenOptions::project(folder.path())).await, words) {
            (Err(error), Some(words)) => {
                assert_eq!(error.code(), code::CONFIG);
                assert!(error.message().contains(words) && error.get_hint().is_some(), "{error}");
            }
            (Ok(brigade), None) => {
                let status = status(&brigade, 0);
                assert!(status.why_not.is_some(), "{status:?}");
                assert!(!format!("{status:?}").contains("s3cret"));
                brigade.close().await;
            }
            (opened, words) => panic!("{words:?}: {:?}", opened.map(|_| ())),
        }
    }
}
