//! What must hold after a crash, compared with the journals of the writers.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt as _;
use serde_json::Value;

use super::load::{Batch, Batches, Worker};
use crate::running::Project;

/// I1 and I2: every writer's batches are there, whole, as acknowledged, or with the one transaction that nobody answered.
pub fn tables(project: &Project, workers: &mut [Worker], context: &str) {
    let mut found = Batches::new();
    for row in rows(project, "SELECT id, size, version FROM batches") {
        let batch = Batch { size: number(&row["size"]), version: number(&row["version"]) };
        found.insert(text(&row["id"]), batch);
    }
    let counted = rows(
        project,
        "SELECT batch, count(*) AS n, min(version) AS low, max(version) AS high FROM items GROUP BY batch",
    );
    assert_eq!(counted.len(), found.len(), "I2: {context}: batches without items, or items without their batch");
    for row in counted {
        let whole = found.get(&text(&row["batch"])).copied();
        let counted = (number(&row["n"]), number(&row["low"]), number(&row["high"]));
        let expected = whole.map(|b| (b.size, b.version, b.version));
        assert_eq!(Some(counted), expected, "I2: {context}: batch {} is there in part", row["batch"]);
    }
    for (n, worker) in workers.iter_mut().enumerate() {
        let prefix = format!("w{n}-");
        let its: Batches =
            found.iter().filter(|(id, _)| id.starts_with(&prefix)).map(|(k, v)| (k.clone(), *v)).collect();
        let (without, with) = worker.possible();
        assert!(
            its == without || Some(&its) == with.as_ref(),
            "I1: {context}: worker {n}: {}",
            difference(&without, &its)
        );
    }
}

fn difference(expected: &Batches, found: &Batches) -> String {
    let ids: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    let differing = ids.into_iter().filter(|id| expected.get(*id) != found.get(*id));
    differing.map(|id| format!("{id}: acknowledged {:?}, found {:?}; ", expected.get(id), found.get(id))).collect()
}

/// The tables as the log tells them, row by row, with everything that the log must not do.
#[derive(Debug, Default, PartialEq)]
pub struct Replay {
    /// Rows by table and key.
    rows: BTreeMap<(String, String), Value>,
    /// The position read last.
    position: Option<String>,
    /// Positions of the last change of each transaction.
    ends: BTreeSet<String>,
    /// The transaction that the last change read belongs to, while it is open.
    open: Option<String>,
    /// Changes read.
    pub changes: u64,
}

impl Replay {
    pub fn position(&self) -> Option<String> {
        self.position.clone()
    }

    /// Reads the log from where it stopped, over a restart, to its newest position.
    pub async fn read_on(&mut self, url: &str, context: &str) {
        let route = match &self.position {
            Some(position) => format!("{url}/changes?after={position}"),
            None => format!("{url}/changes"),
        };
        let answer = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = answer.get(route).header("accept", "application/x-ndjson").send().await.unwrap();
        let (status, body) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "I3: {context}: {status} {body}");
        for line in body.lines() {
            let change: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("I3: {context}: {e}: {line}"));
            self.apply(&change, context);
        }
        assert_eq!(self.open, None, "I3: {context}: the log ends inside a transaction");
    }

    fn apply(&mut self, change: &Value, context: &str) {
        let position = text(&change["position"]);
        assert!(self.position.as_ref() < Some(&position), "I3: {context}: {position} comes again, or out of order");
        let transaction = text(&change["transaction"]);
        if let Some(open) = &self.open {
            assert_eq!(*open, transaction, "I3: {context}: a transaction was left before its last change");
        }
        let is_last = change["last"] == true;
        self.open = (!is_last).then_some(transaction);
        if is_last {
            self.ends.insert(position.clone());
        }
        self.position = Some(position);
        self.changes += 1;
        if change["op"] == "schema" {
            return;
        }
        // An image that is not what the log said before would be the trace of a gap.
        let key = (text(&change["table"]), change["key"].to_string());
        let before = self.rows.get(&key).cloned().unwrap_or(Value::Null);
        assert_eq!(before, change["before"], "I3: {context}: {change} does not follow from what came before");
        match &change["after"] {
            Value::Null => self.rows.remove(&key),
            row => self.rows.insert(key, row.clone()),
        };
    }

    /// Every place that was acknowledged, or shown to a follower, ends a transaction of the log.
    pub fn holds(&self, promised: &[String], context: &str) {
        for position in promised {
            assert!(self.ends.contains(position), "I3: {context}: {position} was promised and ends no transaction");
        }
    }

    /// I3: the log's rows are the tables' rows.
    pub fn equals_tables(&self, project: &Project, context: &str) {
        let mut found = BTreeMap::new();
        for (table, columns, key) in [
            ("batches", "id, size, version", &["id"][..]),
            ("items", "batch, n, version, note", &["batch", "n"]),
            ("bulk", "id, round", &["id"]),
        ] {
            for row in rows(project, &format!("SELECT {columns} FROM {table}")) {
                let key: serde_json::Map<String, Value> =
                    key.iter().map(|&column| (column.to_owned(), row[column].clone())).collect();
                found.insert((table.to_owned(), Value::Object(key).to_string()), row);
            }
        }
        assert_eq!(self.rows.len(), found.len(), "I3: {context}: the log has another number of rows than the tables");
        assert!(self.rows == found, "I3: {context}: rows of the log and of the tables differ");
    }
}

/// Follows the log until the server is gone: the positions of the last changes of the transactions it was shown.
pub async fn follow(url: String, after: Option<String>) -> Vec<String> {
    let after = after.map(|p| format!("&after={p}")).unwrap_or_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.get(format!("{url}/changes?follow=true{after}")).header("accept", "application/x-ndjson");
    let (mut seen, mut buffer) = (Vec::new(), Vec::new());
    let Ok(response) = request.send().await else { return seen };
    let mut chunks = response.bytes_stream();
    while let Some(Ok(chunk)) = chunks.next().await {
        buffer.extend_from_slice(&chunk);
    }
    // The last line may be cut: it says nothing.
    let whole = buffer.iter().rposition(|&b| b == b'\n').unwrap_or(0);
    for line in String::from_utf8_lossy(&buffer[..whole]).lines() {
        let change: Value = serde_json::from_str(line).expect("a whole line is JSON");
        if change["last"] == true {
            seen.push(text(&change["position"]));
        }
    }
    seen
}

fn rows(project: &Project, sql: &str) -> Vec<Value> {
    project.sql(sql).as_array().expect("an array").clone()
}

#[track_caller]
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

#[track_caller]
fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}
