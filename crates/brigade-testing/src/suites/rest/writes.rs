//! New rows, by POST and PUT, one after the other: later cases see what earlier ones left.

use super::{Case, Expected, get, refused};

/// A write. It answers nothing unless it is said otherwise.
pub(super) fn send(method: &'static str, path: &str, body: &str) -> Case {
    let sent = Some(("application/json", body.to_owned()));
    Case { method, sent, status: if method == "POST" { 201 } else { 204 }, ..get(path, "") }.text("")
}

/// The same, and the rows are shown.
pub(super) fn shown(method: &'static str, path: &str, body: &str, rows: &str) -> Case {
    let status = if method == "POST" { 201 } else { 200 };
    send(method, path, body).with("prefer", "return=representation").status(status).json(rows)
}

pub(super) fn wrong(method: &'static str, path: &str, body: &str, status: u16, code: &'static str) -> Case {
    Case { sent: send(method, path, body).sent, method, ..refused(path, status, code) }
}

impl Case {
    pub(super) fn json(mut self, body: &str) -> Self {
        self.body = Expected::Json(body.to_owned());
        self
    }

    pub(super) fn typed(mut self, content_type: &'static str) -> Self {
        self.sent = self.sent.map(|(_, body)| (content_type, body));
        self
    }
}

pub(super) fn inserts() -> Vec<Case> {
    vec![
        send("POST", "/tasks", r#"{"title":"a"}"#).answers("content-range", "*/*").has("brigade-position"),
        shown("POST", "/tasks", r#"{"title":"b","rank":2,"owner":1}"#,
            r#"[{"id":2,"title":"b","state":"open","rank":2,"owner":1,"slug":null,"hits":0,"extra":null}]"#)
            .answers("preference-applied", "return=representation"),
        shown("POST", "/tasks?select=title,owner:people(name)", r#"[{"title":"c","owner":2},{"title":"d"}]"#,
            r#"[{"title":"c","owner":{"name":"Bob"}},{"title":"d","owner":null}]"#),
        shown("POST", "/tasks?select=title,rank&order=title.desc", r#"[{"title":"e","rank":1},{"title":"f"}]"#,
            r#"[{"title":"f","rank":null},{"title":"e","rank":1}]"#)
            .with("prefer", "count=exact")
            .answers("content-range", "*/2")
            .answers("preference-applied", "return=representation, count=exact"),
        shown("POST", "/tasks?select=title,state", r#"[{"title":"g","state":"x"},{"title":"h"}]"#,
            r#"[{"title":"g","state":"x"},{"title":"h","state":"open"}]"#)
            .with("prefer", "missing=default, tx=rollback")
            .answers("preference-applied", "missing=default, return=representation, tx=rollback")
            .lacks("brigade-position"),
        shown("POST", "/tasks?columns=title&select=title,rank", r#"{"title":"i","nonsense":1,"rank":5}"#,
            r#"[{"title":"i","rank":null}]"#)
            .with("prefer", "tx=rollback"),
        shown("POST", "/tasks?columns=%22title%22,%22rank%22&select=title,rank", r#"[{"title":"i"}]"#,
            r#"[{"title":"i","rank":null}]"#)
            .with("prefer", "tx=rollback"),
        shown("POST", "/tasks", "[]", "[]").answers("content-range", "*/*"),
        send("POST", "/tasks", "[]"),
        shown("POST", "/tasks?select=title,rank", "title,rank\nj,5\n\"k, l\",NULL\n",
            r#"[{"title":"j","rank":5},{"title":"k, l","rank":null}]"#)
            .typed("text/csv")
            .with("prefer", "tx=rollback"),
        shown("POST", "/tasks?select=title,rank", "title=m+n%26&rank=7", r#"[{"title":"m n&","rank":7}]"#)
            .typed("application/x-www-form-urlencoded")
            .with("prefer", "tx=rollback"),
        // Scalars are read as PostgreSQL reads their text; json takes what it is given.
        shown("POST", "/tasks?select=title,rank,hits,extra", r#"{"title":12,"rank":"3","hits":"9007199254740993","extra":{"a":[1]}}"#,
            r#"[{"title":"12","rank":3,"hits":9007199254740993,"extra":{"a": [1]}}]"#)
            .with("prefer", "tx=rollback"),
        shown("POST", "/people?select=id,tags,active,photo,mood,data,born", r#"[{"id":8,"name":"x","tags":["a","b c"],"active":"yes","photo":"\\x01","mood":"sad","data":[1],"born":"2020-02-29"},{"id":9,"name":"y","tags":"{q}","active":false,"photo":null,"mood":null,"data":null,"born":null}]"#,
            r#"[{"id":8,"tags":["a","b c"],"active":true,"photo":"\\x01","mood":"sad","data":[1],"born":"2020-02-29"},{"id":9,"tags":["q"],"active":false,"photo":null,"mood":null,"data":null,"born":null}]"#)
            .with("prefer", "tx=rollback"),
        shown("POST", "/tasks?select=title", r#"{"title":"z"}"#, r#"{"title":"z"}"#)
            .with("prefer", "tx=rollback")
            .with("accept", "application/vnd.pgrst.object+json"),
        send("POST", "/tasks?select=title,rank", r#"{"title":"z"}"#)
            .with("prefer", "tx=rollback, return=representation")
            .with("accept", "text/csv")
            .text("title,rank\nz,"),
        send("POST", "/pairs", r#"{"a":7,"b":8}"#)
            .with("prefer", "return=headers-only, tx=rollback")
            .answers("location", "/pairs?a=eq.7&b=eq.8")
            .answers("preference-applied", "return=headers-only, tx=rollback"),
        get("/tasks?select=id,title&order=id", r#"[{"id":1,"title":"a"},{"id":2,"title":"b"},{"id":3,"title":"c"},{"id":4,"title":"d"},{"id":5,"title":"e"},{"id":6,"title":"f"}]"#),
    ]
}

pub(super) fn mistakes() -> Vec<Case> {
    let post = |body: &str, status, code| wrong("POST", "/tasks", body, status, code);
    vec![
        post("", 400, "PGRST102"),
        post("{", 400, "PGRST102"),
        post("5", 400, "PGRST102"),
        post("[1]", 400, "PGRST102"),
        post("title\n", 400, "PGRST102").typed("text/plain"),
        post("title,rank\na\n", 400, "PGRST102").typed("text/csv"),
        post(r#"{"titel":"x"}"#, 400, "PGRST204"),
        wrong("POST", "/tasks?columns=titel", r#"{"title":"x"}"#, 400, "PGRST204"),
        wrong("POST", "/nothing", "{}", 404, "PGRST205"),
        wrong("POST", "/adults", "{}", 400, "PGRST127"),
        post(r#"{"title":"x","rank":"y"}"#, 400, "22P02"),
        post(r#"{"title":"x","rank":1.5}"#, 400, "22P02"),
        post(r#"{"title":"x","rank":{}}"#, 400, "22P02"),
        post(r#"{"title":"x","rank":{"add":1}}"#, 400, "22P02"),
        post(r#"{"title":"x","rank":99999999999}"#, 400, "22003"),
        post("{}", 400, "23502"),
        post(r#"[{"title":"x","state":"y"},{"title":"x"}]"#, 400, "23502"),
        post(r#"{"title":"x","owner":99}"#, 409, "23503"),
        post(r#"{"id":1,"title":"x"}"#, 409, "23505"),
        post(r#"{"title":"x","hits":-1}"#, 400, "23514"),
        wrong("POST", "/tasks?select=nothing", r#"{"title":"x"}"#, 400, "42703")
            .with("prefer", "return=representation"),
        wrong("POST", "/tasks", r#"[{"title":"x"},{"title":"y"}]"#, 406, "PGRST116")
            .with("accept", "application/vnd.pgrst.object+json"),
        wrong("POST", "/tasks?select=title,people!inner(name)", r#"{"title":"x"}"#, 406, "PGRST116")
            .with("prefer", "return=representation")
            .with("accept", "application/vnd.pgrst.object+json"),
        wrong("POST", "/tasks", r#"{"title":"x"}"#, 406, "PGRST106").with("content-profile", "private"),
        wrong("PATCH", "/tasks", r#"{"rank":1}"#, 400, "21000"),
        wrong("DELETE", "/tasks", "", 400, "21000"),
        wrong("PATCH", "/tasks?nothing=eq.1", r#"{"rank":1}"#, 400, "42703"),
        wrong("PATCH", "/tasks?id=eq.1", r#"{"nothing":1}"#, 400, "PGRST204"),
        wrong("PATCH", "/tasks?id=eq.x", r#"{"rank":1}"#, 400, "22P02"),
        wrong("PATCH", "/tasks?id=eq.1", r#"[{"rank":1},{"rank":2}]"#, 400, "PGRST102"),
        wrong("PATCH", "/tasks?id=eq.1", r#"{"title":null}"#, 400, "23502"),
        wrong("DELETE", "/tasks?select=id,people()&people=is.null", "", 400, "PGRST127")
            .with("prefer", "return=representation"),
        wrong("DELETE", "/people?id=eq.1", "", 409, "23503"),
        get(
            "/tasks?select=id,rank&order=id",
            r#"[{"id":1,"rank":null},{"id":2,"rank":2},{"id":3,"rank":null},{"id":4,"rank":null},{"id":5,"rank":1},{"id":6,"rank":null}]"#,
        ),
    ]
}

pub(super) fn upserts() -> Vec<Case> {
    let merge = |path: &str, body: &str, status: u16, rows: &str| {
        let case = shown("POST", path, body, rows).status(status);
        case.with("prefer", "resolution=merge-duplicates")
    };
    vec![
        merge("/pairs", r#"{"a":1,"b":1,"note":"x"}"#, 201, r#"[{"a":1,"b":1,"note":"x"}]"#)
            .answers("preference-applied", "resolution=merge-duplicates, return=representation"),
        merge("/pairs", r#"{"a":1,"b":1,"note":"y"}"#, 200, r#"[{"a":1,"b":1,"note":"y"}]"#),
        merge(
            "/pairs",
            r#"[{"a":1,"b":1,"note":"z"},{"a":1,"b":2,"note":"n"}]"#,
            201,
            r#"[{"a":1,"b":1,"note":"z"},{"a":1,"b":2,"note":"n"}]"#,
        ),
        send("POST", "/pairs", r#"{"a":1,"b":2,"note":"m"}"#).with("prefer", "resolution=merge-duplicates").status(200),
        send("POST", "/pairs", r#"{"a":1,"b":2,"note":"m"}"#)
            .with("prefer", "resolution=merge-duplicates, return=headers-only")
            .status(200)
            .answers("location", "/pairs?a=eq.1&b=eq.2"),
        shown(
            "POST",
            "/pairs",
            r#"[{"a":1,"b":1,"note":"no"},{"a":1,"b":3,"note":"new"}]"#,
            r#"[{"a":1,"b":3,"note":"new"}]"#,
        )
        .with("prefer", "resolution=ignore-duplicates"),
        merge(
            "/tasks?on_conflict=slug&select=title,slug",
            r#"{"title":"s","slug":"one"}"#,
            201,
            r#"[{"title":"s","slug":"one"}]"#,
        )
        .with("prefer", "tx=rollback"),
        merge("/tasks?on_conflict=id&select=id,title", r#"{"id":1,"title":"A"}"#, 200, r#"[{"id":1,"title":"A"}]"#),
        merge(
            "/tasks?select=id,title,state",
            r#"[{"id":1,"title":"A"},{"id":2,"title":"B","state":"done"}]"#,
            200,
            r#"[{"id":1,"title":"A","state":"open"},{"id":2,"title":"B","state":"done"}]"#,
        )
        .with("prefer", "missing=default, tx=rollback"),
        wrong("POST", "/tasks?on_conflict=title", r#"{"title":"s"}"#, 400, "42P10")
            .with("prefer", "resolution=merge-duplicates"),
        wrong("POST", "/pairs", r#"[{"a":5,"b":5,"note":"p"},{"a":5,"b":5,"note":"q"}]"#, 400, "21000")
            .with("prefer", "resolution=merge-duplicates"),
        get("/pairs?order=a,b", r#"[{"a":1,"b":1,"note":"z"},{"a":1,"b":2,"note":"m"},{"a":1,"b":3,"note":"new"}]"#),
    ]
}

pub(super) fn puts() -> Vec<Case> {
    let put = |path: &str, body: &str, status: u16, rows: &str| shown("PUT", path, body, rows).status(status);
    vec![
        put("/pairs?a=eq.9&b=eq.9", r#"{"a":9,"b":9,"note":"new"}"#, 201, r#"[{"a":9,"b":9,"note":"new"}]"#)
            .lacks("content-range"),
        put("/pairs?a=eq.9&b=eq.9", r#"[{"a":9,"b":"9","note":"old"}]"#, 200, r#"[{"a":9,"b":9,"note":"old"}]"#),
        send("PUT", "/pairs?a=eq.9&b=eq.9", r#"{"a":9,"b":9,"note":"older"}"#),
        wrong("PUT", "/pairs?a=eq.9", r#"{"a":9,"b":9}"#, 405, "PGRST105"),
        wrong("PUT", "/pairs?a=eq.9&b=gt.9", r#"{"a":9,"b":9}"#, 405, "PGRST105"),
        wrong("PUT", "/pairs?a=eq.9&b=eq.9&note=eq.x", r#"{"a":9,"b":9}"#, 405, "PGRST105"),
        wrong("PUT", "/pairs?a=eq.9&b=eq.9", r#"{"a":9,"b":8}"#, 400, "PGRST115"),
        wrong("PUT", "/pairs?a=eq.9&b=eq.9", r#"{"a":9}"#, 400, "PGRST115"),
        wrong("PUT", "/pairs?a=eq.9&b=eq.9", r#"[{"a":9,"b":9},{"a":9,"b":9}]"#, 400, "PGRST115"),
        wrong("PUT", "/pairs?a=eq.9&b=eq.9&limit=1", r#"{"a":9,"b":9}"#, 400, "PGRST114"),
        get("/pairs?a=eq.9", r#"[{"a":9,"b":9,"note":"older"}]"#),
    ]
}

pub(super) fn safeguards() -> Vec<Case> {
    let keyed =
        |body: &str| shown("POST", "/pairs?select=a,b", body, r#"[{"a":20,"b":1}]"#).with("idempotency-key", "once");
    vec![
        keyed(r#"{"a":20,"b":1}"#).lacks("idempotency-replayed"),
        keyed(r#"{"a":20,"b":1}"#).answers("idempotency-replayed", "true").has("brigade-position"),
        wrong("POST", "/pairs?select=a,b", r#"{"a":20,"b":2}"#, 422, "BRG422")
            .with("idempotency-key", "once")
            .with("prefer", "return=representation"),
        wrong("POST", "/pairs?select=a", r#"{"a":20,"b":1}"#, 422, "BRG422")
            .with("idempotency-key", "once")
            .with("prefer", "return=representation"),
        send("POST", "/pairs", r#"{"a":21,"b":1}"#).with("idempotency-key", "twice").with("prefer", "tx=rollback"),
        send("POST", "/pairs", r#"{"a":21,"b":1}"#).with("idempotency-key", "twice").lacks("idempotency-replayed"),
        get("/pairs?a=gte.20&order=a", r#"[{"a":20,"b":1,"note":null},{"a":21,"b":1,"note":null}]"#),
    ]
}
