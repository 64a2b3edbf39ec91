//! A subscriber of a live read over a real connection, and what it knows after each event.

use std::{collections::BTreeMap, time::Duration};

use reqwest::Response;
use serde_json::Value;

use crate::harness::Running;

/// An event as it came: id, name, data.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub id: String,
    pub name: String,
    pub data: Value,
}

/// A subscriber.
pub struct Subscriber {
    response: Response,
    read: String,
}

impl Subscriber {
    pub async fn open(server: &Running, path: &str, last: Option<&str>) -> Self {
        let mut request = server.request("GET", path).header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        if status != 200 {
            panic!("{path}: {status}: {}", response.text().await.unwrap());
        }
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, read: String::new() }
    }

    /// The next event; none at the end of the answer.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.read = rest;
                if !event.starts_with(':') {
                    return Some(parsed(&event));
                }
                continue;
            }
            let chunk = tokio::time::timeout(Duration::from_secs(20), self.response.chunk()).await;
            let Ok(Some(chunk)) = chunk.expect("an event in time") else { return None };
            self.read.push_str(std::str::from_utf8(&chunk).expect("text"));
        }
    }

    /// The next events are these: name and data.
    pub async fn expect(&mut self, context: &str, events: &[(&str, Value)]) -> String {
        let mut id = String::new();
        for (name, data) in events {
            let event = self.next().await.expect("an event before the end");
            assert_eq!((event.name.as_str(), &event.data), (*name, data), "{context}");
            id = event.id;
        }
        id
    }
}

fn parsed(text: &str) -> Event {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
    let data = field("data: ");
    let data = serde_json::from_str(&data).unwrap_or_else(|e| panic!("{e}: {text}"));
    Event { id: field("id: "), name: field("event: "), data }
}

/// What a subscriber knows after an event. A row enters only where it was not, and changes or leaves only where it was.
pub fn follow(known: &mut BTreeMap<i64, Value>, name: &str, id: i64, row: Value, context: &str) {
    let before = match name {
        "delete" => known.remove(&id),
        _ => known.insert(id, row),
    };
    assert_eq!(before.is_none(), name == "insert", "{context}: {name} of {id}");
}
