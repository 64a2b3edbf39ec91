//! Sessions in a file, with a clock that the test turns: the suite, restarts, and a file that does not grow for ever.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use brigade_core::{
    engine::{Clock, Sessions},
    session::{Holder, Session, SessionId},
};
use brigade_testing::suites::sessions::{Engine, run};
use engine_sqlite::SqliteSessions;
use tempfile::TempDir;

/// Turned by hand, in microseconds.
struct Hand(AtomicI64);

impl Hand {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_795_000_000_000_000)))
    }

    fn turn(&self, time: Duration) {
        self.0.fetch_add(time.as_micros() as i64, Ordering::Relaxed);
    }
}

impl Clock for Hand {
    fn now(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

struct InFile {
    sessions: SqliteSessions,
    clock: Arc<Hand>,
}

#[async_trait]
impl Engine for InFile {
    fn open(&self) -> Arc<dyn Sessions> {
        Arc::new(self.sessions.clone())
    }

    async fn pass(&self, time: Duration) {
        self.clock.turn(time);
    }
}

fn open(folder: &Path, clock: &Arc<Hand>) -> SqliteSessions {
    SqliteSessions::open(folder.join("sessions.db"), Arc::clone(clock) as Arc<dyn Clock>).unwrap()
}

fn session(ttl: Duration) -> Session {
    let holder = Holder { id: "42".to_owned(), ..Holder::default() };
    Session { holder, data: "{}".to_owned(), ttl_ms: ttl.as_millis() as u64, is_vouched: true }
}

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test(flavor = "multi_thread")]
async fn the_suite() {
    let (folder, clock) = (TempDir::new().unwrap(), Hand::new());
    run(&InFile { sessions: open(folder.path(), &clock), clock }).await;
}

#[tokio::test]
async fn a_restart_forgets_nobody_and_brings_nobody_back() {
    let (folder, clock) = (TempDir::new().unwrap(), Hand::new());
    let ids: Vec<SessionId> = (0..3).map(|i| SessionId::new([i; 32])).collect();
    let sessions = open(folder.path(), &clock);
    for (id, days) in ids.iter().zip([1, 2, 2]) {
        sessions.create(id, &session(DAY * days)).await.unwrap();
    }
    assert!(sessions.revoke(&ids[2]).await.unwrap());
    drop(sessions);
    clock.turn(DAY);
    let sessions = open(folder.path(), &clock);
    assert_eq!(sessions.find(&ids[0]).await.unwrap(), None, "its time passed meanwhile");
    assert_eq!(sessions.find(&ids[1]).await.unwrap().map(|found| found.left_ms), Some(DAY.as_millis() as u64));
    assert_eq!(sessions.find(&ids[2]).await.unwrap(), None, "revoked is revoked");
}

#[tokio::test]
async fn what_is_over_is_cleared_away_by_what_comes() {
    let (folder, clock) = (TempDir::new().unwrap(), Hand::new());
    let sessions = open(folder.path(), &clock);
    for round in 0..10_u8 {
        for i in 0..20 {
            sessions.create(&SessionId::new([round * 20 + i; 32]), &session(DAY)).await.unwrap();
        }
        clock.turn(DAY * 2);
    }
    let file = rusqlite::Connection::open(folder.path().join("sessions.db")).unwrap();
    let rows: u32 = file.query_row("SELECT count(*) FROM sessions", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 20, "only those of the last round");
}

#[tokio::test]
async fn a_file_of_another_kind_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sessions.db");
    engine_sqlite::SqliteNotes::open(&path).unwrap();
    let refused = SqliteSessions::open(&path, Hand::new()).unwrap_err();
    assert!(refused.message().contains("is not a file of sessions"), "{refused}");
}
