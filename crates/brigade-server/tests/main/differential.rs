//! The same invented requests, sent to both engines in the same order: status, headers and bodies are the same. What may
//! differ is in `docs/differences.md`, and is either not invented here or compared as that page says.

use brigade_testing::suites::rest::SCHEMA;
use serde_json::Value;

use crate::harness::{Answer, Running, engines};

/// Requests of one run; the environment may ask for more.
const REQUESTS: usize = 1_500;

/// Headers that must be the same.
const HEADERS: [&str; 5] = ["content-type", "content-range", "preference-applied", "location", "vary"];

/// A column, and operands that mean something for its type.
type Column = (&'static str, &'static [&'static str]);

const TABLES: [(&str, &[Column]); 6] = [
    (
        "people",
        &[
            ("id", &["1", "2", "-5", "99", "2147483648", "x"]),
            ("name", &["Ada", "ada", "Bob", "*a*", "_d%25", ""]),
            ("age", &["36", "41", "0", "1.5", "null"]),
            ("country", &["de", "fr", "xx"]),
            ("boss", &["1", "2"]),
            ("tags", &["{a,b}", "{}", "{\"c d\"}", "{"]),
            ("born", &["1990-05-17", "2000-01-01", "1990-13-01"]),
            ("seen", &["2026-01-02T03:04:05Z", "2026-01-01", "soon"]),
            ("score", &["9", "12.5", "100.250", "-1e2", "ten"]),
            ("active", &["true", "f", "1", "maybe"]),
            ("token", &["6f9619ff-8b86-d011-b42d-00cf4fc964ff", "6f9619ff"]),
            ("data->>s", &["x", "y"]),
            ("data->t", &["5"]),
        ],
    ),
    (
        "posts",
        &[("id", &["10", "12"]), ("author", &["1", "4"]), ("title", &["Hello", "W*"]), ("rating", &["4.5", "10.0"])],
    ),
    ("labels", &[("id", &["1", "3"]), ("name", &["news", "*u*"])]),
    ("post_labels", &[("post", &["10"]), ("label", &["2"])]),
    ("adults", &[("id", &["1"]), ("called", &["Ada"]), ("is_older", &["true", "x"]), ("twice", &["72"])]),
    ("nowhere", &[("id", &["1"])]),
];

const OPERATORS: [&str; 20] = [
    "eq",
    "neq",
    "gt",
    "gte",
    "lt",
    "lte",
    "like",
    "ilike",
    "is",
    "isdistinct",
    "cs",
    "cd",
    "ov",
    "in",
    "not.eq",
    "fts",
    "not.plfts",
    "plfts(german)",
    "phfts",
    "wfts(simple)",
];

/// Operators of what has no order that both know.
const UNORDERED: [&str; 6] = ["eq", "neq", "is", "cs", "cd", "ov"];

const SELECTS: [(&str, &[&str]); 5] = [
    (
        "people",
        &[
            "*",
            "id,name",
            "id,called:name,age::text",
            "id,data->k->n,score",
            "id,posts!author(id,title)",
            "id,boss:people!boss(name)",
            "id,...countries(land:name)",
            "id,profiles(bio)",
            "id,posts(id)",
            "id,nothing",
            "id,posts!author!inner(title)",
            "name,born,seen,tags,height,photo",
            "id,posts!author(count)",
        ],
    ),
    (
        "posts",
        &["*", "id,labels(name)", "id,people!author(name,countries(name))", "title,rating::int", "id,people(name)"],
    ),
    ("labels", &["*", "name,posts(id,title)", "id,"]),
    ("post_labels", &["*", "post,labels(name)"]),
    ("adults", &["*", "called,twice,loud"]),
];

#[derive(Debug)]
struct Request {
    method: &'static str,
    path: String,
    prefer: Option<&'static str>,
    accept: Option<&'static str>,
    body: Option<String>,
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ (mixed >> 27)) >> 11) as usize % n
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    fn sometimes(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }
}

fn filter(random: &mut Random, columns: &[Column]) -> (String, String) {
    let (column, operands) = random.one(columns);
    // Which array comes before another is said to differ.
    let is_ordered = *column != "tags";
    let operator = if is_ordered { *random.one(&OPERATORS) } else { *random.one(&UNORDERED) };
    let value = random.one(operands);
    let test = match operator {
        "in" => format!("in.({},{})", value, random.one(operands)),
        "is" => format!("is.{}", random.one(&["null", "true", "not_null", "unknown", "1"])),
        operator => format!("{operator}.{value}"),
    };
    ((*column).to_owned(), test)
}

fn query(random: &mut Random, table: &str, columns: &[Column]) -> Vec<String> {
    let mut parts = Vec::new();
    for _ in 0..random.below(3) {
        let (column, test) = filter(random, columns);
        parts.push(format!("{column}={test}"));
    }
    if random.sometimes(5) {
        let both: Vec<String> = (0..2).map(|_| filter(random, columns)).map(|(c, t)| format!("{c}.{t}")).collect();
        parts.push(format!("{}=({})", random.one(&["or", "and", "not.or"]), both.join(",")));
    }
    if let Some((_, selects)) = SELECTS.iter().find(|(name, _)| *name == table)
        && !random.sometimes(3)
    {
        let select = random.one(selects);
        parts.push(format!("select={select}"));
        // Without an order embedded rows may come in any, too.
        let many = ["posts", "labels"].into_iter().filter(|name| select.contains(name) && !select.contains("(count)"));
        parts.extend(many.map(|name| format!("{name}.order=id")));
    }
    parts
}

fn read(random: &mut Random) -> Request {
    let (table, columns) = *random.one(&TABLES);
    let mut parts = query(random, table, columns);
    // Without an order rows may come in any.
    let key = if table == "post_labels" { "post,label" } else { "id" };
    let (by, direction) = (random.one(columns).0, random.one(&["asc", "desc", "desc.nullslast", "asc.nullsfirst"]));
    // Orders of arrays and JSON are said to differ.
    let by = if by.contains("->") || by == "tags" { "id" } else { by };
    parts.push(format!("order={by}.{direction},{key}"));
    if random.sometimes(3) {
        parts.push(format!("limit={}", random.below(4)));
    }
    if random.sometimes(5) {
        parts.push(format!("offset={}", random.below(6)));
    }
    Request {
        method: if random.sometimes(4) { "HEAD" } else { "GET" },
        path: format!("/rest/v1/{table}?{}", parts.join("&")),
        prefer: random.sometimes(3).then_some("count=exact"),
        accept: match random.below(8) {
            0 => Some("text/csv"),
            1 => Some("application/vnd.pgrst.object+json"),
            2 => Some("application/vnd.pgrst.array+json;nulls=stripped"),
            _ => None,
        },
        body: None,
    }
}

fn write(random: &mut Random) -> Request {
    let id = 20 + random.below(6);
    let prefer = match random.below(5) {
        0 => None,
        1 => Some("return=minimal"),
        2 => Some("return=headers-only"),
        3 => Some("return=representation,resolution=merge-duplicates"),
        _ => Some("return=representation"),
    };
    let author = random.one(&["1", "4", "77", "null", "\"x\""]);
    let rating = random.one(&["1.5", "10", "null", "\"2.50\"", "\"x\"", "true"]);
    let title = random.one(&["\"New\"", "\"\"", "null", "7", "{}"]);
    let (method, path, body) = match random.below(6) {
        0 | 1 => {
            let row = format!(r#"{{"id":{id},"author":{author},"title":{title},"rating":{rating}}}"#);
            let body = match random.below(4) {
                0 => format!(r#"[{row},{{"id":{},"author":1,"title":"two"}}]"#, id + 1),
                1 => r#"{"id":1,"unknown":2}"#.to_owned(),
                2 => "[]".to_owned(),
                _ => row,
            };
            ("POST", "/rest/v1/posts?select=id,title,rating".to_owned(), Some(body))
        }
        2 | 3 => {
            let body = random.one(&[format!(r#"{{"rating":{rating}}}"#), format!(r#"{{"author":{author}}}"#)]).clone();
            ("PATCH", format!("/rest/v1/posts?id=gte.{id}&order=id"), Some(body))
        }
        4 => ("DELETE", format!("/rest/v1/posts?id=eq.{id}"), None),
        _ => (
            "DELETE",
            random.one(&["/rest/v1/posts", "/rest/v1/adults?id=eq.1", "/rest/v1/countries?code=eq.de"]).to_string(),
            None,
        ),
    };
    Request { method, path, prefer, accept: None, body }
}

async fn send(server: &Running, request: &Request) -> Answer {
    let mut sent = server.request(request.method, &request.path);
    for (name, value) in [("prefer", request.prefer), ("accept", request.accept)] {
        if let Some(value) = value {
            sent = sent.header(name, value);
        }
    }
    if let Some(body) = &request.body {
        sent = sent.header("content-type", "application/json").body(body.clone());
    }
    Answer::of(sent.send().await.expect("an answer")).await
}

/// What is compared of a body: JSON without its blanks, in cells of lines too; of an error all four keys.
fn compared(answer: &Answer) -> Value {
    let lines = || Value::String(answer.text.replace(", \n ", ","));
    serde_json::from_str(&answer.text).unwrap_or_else(|_| lines())
}

/// Where rows of one statement break several constraints, either of them may be named.
fn breaks_several(request: &Request, one: &Answer, other: &Answer) -> bool {
    let is_constraint = |answer: &Answer| compared(answer)["code"].as_str().is_some_and(|code| code.starts_with("235"));
    request.body.as_ref().is_some_and(|body| body.starts_with('[')) && is_constraint(one) && is_constraint(other)
}

#[tokio::test(flavor = "multi_thread")]
async fn both_engines_answer_invented_requests_alike() {
    let seed =
        std::env::var("BRIGADE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random::<u32>);
    let count = std::env::var("BRIGADE_REQUESTS").ok().and_then(|n| n.parse().ok()).unwrap_or(REQUESTS);
    let mut servers = Vec::new();
    for (engine, settings, held) in engines() {
        servers.push((engine, Running::start_on(SCHEMA, &settings).await, held));
    }
    let [(_, sqlite, _), (_, postgres, _)] = &mut servers[..] else { return };
    println!("BRIGADE_SEED={seed}, {count} requests");
    let (mut random, mut statuses, mut different) =
        (Random(seed.into()), std::collections::BTreeMap::new(), Vec::new());
    for _ in 0..count {
        let request = if random.sometimes(3) { write(&mut random) } else { read(&mut random) };
        let (ours, theirs) = (send(sqlite, &request).await, send(postgres, &request).await);
        *statuses.entry(ours.status).or_insert(0) += 1;
        let mut apart = Vec::new();
        if ours.status != theirs.status {
            apart.push(format!("status {} and {}", ours.status, theirs.status));
        }
        for name in HEADERS {
            if ours.header(name) != theirs.header(name) {
                apart.push(format!("{name} {:?} and {:?}", ours.header(name), theirs.header(name)));
            }
        }
        if compared(&ours) != compared(&theirs) && !breaks_several(&request, &ours, &theirs) {
            apart.push(format!("\n  sqlite   {}\n  postgres {}", ours.text, theirs.text));
        }
        if !apart.is_empty() {
            different.push(format!("{request:?}: {}", apart.join("; ")));
        }
    }
    println!("statuses: {statuses:?}");
    assert!(different.is_empty(), "seed {seed}: {} differ:\n{}", different.len(), different.join("\n"));
    sqlite.stop().await;
    postgres.stop().await;
}
