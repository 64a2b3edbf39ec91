//! What brings a server to a fail point: load of one kind or another, until it is gone.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use serde_json::json;

use crate::running::{Project, brigade};

/// What goes on beside the writers that keep a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// Nothing.
    Load,
    /// Transactions larger than what is applied at once.
    Large,
    /// Another program writes into the file.
    Outside,
    /// The copy is made anew, again and again.
    Rebuild,
    /// There is a new migration before the server starts.
    Migration,
}

/// Rows of a large transaction: more than two chunks.
const LARGE: i64 = 2_500;

/// The round of rows that another program writes, one at a time.
const OUTSIDE: i64 = -1;

/// Numbers for rows that are never used twice.
static NEXT: AtomicI64 = AtomicI64::new(0);

/// What the scene does before the server starts.
pub fn prepare(scene: Scene, project: &Project) {
    if scene == Scene::Migration {
        let number = std::fs::read_dir(project.file("migrations")).unwrap().count() + 1;
        let sql = format!("CREATE TABLE later{number} (id integer PRIMARY KEY);");
        project.write(&format!("migrations/{number:04}_later.sql"), &sql);
    }
}

/// Plays the scene until the server is gone.
pub async fn play(scene: Scene, project: &Project, url: &str, stop: Arc<AtomicBool>) {
    let folder = project.path().to_owned();
    match scene {
        Scene::Load | Scene::Migration => {}
        Scene::Large => large(url).await,
        Scene::Outside => blocking(move || outside(&folder.join("data/truth.db"), &stop)).await,
        Scene::Rebuild => {
            blocking(move || {
                while !stop.load(Ordering::Relaxed) {
                    brigade(&["rebuild", "copy.backup"]).current_dir(&folder).output().unwrap();
                }
            })
            .await;
        }
    }
}

async fn blocking(work: impl FnOnce() + Send + 'static) {
    tokio::task::spawn_blocking(work).await.expect("the scene does not panic");
}

async fn large(url: &str) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    loop {
        let round = NEXT.fetch_add(LARGE, Ordering::Relaxed);
        let rows: Vec<_> = (round..round + LARGE).map(|id| json!({"id": id, "round": round})).collect();
        let body = json!({"statements": [{"insert": {"table": "bulk", "rows": rows}}]}).to_string();
        let sent = client.post(format!("{url}/transactions")).header("content-type", "application/json").body(body);
        match sent.send().await {
            Ok(answer) => assert!([200, 503].contains(&answer.status().as_u16()), "{}", answer.text().await.unwrap()),
            Err(_) => return,
        }
    }
}

fn outside(file: &std::path::Path, stop: &AtomicBool) {
    let connection = rusqlite::Connection::open(file).unwrap();
    connection.busy_timeout(Duration::from_secs(10)).unwrap();
    while !stop.load(Ordering::Relaxed) {
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        connection.execute("INSERT INTO bulk VALUES (?1, ?2)", [id, OUTSIDE]).unwrap();
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// I2 of large transactions: each is there whole, or not at all.
pub fn large_ones_are_whole(project: &Project, context: &str) {
    let torn = project.sql(&format!(
        "SELECT round, count(*) AS n FROM bulk WHERE round <> {OUTSIDE} GROUP BY round HAVING count(*) <> {LARGE}"
    ));
    assert_eq!(torn, json!([]), "I2: {context}: a large transaction is there in part");
}
