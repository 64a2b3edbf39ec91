//! Random transactions, crashes and restarts against a plain map; a failure prints its seed.
//!
//! A crash is what `kill -9` leaves: the files as the operating system has them at that moment, copied to another folder
//! and opened there. The old process's memory is gone.

use std::{collections::BTreeMap, path::Path};

use brigade::{Brigade, OpenOptions, Row, data::Op, filter, log::After};
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::support::{Engine, TestProject, quiet};

const SCHEMA: &str = "
CREATE TABLE parents (id integer PRIMARY KEY, name text UNIQUE);
CREATE TABLE items (
    id integer PRIMARY KEY,
    parent integer REFERENCES parents (id) ON DELETE CASCADE,
    n bigint NOT NULL DEFAULT 0
);";

/// The plain model: what the tables hold.
#[derive(Clone, Debug, Default, PartialEq)]
struct Plain {
    parents: BTreeMap<i64, String>,
    items: BTreeMap<i64, (Option<i64>, i64)>,
}

impl Plain {
    /// Whether the step is allowed; if so, its effect.
    fn apply(&mut self, step: &Step) -> bool {
        match *step {
            Step::Parent(id, ref name) => {
                !self.parents.values().any(|n| n == name) && self.parents.insert(id, name.clone()).is_none()
            }
            Step::Item(id, parent) => {
                parent.is_none_or(|p| self.parents.contains_key(&p)) && self.items.insert(id, (parent, 0)).is_none()
            }
            Step::Add(id, n) => {
                if let Some(item) = self.items.get_mut(&id) {
                    item.1 += n;
                }
                true
            }
            Step::RemoveParent(id) => {
                self.parents.remove(&id);
                self.items.retain(|_, (parent, _)| *parent != Some(id));
                true
            }
            Step::RemoveItem(id) => {
                self.items.remove(&id);
                true
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Parent(i64, String),
    Item(i64, Option<i64>),
    Add(i64, i64),
    RemoveParent(i64),
    RemoveItem(i64),
}

fn step(random: &mut StdRng) -> Step {
    let id = random.random_range(0..12);
    match random.random_range(0..10) {
        0 | 1 => Step::Parent(id, format!("name {}", random.random_range(0..14))),
        2..=4 => Step::Item(random.random_range(0..40), random.random_bool(0.8).then_some(id)),
        5..=7 => Step::Add(random.random_range(0..40), random.random_range(-5..6)),
        8 => Step::RemoveParent(id),
        _ => Step::RemoveItem(random.random_range(0..40)),
    }
}

async fn commit(brigade: &Brigade, steps: &[Step]) -> bool {
    let mut write = brigade.transaction();
    for step in steps {
        write = match step {
            Step::Parent(id, name) => write.insert("parents", Row::new().set("id", *id).set("name", name.clone())),
            Step::Item(id, parent) => write.insert("items", Row::new().set("id", *id).set("parent", *parent)),
            Step::Add(id, n) => write.update("items", filter("id", *id), Row::new().add("n", *n)),
            Step::RemoveParent(id) => write.delete("parents", filter("id", *id)),
            Step::RemoveItem(id) => write.delete("items", filter("id", *id)),
        };
    }
    match write.commit().await {
        Ok(_) => true,
        Err(error) => {
            assert!(["23505", "23503"].contains(&error.code()), "{} {error} for {steps:?}", error.code());
            false
        }
    }
}

/// What the log says the tables hold: every change applied to nothing, each strictly.
async fn replay(brigade: &Brigade) -> Plain {
    let mut plain = Plain::default();
    let mut follower = brigade.follow(After::Oldest, None, false).await.unwrap();
    while let Some(changes) = follower.next().await.unwrap() {
        for change in changes {
            let row = change.after.as_ref().or_else(|| change.before.as_ref().and_then(|b| b.row()));
            let Some(row) = row else { continue };
            let brigade::data::Value::Int(id) = row[0] else { panic!("{row:?}") };
            let is_new = match change.layout.table.as_str() {
                "parents" => {
                    let brigade::data::Value::Text(name) = &row[1] else { panic!("{row:?}") };
                    match change.op {
                        Op::Delete => plain.parents.remove(&id).is_none(),
                        _ => plain.parents.insert(id, name.clone()).is_none(),
                    }
                }
                _ => {
                    let number = |v: &brigade::data::Value| match v {
                        brigade::data::Value::Int(n) => Some(*n),
                        _ => None,
                    };
                    let item = (number(&row[1]), number(&row[2]).expect("n is never null"));
                    match change.op {
                        Op::Delete => plain.items.remove(&id).is_none(),
                        _ => plain.items.insert(id, item).is_none(),
                    }
                }
            };
            assert_eq!(is_new, change.op == Op::Insert, "{change:?} does not fit what came before it");
        }
    }
    plain
}

async fn tables(brigade: &Brigade) -> Plain {
    let mut plain = Plain::default();
    for row in brigade.query("SELECT id, name FROM parents", false, 1000).await.expect("a query").rows {
        let [brigade::data::Value::Int(id), brigade::data::Value::Text(name)] = &row[..] else { panic!("{row:?}") };
        plain.parents.insert(*id, name.clone());
    }
    for row in brigade.query("SELECT id, parent, n FROM items", false, 1000).await.expect("a query").rows {
        let number = |v: &brigade::data::Value| match v {
            brigade::data::Value::Int(n) => Some(*n),
            _ => None,
        };
        plain.items.insert(number(&row[0]).expect("a key"), (number(&row[1]), number(&row[2]).expect("n")));
    }
    plain
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_folder(&path, &target);
        } else if !path.to_string_lossy().ends_with("-shm") && !path.to_string_lossy().ends_with(".lock") {
            std::fs::copy(&path, &target).expect("a copy");
        }
    }
}

async fn run(seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut project = TestProject::new(&Engine::Sqlite, SCHEMA, "[copy.all]\n");
    let mut brigade = project.open().await;
    let mut plain = Plain::default();
    for _ in 0..6 {
        for _ in 0..random.random_range(5..40) {
            let steps: Vec<Step> = (0..random.random_range(1..5)).map(|_| step(&mut random)).collect();
            let mut after = plain.clone();
            let allowed = steps.iter().all(|s| after.apply(s));
            assert_eq!(commit(&brigade, &steps).await, allowed, "{steps:?} on {plain:?}");
            if allowed {
                plain = after;
            }
        }
        if random.random_bool(0.3) {
            brigade.close().await;
            brigade = project.open().await;
        } else {
            let next = TestProject::new(&Engine::Sqlite, SCHEMA, "[copy.all]\n");
            copy_folder(&project.dir().join("data"), &next.dir().join("data"));
            brigade.close().await;
            project = next;
            brigade = Brigade::open(OpenOptions::project(project.dir())).await.expect("opens after a crash");
        }
        assert_eq!(tables(&brigade).await, plain, "tables");
        assert_eq!(replay(&brigade).await, plain, "log");
        let verification = brigade.verify("copy.all", quiet()).await.expect("verify");
        assert!(verification.differences.is_empty(), "copy: {:?}", verification.differences);
    }
    brigade.close().await;
}

#[test]
fn random_transactions_survive_crashes_as_a_plain_map_would_have_them() {
    let first: u64 = std::env::var("BRIGADE_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(rand::random);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    for i in 0..8 {
        let seed = first.wrapping_add(i);
        eprintln!("BRIGADE_SEED={seed}");
        runtime.block_on(run(seed));
    }
}
