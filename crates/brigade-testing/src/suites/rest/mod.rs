//! The suite of the table API: requests and what they are answered, the same on every engine.
//!
//! A case is data. Whoever can send a request runs it: [`run`] takes a function that does. Bodies are compared as JSON
//! with the order of keys and every digit, since clients see both.

mod captured;
mod changes;
mod injected;
mod reads;
mod refusals;
mod routines;
mod words;
mod writes;

use brigade_core::data::Json;

/// The tables that the suite works on, with their rows, as a migration.
pub const SCHEMA: &str = include_str!("schema.sql");

/// Tables with texts in them, for a server of its own.
pub const WORDS: &str = include_str!("words.sql");

/// A column of words and a language of its own, which only PostgreSQL has: further migrations of [`WORDS`].
pub const VECTORS: [(&str, &str); 2] = [
    ("migrations/0002_vectors.sql", "ALTER TABLE notes ADD COLUMN found tsvector;"),
    ("migrations/0003_filled.postgres.sql", include_str!("vectors.sql")),
];

/// Files of a project that has something to call: below its folder, with their text.
pub const ROUTINES: [(&str, &str); 8] = [
    ("migrations/0002_functions.postgres.sql", include_str!("functions.sql")),
    ("queries/prolific.sql", include_str!("prolific.sql")),
    ("queries/person.sql", include_str!("person.sql")),
    ("queries/seen_since.sql", include_str!("seen_since.sql")),
    ("queries/add_task.sql", include_str!("add_task.sql")),
    ("queries/rank_task.sql", include_str!("rank_task.sql")),
    ("queries/finish_tasks.sql", include_str!("finish_tasks.sql")),
    ("queries/forget_task.sql", include_str!("forget_task.sql")),
];

/// A request and its answer.
#[derive(Clone, Debug)]
pub struct Case {
    /// GET, unless it is said otherwise.
    pub method: &'static str,
    /// Path and query below the mount, as a client sends them.
    pub path: String,
    /// Headers of the request.
    pub headers: Vec<(&'static str, String)>,
    /// What is sent with it: `Content-Type` and body.
    pub sent: Option<(&'static str, String)>,
    /// The status of the answer; 0: a mistake of the caller's, or no rows.
    pub status: u16,
    /// Its body: JSON, or text where it is none; of an error the code alone.
    pub body: Expected,
    /// Headers of the answer.
    pub answered: Vec<(&'static str, &'static str)>,
    /// Headers that the answer must have, or must not have, whatever they say.
    pub present: Vec<(&'static str, bool)>,
}

/// What the body must be.
#[derive(Clone, Debug)]
pub enum Expected {
    /// This JSON.
    Json(String),
    /// This text.
    Text(&'static str),
    /// An error with this code and all four keys.
    Code(&'static str),
    /// An error with this code and this message.
    Says(&'static str, &'static str),
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: String,
}

impl Answer {
    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

fn get(path: &str, body: &str) -> Case {
    Case {
        method: "GET",
        path: path.to_owned(),
        headers: Vec::new(),
        sent: None,
        status: 200,
        body: Expected::Json(body.to_owned()),
        answered: Vec::new(),
        present: Vec::new(),
    }
}

fn refused(path: &str, status: u16, code: &'static str) -> Case {
    Case { status, body: Expected::Code(code), ..get(path, "") }
}

impl Case {
    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    fn says(mut self, message: &'static str) -> Self {
        if let Expected::Code(code) = self.body {
            self.body = Expected::Says(code, message);
        }
        self
    }

    fn answers(mut self, name: &'static str, value: &'static str) -> Self {
        self.answered.push((name, value));
        self
    }

    fn has(mut self, name: &'static str) -> Self {
        self.present.push((name, true));
        self
    }

    fn lacks(mut self, name: &'static str) -> Self {
        self.present.push((name, false));
        self
    }

    fn text(mut self, text: &'static str) -> Self {
        self.body = Expected::Text(text);
        self
    }

    /// What differs from the answer.
    fn differs(&self, answer: &Answer) -> Option<String> {
        if self.status == 0 {
            let harmless = (400..500).contains(&answer.status) || answer.body == "[]";
            return (!harmless).then(|| format!("status {}: {}", answer.status, answer.body));
        }
        if answer.status != self.status {
            return Some(format!("status {} instead of {}: {}", answer.status, self.status, answer.body));
        }
        for (name, value) in &self.answered {
            if answer.header(name) != Some(*value) {
                return Some(format!("{name}: {:?} instead of {value:?}", answer.header(name)));
            }
        }
        for (name, expected) in &self.present {
            if answer.header(name).is_some() != *expected {
                return Some(format!("{name}: {:?}", answer.header(name)));
            }
        }
        match &self.body {
            Expected::Text(text) if *text == answer.body => None,
            Expected::Text(text) => Some(format!("{:?} instead of {text:?}", answer.body)),
            Expected::Json(expected) => {
                let (found, expected) = (compact(&answer.body), compact(expected));
                (found != expected).then(|| format!("\n  {found}\ninstead of\n  {expected}"))
            }
            Expected::Code(code) | Expected::Says(code, _) => {
                let body = Json::parse_lenient(answer.body.as_bytes()).ok()?;
                let whole = ["code", "message", "details", "hint"].iter().all(|key| body.get(key).is_some());
                let found = body.get("code").and_then(Json::as_str).unwrap_or_default();
                let said = body.get("message").and_then(Json::as_str).unwrap_or_default();
                let says = if let Expected::Says(_, message) = &self.body { said == *message } else { true };
                (found != *code || !whole || !says).then(|| format!("{} instead of {code}", answer.body))
            }
        }
    }
}

fn compact(text: &str) -> String {
    Json::parse_lenient(text.as_bytes()).map_or_else(|e| format!("no JSON: {e:?}: {text}"), |json| json.to_compact())
}

/// Every case.
pub fn cases() -> Vec<Case> {
    [
        reads::rows(),
        reads::views(),
        reads::embeds(),
        reads::pages(),
        reads::forms(),
        reads::zones(),
        refusals::refusals(),
        injected::reads(),
        captured::reads(),
        captured::filters(),
        captured::refusals(),
    ]
    .concat()
}

/// Cases for a server with `[rest] aggregates = true` and `max_rows = 3`.
pub fn cases_of_sums() -> Vec<Case> {
    reads::sums()
}

/// Writes, one after the other, and what they leave behind. For a server of its own, with `[rest] tx_override = true`.
pub fn cases_of_writes() -> Vec<Case> {
    [
        writes::inserts(),
        writes::mistakes(),
        writes::upserts(),
        changes::updates(),
        changes::deletes(),
        writes::puts(),
        writes::safeguards(),
        injected::writes(),
    ]
    .concat()
}

/// Writes as the official clients send them. For a server of its own, with `[rest] tx_override = true`.
pub fn cases_of_clients() -> Vec<Case> {
    captured::writes()
}

/// Calls of named queries, for a project with [`ROUTINES`].
pub fn cases_of_routines() -> Vec<Case> {
    [captured::calls(), routines::queries(), routines::writing(), injected::routines()].concat()
}

/// Calls of the database's own functions, which only PostgreSQL has, for a project with [`ROUTINES`].
pub fn cases_of_functions() -> Vec<Case> {
    routines::functions()
}

/// Searches for words, then writes that they choose the rows of. For a server of its own, with [`WORDS`].
pub fn cases_of_words() -> Vec<Case> {
    [words::searches(), words::mistakes(), words::chosen()].concat()
}

/// Searches in what [`VECTORS`] adds.
pub fn cases_of_vectors() -> Vec<Case> {
    words::vectors()
}

/// Sends every case and compares.
///
/// # Panics
/// Where one differs, with all that do.
pub async fn run<F: Future<Output = Answer>>(engine: &str, cases: Vec<Case>, send: impl Fn(Case) -> F) {
    let mut wrong = Vec::new();
    for case in &cases {
        let answer = send(case.clone()).await;
        if let Some(difference) = case.differs(&answer) {
            wrong.push(format!("{} {} {:?}: {difference}", case.method, case.path, case.headers));
        }
    }
    eprintln!("{engine}: {} of {} cases", cases.len() - wrong.len(), cases.len());
    assert!(wrong.is_empty(), "{engine}: {} cases differ\n{}", wrong.len(), wrong.join("\n"));
}
