//! What the two official clients put on the wire, as it was captured: postgrest-js 2.109.0 (Node 20) and postgrest-py 2.34.1 (httpx
//! 0.28.1), and where an older or newer one differs, that too. A request is a list of keys and values; each client encodes it in
//! its own way, with its own headers, and both are answered alike.

use super::{
    Case, get, refused,
    writes::{send, shown, wrong},
};

#[derive(Clone, Copy, PartialEq)]
enum Client {
    Js,
    Py,
}

/// A request's target as a client encodes it: both write a space as `+`; js leaves `*` as it is, py leaves `~`.
fn target(client: Client, path: &str, pairs: &[(&str, &str)]) -> String {
    let encoded = |text: &str| {
        let mut out = String::new();
        for byte in text.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => out.push(char::from(byte)),
                b' ' => out.push('+'),
                b'*' if client == Client::Js => out.push('*'),
                b'~' if client == Client::Py => out.push('~'),
                _ => out.push_str(&format!("%{byte:02X}")),
            }
        }
        out
    };
    let query: Vec<String> = pairs.iter().map(|(k, v)| format!("{}={}", encoded(k), encoded(v))).collect();
    format!("{path}{}{}", if query.is_empty() { "" } else { "?" }, query.join("&"))
}

/// The headers that a client always sends: js names the schema of the one direction, py of both.
fn dressed(client: Client, case: Case) -> Case {
    let reads = matches!(case.method, "GET" | "HEAD");
    let case = case.with("apikey", "k").with("authorization", "Bearer k").with("accept-encoding", "gzip, deflate");
    match client {
        Client::Js if reads => case.with("accept-profile", "public").with("x-client-info", "supabase-js-node/2"),
        Client::Js => case.with("content-profile", "public").with("x-client-info", "supabase-js-node/2"),
        Client::Py => case.with("accept-profile", "public").with("content-profile", "public"),
    }
}

type Pairs = &'static [(&'static str, &'static str)];

/// A read, as the clients that are named send it.
fn read(clients: &[Client], table: &str, pairs: Pairs, adjust: impl Fn(Case) -> Case, answer: &str) -> Vec<Case> {
    let case = |&client: &Client| adjust(dressed(client, get(&target(client, table, pairs), answer)));
    clients.iter().map(case).collect()
}

/// The same of `/people`, in order, of which the answer shows the ids.
fn ids(clients: &[Client], filters: Pairs, ids: &str) -> Vec<Case> {
    let rows: Vec<String> = ids.split_whitespace().map(|id| format!("{{\"id\":{id}}}")).collect();
    let case = |&client: &Client| {
        let pairs: Vec<(&str, &str)> =
            [("select", "id")].into_iter().chain(filters.iter().copied()).chain([("order", "id.asc")]).collect();
        dressed(client, get(&target(client, "/people", &pairs), &format!("[{}]", rows.join(","))))
    };
    clients.iter().map(case).collect()
}

const BOTH: [Client; 2] = [Client::Js, Client::Py];
const JS: [Client; 1] = [Client::Js];
const PY: [Client; 1] = [Client::Py];

fn as_it_is(case: Case) -> Case {
    case
}

/// Rows, embeds, pages and forms.
pub(super) fn reads() -> Vec<Case> {
    let object = |case: Case| case.with("accept", "application/vnd.pgrst.object+json");
    let counted = |how: &'static str| move |case: Case| case.with("prefer", how);
    let germany = r#"[{"code":"de","name":"Germany"}]"#;
    [
        read(&BOTH, "/countries", &[("select", "*"), ("code", "eq.de")], as_it_is, germany),
        read(&JS, "/countries", &[("select", "*"), ("code", "eq.de")], |c| c.with("x-retry-count", "1"), germany),
        read(
            &PY,
            "/countries",
            &[("select", "*"), ("code", "eq.de")],
            |c| c.with("accept", "application/json"),
            germany,
        ),
        read(
            &BOTH,
            "/people",
            &[("select", "id,full:data->>s,texts:posts!author!inner(id,title)"), ("id", "eq.2")],
            as_it_is,
            r#"[{"id":2,"full":"y","texts":[{"id":12,"title":"World"}]}]"#,
        ),
        read(
            &BOTH,
            "/people",
            &[("select", "\"Full Name\",who:name"), ("Full Name", "eq.Ada, L.")],
            as_it_is,
            r#"[{"Full Name":"Ada, L.","who":"Ada"}]"#,
        ),
        read(&PY, "/people", &[("select", "id"), ("\"Full Name\"", "eq.Ada, L.")], as_it_is, r#"[{"id":1}]"#),
        read(
            &BOTH,
            "/people",
            &[("select", "*")],
            |c| Case { method: "HEAD", ..c }.with("prefer", "count=exact").answers("content-range", "0-3/4").text(""),
            "",
        ),
        read(
            &BOTH,
            "/people",
            &[("select", "id"), ("id", "eq.1")],
            |c| counted("count=planned")(c).answers("content-range", "0-0/1"),
            r#"[{"id":1}]"#,
        ),
        read(
            &BOTH,
            "/people",
            &[("select", "id"), ("id", "eq.1")],
            |c| counted("count=estimated")(c).answers("content-range", "0-0/1"),
            r#"[{"id":1}]"#,
        ),
        read(
            &BOTH,
            "/people",
            &[
                ("select", "id,posts!author(id)"),
                ("posts.order", "id.desc.nullslast"),
                ("posts.limit", "1"),
                ("posts.offset", "0"),
                ("id", "eq.1"),
            ],
            as_it_is,
            r#"[{"id":1,"posts":[{"id":11}]}]"#,
        ),
        read(
            &BOTH,
            "/people",
            &[("select", "id,posts!author(id)"), ("posts.id", "gt.10"), ("id", "eq.1")],
            as_it_is,
            r#"[{"id":1,"posts":[{"id":11}]}]"#,
        ),
        read(
            &BOTH,
            "/people",
            &[("select", "id,posts!author(id)"), ("posts.or", "(id.eq.11,rating.lt.1)"), ("id", "eq.1")],
            as_it_is,
            r#"[{"id":1,"posts":[{"id":11}]}]"#,
        ),
        read(
            &BOTH,
            "/people",
            &[("select", "id"), ("order", "age.desc.nullsfirst,id.asc"), ("limit", "2"), ("offset", "1")],
            |c| c.answers("content-range", "1-2/*"),
            r#"[{"id":2},{"id":1}]"#,
        ),
        read(
            &JS,
            "/posts",
            &[("select", "id,people!author(name)"), ("order", "people(name).desc,id.asc"), ("limit", "1")],
            as_it_is,
            r#"[{"id":13,"people":{"name":"Émile (50%)"}}]"#,
        ),
        read(&BOTH, "/countries", &[("select", "*"), ("code", "eq.de")], object, r#"{"code":"de","name":"Germany"}"#),
        read(
            &BOTH,
            "/countries",
            &[("select", "name"), ("code", "eq.de")],
            |c| c.with("accept", "text/csv").answers("content-type", "text/csv; charset=utf-8").text("name\nGermany"),
            "",
        ),
        read(
            &JS,
            "/people",
            &[("select", "id,age"), ("id", "eq.3")],
            |c| c.with("accept", "application/vnd.pgrst.array+json;nulls=stripped"),
            r#"[{"id":3}]"#,
        ),
        read(
            &JS,
            "/people",
            &[("select", "id,age"), ("id", "eq.3")],
            |c| c.with("accept", "application/vnd.pgrst.object+json;nulls=stripped"),
            r#"{"id":3}"#,
        ),
    ]
    .concat()
}

/// Every operator that a client has a method for.
pub(super) fn filters() -> Vec<Case> {
    [
        ids(&BOTH, &[("name", "eq.a,b (c) \"d\" &=+%")], ""),
        ids(&BOTH, &[("name", "eq.Émile (50%)")], "4"),
        ids(&BOTH, &[("active", "eq.true")], "1 4"),
        ids(&PY, &[("active", "eq.True")], "1 4"),
        ids(&BOTH, &[("name", "eq.null")], ""),
        ids(&PY, &[("name", "eq.None")], ""),
        ids(&BOTH, &[("id", "neq.1"), ("id", "gt.1"), ("id", "gte.2"), ("id", "lt.9"), ("id", "lte.3")], "2 3"),
        ids(&BOTH, &[("name", "like.%d%")], "1 3"),
        ids(&BOTH, &[("name", "ilike.%B%")], "2"),
        ids(&BOTH, &[("name", "like(all).{%d%,A%}")], "1"),
        ids(&BOTH, &[("name", "ilike(any).{b%,%é%}")], "2 4"),
        ids(&JS, &[("name", "match.^A")], "1"),
        ids(&JS, &[("name", "imatch.^a")], "1 3"),
        ids(&BOTH, &[("age", "is.null")], "3"),
        ids(&BOTH, &[("active", "is.true")], "1 4"),
        ids(&JS, &[("age", "isdistinct.null")], "1 2 4"),
        ids(&JS, &[("name", "in.(Ada,\"y,z\",w\"q,1,null,true)")], "1"),
        ids(&PY, &[("name", "in.(Bob,\"y,z\",\"w\\\"q\",\"t:1\",1,null)")], "2"),
        ids(&BOTH, &[("id", "not.in.(1,2)")], "3 4"),
        ids(&BOTH, &[("tags", "cs.{a,b}")], "1"),
        ids(&BOTH, &[("tags", "cd.{a,b,c}")], "1 4"),
        ids(&BOTH, &[("tags", "ov.{a,x}")], "1"),
        ids(&JS, &[("data", "cs.{\"t\":5,\"k\":{\"n\":[10]}}")], "1"),
        ids(&PY, &[("data", "cs.{\"t\": 5}")], "1"),
        ids(&BOTH, &[("name", "eq.Ada"), ("age", "eq.36")], "1"),
        ids(&BOTH, &[("age", "not.is.null")], "1 2 4"),
        ids(&BOTH, &[("id", "not.eq.1")], "2 3 4"),
        ids(&BOTH, &[("or", "(id.eq.1,and(age.gt.40,mood.is.null),and(age.gt.40,active.is.false))")], "1 2"),
        ids(&BOTH, &[("data->>s", "eq.y")], "2"),
        ids(&JS, &[("id", "eq(any).{1,4}")], "1 4"),
        ids(&BOTH, &[("name", "fts(english).'fat' & 'cat'")], ""),
        ids(&BOTH, &[("name", "fts(english).'ada'")], "1 3"),
        ids(&BOTH, &[("name", "plfts.fat cat")], ""),
        ids(&BOTH, &[("name", "plfts.ADA")], "1 3"),
        ids(&BOTH, &[("name", "phfts(english).fat cat")], ""),
        ids(&BOTH, &[("name", "phfts(simple).émile 50")], "4"),
        ids(&BOTH, &[("name", "wfts(english).\"fat cat\" or dog")], ""),
        ids(&BOTH, &[("name", "wfts(english).\"émile 50\" or bob")], "2 4"),
    ]
    .concat()
}

/// What a client may ask for and no engine has: each with its code, and all four keys of an error.
pub(super) fn refusals() -> Vec<Case> {
    let case = |pairs: Pairs, status, code| {
        let of = |&client: &Client| dressed(client, refused(&target(client, "/people", pairs), status, code));
        BOTH.iter().map(of).collect::<Vec<_>>()
    };
    let accept =
        |accept: &str| dressed(Client::Js, refused("/people?select=*", 406, "PGRST107")).with("accept", accept);
    let many: Vec<Case> = [
        case(&[("select", "*"), ("age", "sr.[1,2)")], 400, "PGRST127"),
        case(&[("select", "*"), ("age", "nxl.[1,2)")], 400, "PGRST127"),
        case(&[("select", "*"), ("age", "sl.(1,2)")], 400, "PGRST127"),
        case(&[("select", "*"), ("age", "nxr.(1,2)")], 400, "PGRST127"),
        case(&[("select", "*"), ("age", "adj.(1,2)")], 400, "PGRST127"),
        // What js makes of a Date is no time to PostgreSQL either: its caller gives an ISO text.
        case(&[("seen", "eq.Thu Jan 01 1970 00:00:00 GMT+0000 (Coordinated Universal Time)")], 400, "22007"),
        case(&[("select", "*"), ("age", "cs.[1,2)")], 404, "42883"),
        case(&[("select", "*"), ("age", "ov.[1,2)")], 404, "42883"),
    ]
    .concat();
    let few = vec![
        accept("application/geo+json"),
        accept(
            r#"application/vnd.pgrst.plan+text; for="application/json"; options=analyze|verbose|settings|buffers|wal;"#,
        ),
        accept("application/vnd.pgrst.plan+json; options=analyze|verbose"),
        dressed(Client::Js, refused("/people?select=*", 406, "PGRST116"))
            .with("accept", "application/vnd.pgrst.object+json"),
        dressed(Client::Py, refused("/Order%20Items?select=%2A", 404, "PGRST205")),
        get("/people?select=id&id=eq.1", r#"[{"id":1}]"#)
            .with("accept-profile", "public")
            .with("content-profile", "private"),
        refused("/people?select=*", 406, "PGRST106").with("accept-profile", "private"),
    ];
    [many, few].concat()
}

/// Writes, one after the other: later cases see what earlier ones left. For a server of its own, with `[rest] tx_override = true`.
pub(super) fn writes() -> Vec<Case> {
    let js = |case: Case| dressed(Client::Js, case);
    let py = |case: Case| dressed(Client::Py, case);
    let single = ("accept", "application/vnd.pgrst.object+json");
    let columns = "columns=%22title%22%2C%22rank%22";
    let many = r#"[{"title":"c","rank":1},{"title":"d","rank":2}]"#;
    let upsert = r#"[{"a":1,"b":1,"note":"x"}]"#;
    vec![
        js(send("POST", "/tasks", r#"{"title":"a"}"#)),
        py(shown("POST", "/tasks?select=id%2Ctitle", r#"{"title":"b"}"#, r#"[{"id":2,"title":"b"}]"#)),
        js(send("POST", &format!("/tasks?{columns}"), many)),
        py(send(
            "POST",
            &format!("/tasks?{columns}&select=title%2Cstate"),
            r#"[{"title":"e"},{"title":"f","rank":3}]"#,
        )
        .with("prefer", "return=representation,count=exact,missing=default")
        .answers("content-range", "*/2")
        .answers("preference-applied", "missing=default, return=representation, count=exact")
        .json(r#"[{"title":"e","state":"open"},{"title":"f","state":"open"}]"#)),
        js(shown("POST", "/tasks?select=title", r#"{"title":"g"}"#, r#"[{"title":"g"}]"#)),
        js(shown(
            "POST",
            "/tasks?select=hits",
            r#"{"title":"big","hits":"9007199254740993"}"#,
            r#"[{"hits":9007199254740993}]"#,
        )),
        js(send("POST", "/pairs?on_conflict=a%2Cb", upsert).with("prefer", "resolution=merge-duplicates")),
        js(send("POST", "/pairs?on_conflict=a%2Cb", upsert).with("prefer", "resolution=merge-duplicates").status(200)),
        py(send("POST", "/pairs?on_conflict=a%2Cb", r#"[{"a":1,"b":1,"note":"y"},{"a":2,"b":2,"note":"z"}]"#)
            .with("prefer", "return=representation,resolution=merge-duplicates")
            .json(r#"[{"a":1,"b":1,"note":"y"},{"a":2,"b":2,"note":"z"}]"#)),
        js(send("POST", "/pairs?on_conflict=a%2Cb", upsert)
            .with("prefer", "resolution=ignore-duplicates, return=representation")
            .json("[]")),
        js(send("PATCH", "/tasks?id=eq.1", r#"{"rank":5}"#)),
        py(shown("PATCH", "/tasks?id=eq.1&select=rank", r#"{"rank":6}"#, r#"[{"rank":6}]"#)),
        js(wrong("PATCH", "/tasks?id=lt.3", r#"{"rank":7}"#, 406, "PGRST116").with(single.0, single.1)),
        js(wrong("PATCH", "/tasks?id=eq.99&select=id", r#"{"rank":7}"#, 406, "PGRST116").with(single.0, single.1)),
        js(shown("PATCH", "/tasks?id=eq.1&select=id", r#"{"rank":8}"#, r#"{"id":1}"#).with(single.0, single.1)),
        js(wrong("PATCH", "/tasks?id=gt.0", r#"{"rank":9}"#, 400, "PGRST124")
            .with("prefer", "handling=strict, max-affected=3")),
        py(wrong("DELETE", "/tasks?id=gt.0", "{}", 400, "PGRST124").with("prefer", "handling=strict,max-affected=3")),
        js(send("DELETE", "/tasks?id=eq.3", "")
            .with("prefer", "tx=rollback")
            .answers("preference-applied", "tx=rollback")),
        js(send("DELETE", "/tasks?id=eq.4", "")),
        py(shown("DELETE", "/tasks?id=eq.5&select=title", "{}", r#"[{"title":"e"}]"#)),
        js(get(
            "/tasks?select=id,rank&order=id.asc",
            r#"[{"id":1,"rank":8},{"id":2,"rank":null},{"id":3,"rank":1},{"id":6,"rank":3},{"id":7,"rank":null},{"id":8,"rank":null}]"#,
        )),
    ]
}

/// Calls of a query that reads, for a project with `ROUTINES`.
pub(super) fn calls() -> Vec<Case> {
    let ada = r#"{"id":1,"name":"Ada"}"#;
    let post = |path: &str, body: &str, answer: &str| send("POST", path, body).status(200).json(answer);
    [
        BOTH.map(|client| {
            dressed(
                client,
                post("/rpc/prolific?select=id%2Cname&id=eq.1&order=id.asc&limit=1", "{}", &format!("[{ada}]")),
            )
        }),
        BOTH.map(|client| {
            let case = post("/rpc/prolific?select=id%2Cname", r#"{"min_posts":2}"#, ada);
            dressed(client, case).with("accept", "application/vnd.pgrst.object+json")
        }),
        BOTH.map(|client| dressed(client, get("/rpc/prolific?min_posts=2&select=id%2Cname", &format!("[{ada}]")))),
        BOTH.map(|client| {
            let case = Case { method: "HEAD", ..get("/rpc/prolific?min_posts=2", "") }.text("");
            dressed(client, case).with("prefer", "count=exact").answers("content-range", "0-0/1")
        }),
        // js: head with arguments that are objects becomes a POST.
        BOTH.map(|client| {
            let case = post("/rpc/prolific", r#"{"min_posts":2}"#, "").status(204).text("");
            dressed(client, case).with("prefer", "count=exact,return=minimal").answers("content-range", "0-0/1")
        }),
        BOTH.map(|client| {
            let case = post("/rpc/prolific?select=id%2Cname", r#"{"min_posts":2}"#, &format!("[{ada}]"));
            dressed(client, case).with("prefer", "count=exact, return=representation").answers("content-range", "0-0/1")
        }),
    ]
    .concat()
}
