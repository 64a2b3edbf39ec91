//! Reads that are refused: the same mistake has the same code on every engine, and no text reaches SQL.

use super::{Case, Expected, get, refused};

pub(super) fn refusals() -> Vec<Case> {
    vec![
        refused("/peopel", 404, "PGRST205"),
        refused("/brigade_log", 404, "PGRST205"),
        refused("/people?select=nam", 400, "42703"),
        refused("/people?nam=eq.1", 400, "42703"),
        refused("/people?order=nam", 400, "42703"),
        refused("/people?id=eq.x", 400, "22P02"),
        refused("/people?id=eq.99999999999", 400, "22003"),
        refused("/people?id=eq.null", 400, "22P02"),
        refused("/people?active=eq.maybe", 400, "22P02"),
        refused("/people?mood=eq.wild", 400, "22P02"),
        refused("/people?token=eq.x", 400, "22P02"),
        refused("/people?born=eq.2026-02-30", 400, "22008"),
        refused("/people?seen=gt.yesterdayish", 400, "22007"),
        refused("/people?tags=cs.x", 400, "22P02"),
        refused("/people?id=like.1*", 404, "42883"),
        refused("/people?id=cs.%7B1%7D", 404, "42883"),
        refused("/people?name->a=eq.1", 404, "42883"),
        refused("/people?id=is.true", 400, "42804"),
        refused("/people?select=posts(id)", 300, "PGRST201"),
        refused("/people?select=countries(x)", 400, "42703"),
        refused("/people?select=labels(id)", 400, "PGRST200"),
        refused("/posts?select=id&people.name=eq.x", 400, "PGRST108"),
        refused("/posts?select=id,people!author(name)&people=eq.1", 400, "PGRST120"),
        refused("/people?select=id,posts!author(id)&order=posts(id)", 400, "PGRST118"),
        refused("/people?select=age.sum()", 400, "PGRST123"),
        refused("/people?select=id::nothing", 400, "42704"),
        refused("/people?name=match.(", 400, "2201B"),
        refused("/people?name=fts.x", 400, "PGRST127"),
        refused("/people?age=sl.[1,2)", 400, "PGRST127"),
        refused("/people?select=id,", 400, "PGRST100"),
        refused("/people?id=1", 400, "PGRST100"),
        refused("/people?limit=-1", 416, "PGRST103"),
        refused("/people?offset=99", 416, "PGRST103").with("prefer", "count=exact"),
        refused("/people", 416, "PGRST103").with("range", "9-1"),
        refused("/people", 406, "PGRST107").with("accept", "image/png"),
        refused("/people", 406, "PGRST106").with("accept-profile", "private"),
        refused("/people", 400, "PGRST122").with("prefer", "handling=strict, nonsense=1"),
        refused("/people", 400, "BRG400").with("brigade-after", "nonsense"),
    ]
}

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
pub(super) fn injections() -> Vec<Case> {
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

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

impl Case {
    /// Any mistake of the caller's will do.
    fn or_caller(mut self) -> Self {
        self.status = 0;
        self.body = Expected::Text("");
        self
    }
}
