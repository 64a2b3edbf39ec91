//! SQL at every place where a request holds text: never more than a mistake of the caller's, and nothing changes.

use super::{Case, Expected, get, writes::send};

/// Texts that would break out where they were pasted.
const ATTEMPTS: [&str; 9] = [
    "';DROP TABLE people;--",
    "\";DROP TABLE people;--",
    "x' OR '1'='1",
    "1) OR (1=1",
    "$1); SELECT 1 --",
    "?1 OR 1=1",
    "\\'; SELECT 1 --",
    "a\"||(SELECT 1)||\"b",
    "/**/UNION/**/SELECT/**/*/**/FROM/**/people",
];

/// Every attempt at every place: an error of the caller's, or an answer that knows nothing of it.
pub(super) fn reads() -> Vec<Case> {
    let mut cases = Vec::new();
    for attempt in ATTEMPTS {
        let text = encoded(attempt);
        let nothing = get(&format!("/people?select=id&name=eq.{text}"), "[]");
        cases.push(nothing);
        cases.push(
            get(&format!("/people?select=id&name=in.(%22{}%22)", encoded(&attempt.replace('"', "\\\""))), "[]")
                .or_caller(),
        );
        cases.push(get(&format!("/people?select=id&data->>s=like.{text}"), "[]"));
        for place in [
            format!("/{text}"),
            format!("/people?select={text}"),
            format!("/people?select=id::{text}"),
            format!("/people?select=posts!{text}(id)"),
            format!("/people?{text}=eq.1"),
            format!("/people?id={text}.1"),
            format!("/people?id=eq.{text}"),
            format!("/people?order={text}"),
            format!("/people?order=id.{text}"),
            format!("/people?limit={text}"),
            format!("/people?select=id,posts!author(id)&posts.{text}=eq.1"),
            format!("/people?or=(id.{text}.1)"),
        ] {
            cases.push(get(&place, "").or_caller());
        }
        cases.push(get("/people?select=id&id=eq.1", "").with("accept", attempt).or_caller());
        cases.push(get("/people?select=id&id=eq.1", "").with("accept-profile", attempt).or_caller());
    }
    // A quoted alias and a key of JSON may be anything.
    cases.push(get("/people?select=%22a%5C%22;--%22:id&id=eq.1", r#"[{"a\";--":1}]"#));
    cases.push(get("/people?select=x:data->>%22'%5C%22;--%22&id=eq.1", r#"[{"x":null}]"#));
    cases
}

/// The same at every place of a call.
pub(super) fn routines() -> Vec<Case> {
    let mut cases = Vec::new();
    for attempt in ATTEMPTS {
        let text = encoded(attempt);
        let json = format!("\"{}\"", attempt.replace('\\', "\\\\").replace('"', "\\\""));
        cases.push(get(&format!("/rpc/prolific?land={text}"), "[]"));
        for path in [
            format!("/rpc/{text}"),
            format!("/rpc/prolific?min_posts={text}"),
            format!("/rpc/prolific?{text}=1"),
            format!("/rpc/prolific?select={text}"),
            format!("/rpc/prolific?name=eq.{text}"),
            format!("/rpc/prolific?order={text}"),
            format!("/rpc/seen_since?since=2026-01-01&feeling={text}"),
        ] {
            cases.push(get(&path, "").or_caller());
        }
        for body in [format!("{{{json}: 1}}"), format!("{{\"land\": {json}}}"), format!("{{\"min_posts\": {json}}}")] {
            cases.push(send("POST", "/rpc/prolific", &body).or_caller());
        }
    }
    cases.push(get("/people?select=id&order=id", r#"[{"id":1},{"id":2},{"id":3},{"id":4}]"#));
    cases
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

/// The same at every place of a write. Each is taken back, or meets no row; the last cases look whether all is there.
pub(super) fn writes() -> Vec<Case> {
    let mut cases = Vec::new();
    for attempt in ATTEMPTS {
        let text = encoded(attempt);
        let json = format!("\"{}\"", attempt.replace('\\', "\\\\").replace('"', "\\\""));
        let row = format!("{{\"title\": {json}}}");
        cases.push(
            send("POST", "/tasks?select=title", &row)
                .with("prefer", "return=representation, tx=rollback")
                .status(201)
                .json(&format!("[{row}]")),
        );
        for (method, path, body) in [
            ("POST", format!("/{text}"), row.clone()),
            ("POST", "/tasks".to_owned(), format!("{{{json}: 1}}")),
            ("POST", format!("/tasks?columns={text}"), row.clone()),
            ("POST", format!("/tasks?on_conflict={text}"), row.clone()),
            ("POST", "/tasks".to_owned(), format!("{{\"title\": \"x\", \"rank\": {json}}}")),
            ("PATCH", format!("/tasks?id=eq.{text}"), row.clone()),
            ("PATCH", format!("/tasks?title=eq.{text}"), row.clone()),
            ("PATCH", format!("/tasks?title=in.(%22{text}%22)"), row.clone()),
            ("PATCH", format!("/tasks?{text}=eq.1"), row.clone()),
            ("PATCH", format!("/tasks?id=eq.-1&select={text}"), row.clone()),
            ("PATCH", format!("/tasks?id=eq.-1&order={text}"), row.clone()),
            ("PATCH", "/tasks?id=eq.-1".to_owned(), format!("{{\"extra\": {{{json}: {json}}}}}")),
            ("DELETE", format!("/tasks?id=eq.{text}"), String::new()),
            ("DELETE", format!("/tasks?or=(id.eq.{text})"), String::new()),
            (
                "DELETE",
                format!("/tasks?extra->>%22{}%22=eq.{text}", encoded(&attempt.replace('"', "\\\""))),
                String::new(),
            ),
            ("PUT", format!("/pairs?a=eq.{text}&b=eq.1"), "{\"a\": 1, \"b\": 1}".to_owned()),
        ] {
            let prefer = "return=representation, tx=rollback, resolution=merge-duplicates";
            cases.push(send(method, &path, &body).with("prefer", prefer).or_caller());
        }
        for header in ["prefer", "accept", "content-profile", "idempotency-key"] {
            let patch = send("PATCH", "/tasks?id=eq.-1", &row).with("prefer", "return=representation, handling=strict");
            cases.push(patch.with(header, attempt).or_caller());
        }
        cases.push(Case {
            sent: Some(("text/csv", format!("title,rank\n\"{}\",NULL\n", attempt.replace('"', "\"\"")))),
            ..send("POST", "/tasks?select=title", "")
                .with("prefer", "return=representation, tx=rollback")
                .status(201)
                .json(&format!("[{row}]"))
        });
    }
    cases.push(get("/tasks?select=id&order=id", r#"[{"id":1},{"id":2},{"id":3},{"id":4},{"id":5},{"id":6}]"#));
    cases.push(get("/people?select=id&order=id", r#"[{"id":1},{"id":2},{"id":3},{"id":4}]"#));
    cases
}

impl Case {
    /// Any mistake of the caller's will do.
    fn or_caller(mut self) -> Self {
        self.status = 0;
        self.body = Expected::Text("");
        self
    }
}
