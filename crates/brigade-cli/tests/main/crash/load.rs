//! Writers that keep a journal: what each sent, what was acknowledged, and what must therefore be there.

use std::{collections::BTreeMap, time::Duration};

use reqwest::Client;
use serde_json::{Value, json};

use super::Random;

/// What a batch looks like: its row, and `size` items of the same version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    pub size: u64,
    pub version: u64,
}

/// Batches by id.
pub type Batches = BTreeMap<String, Batch>;

/// One transaction of a writer.
#[derive(Clone, Debug)]
enum Op {
    /// A batch and its items, which say how many they are.
    New(String, u64),
    /// One more on the versions of a batch and all its items.
    Touch(String),
    /// The end of a batch; its items go by cascade.
    Drop(String),
}

/// A transaction sent under a key.
#[derive(Clone, Debug)]
struct Sent {
    key: String,
    op: Op,
    body: String,
}

/// One connection's writer, sending one transaction after another.
#[derive(Debug)]
pub struct Worker {
    number: usize,
    random: Random,
    sent: u64,
    /// What must be there by the acknowledgements.
    pub known: Batches,
    /// What no answer came for: there or not, but whole.
    unanswered: Option<Sent>,
    /// Positions acknowledged since they were last taken.
    acknowledged: Vec<String>,
    /// One acknowledged transaction and its answer, to be repeated after the kill.
    kept: Option<(Sent, String)>,
    pub acks: u64,
    pub repeated: u64,
    /// How long it rests between two transactions. Only a server without work for a moment looks at other programs' rows
    /// by itself; a busy one finds them with its next group.
    pub rest: Duration,
    /// Whether an answer that is repeated names the very position of the first one; PostgreSQL gives one at or after it.
    pub exact: bool,
}

impl Worker {
    pub fn new(number: usize, random: Random) -> Self {
        Self {
            number,
            random,
            sent: 0,
            known: Batches::new(),
            unanswered: None,
            acknowledged: Vec::new(),
            kept: None,
            acks: 0,
            repeated: 0,
            rest: Duration::ZERO,
            exact: true,
        }
    }

    /// Writes until the server is gone.
    pub async fn run(mut self, url: String) -> Self {
        let client = client();
        loop {
            tokio::time::sleep(self.rest).await;
            let sent = self.next();
            self.unanswered = Some(sent.clone());
            match send(&client, &url, &sent).await {
                Some((200, body, false)) => self.acknowledge(sent, body),
                // Shutting down or overloaded: may have happened.
                Some((503, _, _)) | None => return self,
                Some(other) => panic!("worker {}: {sent:?}: {other:?}", self.number),
            }
        }
    }

    /// What the tables may hold: without the unanswered transaction, and with it.
    pub fn possible(&self) -> (Batches, Option<Batches>) {
        let with = self.unanswered.as_ref().map(|sent| {
            let mut batches = self.known.clone();
            apply(&mut batches, &sent.op);
            batches
        });
        (self.known.clone(), with)
    }

    /// I6: the unanswered transaction under its key again, until it is certain, and then once more; and one that was
    /// acknowledged before the kill.
    pub async fn repeat_unanswered(&mut self, url: &str, context: &str) {
        let client = client();
        if let Some(sent) = self.unanswered.clone() {
            let (status, first, _) = send(&client, url, &sent).await.expect("the server answers");
            assert_eq!(status, 200, "I6: {context}: {sent:?}: {first}");
            let (status, again, replayed) = send(&client, url, &sent).await.expect("the server answers");
            assert!(status == 200 && replayed, "I6: {context}: {status} {again}");
            assert!(self.is_same(&first, &again), "I6: {context}: {again} is not {first}");
            self.acknowledge(sent, first);
            self.repeated += 1;
        }
        if let Some((sent, body)) = self.kept.clone() {
            let (status, again, replayed) = send(&client, url, &sent).await.expect("the server answers");
            let same = status == 200 && replayed && self.is_same(&body, &again);
            assert!(same, "I6: {context}: {status} {again} is not {body}");
        }
    }

    fn is_same(&self, first: &str, again: &str) -> bool {
        let results = |body: &str| serde_json::from_str::<Value>(body).expect("a receipt")["results"].take();
        first == again || (!self.exact && results(first) == results(again))
    }

    /// The positions acknowledged since the last call.
    pub fn take_acknowledged(&mut self) -> Vec<String> {
        std::mem::take(&mut self.acknowledged)
    }

    fn acknowledge(&mut self, sent: Sent, body: String) {
        apply(&mut self.known, &sent.op);
        let receipt: Value = serde_json::from_str(&body).expect("a receipt");
        self.acknowledged.push(receipt["position"].as_str().expect("a position").to_owned());
        self.unanswered = None;
        self.acks += 1;
        if self.kept.is_none() || self.random.below(8) == 0 {
            self.kept = Some((sent, body));
        }
    }

    fn next(&mut self) -> Sent {
        self.sent += 1;
        let pick = match self.known.len() as u64 {
            0 => None,
            n => self.known.keys().nth(self.random.below(n) as usize).cloned(),
        };
        let op = match (pick, self.random.below(10)) {
            (Some(id), 5..8) => Op::Touch(id),
            (Some(id), 8..10) => Op::Drop(id),
            _ => Op::New(format!("w{}-{:06}", self.number, self.sent), 1 + self.random.below(8)),
        };
        let statements = match &op {
            Op::New(id, size) => {
                let items =
                    (0..*size).map(|n| json!({"batch": id, "n": n, "version": 0, "note": format!("of {size}")}));
                json!([
                    {"insert": {"table": "batches", "rows": [{"id": id, "size": size, "version": 0}], "returning": ["id"]}},
                    {"insert": {"table": "items", "rows": items.collect::<Vec<_>>(), "expect": size}},
                ])
            }
            Op::Touch(id) => json!([
                {"update": {"table": "batches", "where": {"id": id}, "set": {"version": {"add": 1}}, "expect": 1}},
                {"update": {"table": "items", "where": {"batch": id}, "set": {"version": {"add": 1}},
                    "expect": self.known[id].size}},
            ]),
            Op::Drop(id) => json!([{"delete": {"table": "batches", "where": {"id": id}, "expect": 1}}]),
        };
        Sent { key: format!("w{}-{}", self.number, self.sent), op, body: json!({"statements": statements}).to_string() }
    }
}

fn apply(batches: &mut Batches, op: &Op) {
    match op {
        Op::New(id, size) => {
            batches.insert(id.clone(), Batch { size: *size, version: 0 });
        }
        Op::Touch(id) => batches.get_mut(id).expect("only known ones are touched").version += 1,
        Op::Drop(id) => {
            batches.remove(id);
        }
    }
}

fn client() -> Client {
    Client::builder().no_proxy().build().expect("a client")
}

/// Status, body and whether it was a replay; none where no whole answer came.
async fn send(client: &Client, url: &str, sent: &Sent) -> Option<(u16, String, bool)> {
    let request = client
        .post(format!("{url}/transactions"))
        .header("content-type", "application/json")
        .header("idempotency-key", &sent.key)
        .body(sent.body.clone());
    let response = request.send().await.ok()?;
    let status = response.status().as_u16();
    let replayed = response.headers().get("idempotency-replayed").is_some_and(|v| v == "true");
    Some((status, response.text().await.ok()?, replayed))
}
