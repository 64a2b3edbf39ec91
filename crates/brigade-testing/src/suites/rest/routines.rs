//! What is called by name: queries of the project on every engine, functions of the database on PostgreSQL.

use super::{Case, get, refused, writes::send};

fn post(path: &str, body: &str, answer: &str) -> Case {
    send("POST", path, body).status(200).json(answer)
}

fn wrong(path: &str, body: &str, status: u16, code: &'static str) -> Case {
    Case { sent: send("POST", path, body).sent, method: "POST", ..refused(path, status, code) }
}

pub(super) fn queries() -> Vec<Case> {
    let ada = r#"{"id":1,"name":"Ada","posts":2,"best":10}"#;
    let all = format!(
        r#"[{ada},{{"id":2,"name":"Bob","posts":1,"best":9.25}},{{"id":4,"name":"Émile (50%)","posts":1,"best":null}}]"#
    );
    let person = r#"{"id":1,"name":"Ada","active":true,"tags":["a","b"],"score":12.50,"seen":"2026-01-02T03:04:05.5+00:00","mood":"happy"}"#;
    vec![
        get("/rpc/prolific?order=id", &all).has("brigade-position").answers("content-range", "0-2/*"),
        post("/rpc/prolific?order=id", "{}", &all),
        post("/rpc/prolific?order=id", "", &all),
        get("/rpc/prolific?min_posts=2", &format!("[{ada}]")),
        post("/rpc/prolific", r#"{"min_posts":2}"#, &format!("[{ada}]")),
        post("/rpc/prolific", r#"{"min_posts":"2","land":null}"#, &format!("[{ada}]")),
        post("/rpc/prolific?select=name", "min_posts=1&land=de", r#"[{"name":"Ada"}]"#)
            .typed("application/x-www-form-urlencoded"),
        get(
            "/rpc/prolific?land=fr&select=who:name,posts::text&order=id.desc",
            r#"[{"who":"Émile (50%)","posts":"1"},{"who":"Bob","posts":"1"}]"#,
        ),
        get("/rpc/prolific?posts=gt.1&select=id", r#"[{"id":1}]"#),
        get("/rpc/prolific?or=(id.eq.2,name.like.A*)&select=id&order=id", r#"[{"id":1},{"id":2}]"#),
        get("/rpc/prolific?select=id&order=best.desc.nullslast&limit=2&offset=1", r#"[{"id":2},{"id":4}]"#),
        get("/rpc/prolific?select=id&order=id&limit=1", r#"[{"id":1}]"#)
            .with("prefer", "count=exact")
            .status(206)
            .answers("content-range", "0-0/3"),
        post("/rpc/prolific?select=id,name&order=id&limit=1", "{}", "")
            .with("accept", "text/csv")
            .text("id,name\n1,Ada"),
        post("/rpc/prolific", r#"{"min_posts":2}"#, ada).with("accept", "application/vnd.pgrst.object+json"),
        wrong("/rpc/prolific", "{}", 406, "PGRST116").with("accept", "application/vnd.pgrst.object+json"),
        Case { method: "HEAD", ..get("/rpc/prolific", "") }
            .text("")
            .with("prefer", "count=exact")
            .answers("content-range", "0-2/3"),
        get("/rpc/person?person=1", person),
        post("/rpc/person", r#"{"person":1}"#, person),
        post("/rpc/person?select=name", r#"{"person":1}"#, r#"{"name":"Ada"}"#),
        get("/rpc/person?person=99", "null"),
        get(
            "/rpc/seen_since?since=2026-01-02T03:04:05%2B00:00",
            r#"[{"id":1,"seen":"2026-01-02T03:04:05.5+00:00","feels":true},{"id":2,"seen":"2026-01-02T03:04:05+00:00","feels":false}]"#,
        ),
        post(
            "/rpc/seen_since?feels=is.false&select=id",
            r#"{"since":"2026-01-02 01:00:00+00","feeling":"sad"}"#,
            r#"[{"id":1}]"#,
        ),
        // max-affected bounds what is answered, and means nothing of one row.
        get("/rpc/prolific?order=id", &all)
            .with("prefer", "handling=strict, max-affected=3")
            .answers("preference-applied", "handling=strict, max-affected=3"),
        refused("/rpc/prolific", 400, "PGRST124").with("prefer", "handling=strict, max-affected=2"),
        get("/rpc/prolific?order=id", &all).with("prefer", "max-affected=2").lacks("preference-applied"),
        refused("/rpc/person?person=1", 400, "PGRST128").with("prefer", "handling=strict, max-affected=2"),
        get("/rpc/person?person=1", person).with("prefer", "max-affected=2"),
        refused("/rpc/person", 404, "PGRST202"),
        refused("/rpc/persons?person=1", 404, "PGRST202"),
        wrong("/rpc/person", r#"{"person":1,"more":2}"#, 404, "PGRST202"),
        wrong("/rpc/nothing", "{}", 404, "PGRST202"),
        wrong("/rpc/person", r#"{"person":"x"}"#, 400, "22P02"),
        wrong("/rpc/person", r#"{"person":99999999999}"#, 400, "22003"),
        wrong("/rpc/seen_since", r#"{"since":"2026-01-02","feeling":"odd"}"#, 400, "22P02"),
        wrong("/rpc/prolific", "[1]", 400, "PGRST102"),
        wrong("/rpc/prolific", "{", 400, "PGRST102"),
        wrong("/rpc/prolific", "a", 400, "PGRST102").typed("text/plain"),
        refused("/rpc/prolific?nothing=eq.1", 400, "42703"),
        refused("/rpc/prolific?select=nothing", 400, "42703"),
        refused("/rpc/prolific?select=people(id)", 400, "PGRST200"),
        Case { method: "DELETE", ..refused("/rpc/prolific", 405, "PGRST101") },
    ]
}

/// Queries that write, one after the other: later cases see what earlier ones left.
pub(super) fn writing() -> Vec<Case> {
    let add = |body: &str, rows: &str| post("/rpc/add_task", body, rows).has("brigade-position");
    let again = |body: &str| Case { sent: send("POST", "", body).sent, ..add("", "") }.with("idempotency-key", "k1");
    let a = r#"{"title":"a","rank":1,"state":"open"}"#;
    let single = ("accept", "application/vnd.pgrst.object+json");
    vec![
        add(r#"{"title":"a","rank":1}"#, &format!("[{a}]")).answers("content-range", "0-0/*"),
        add(
            r#"{"title":"it's; DROP TABLE tasks"}"#,
            r#"[{"title":"it's; DROP TABLE tasks","rank":null,"state":"open"}]"#,
        ),
        post("/rpc/forget_task", r#"{"task":"it's; DROP TABLE tasks"}"#, "")
            .status(204)
            .text("")
            .has("brigade-position"),
        // What is asked of the rows does not change what is written.
        post("/rpc/add_task?select=r:rank::text&rank=gt.1", r#"{"title":"b","rank":2}"#, r#"[{"r":"2"}]"#),
        post("/rpc/add_task?rank=gt.9", r#"{"title":"c","rank":3}"#, "[]"),
        post("/rpc/add_task?limit=0", r#"{"title":"d","rank":4}"#, "[]")
            .with("prefer", "count=exact")
            .answers("content-range", "*/1")
            .status(206),
        post("/rpc/add_task?select=title", r#"{"title":"e"}"#, "").with("accept", "text/csv").text("title\ne"),
        post("/rpc/add_task", r#"{"title":"f"}"#, "").with("prefer", "return=minimal").status(204).text(""),
        get(
            "/tasks?select=title&order=title",
            r#"[{"title":"a"},{"title":"b"},{"title":"c"},{"title":"d"},{"title":"e"},{"title":"f"}]"#,
        ),
        post("/rpc/rank_task", r#"{"task":"a","rank":7}"#, r#"{"title":"a","rank":7,"seen":0}"#),
        post("/rpc/rank_task", r#"{"task":"z","rank":7}"#, "null"),
        post("/rpc/finish_tasks?order=title", r#"{"above":3}"#, r#"[{"title":"a","hits":1},{"title":"d","hits":1}]"#),
        post("/rpc/finish_tasks?order=title.desc&limit=1", r#"{"above":2}"#, r#"[{"title":"d","hits":2}]"#)
            .with("prefer", "count=exact")
            .answers("content-range", "0-0/3")
            .status(206),
        // Taken back: where it is asked, where one object is asked and there is another number, where a statement fails.
        add(r#"{"title":"x"}"#, r#"[{"title":"x","rank":null,"state":"open"}]"#).with("prefer", "tx=rollback"),
        wrong("/rpc/finish_tasks", r#"{"above":1}"#, 406, "PGRST116").with(single.0, single.1),
        post("/rpc/add_task", r#"{"title":"y","rank":5}"#, r#"{"title":"y","rank":5,"state":"open"}"#)
            .with(single.0, single.1),
        wrong("/rpc/finish_tasks", r#"{"above":1}"#, 400, "PGRST124").with("prefer", "handling=strict, max-affected=2"),
        wrong("/rpc/rank_task", r#"{"task":"a","rank":70}"#, 400, "PGRST128")
            .with("prefer", "handling=strict, max-affected=2"),
        wrong("/rpc/forget_task", r#"{"task":"a"}"#, 400, "PGRST128").with("prefer", "handling=strict, max-affected=2"),
        wrong("/rpc/add_task", r#"{"title":null}"#, 400, "23502"),
        wrong("/rpc/add_task", r#"{"title":"x","rank":"r"}"#, 400, "22P02"),
        wrong("/rpc/add_task?select=nothing", r#"{"title":"x"}"#, 400, "42703"),
        wrong("/rpc/add_task", r#"{"rank":1}"#, 404, "PGRST202"),
        refused("/rpc/add_task?title=x", 405, "PGRST101"),
        Case { method: "HEAD", ..refused("/rpc/add_task?title=x", 405, "PGRST101") }.text(""),
        get(
            "/tasks?select=title,rank,state,hits&rank=gt.1&order=title",
            r#"[{"title":"a","rank":7,"state":"done","hits":2},{"title":"b","rank":2,"state":"open","hits":0},{"title":"c","rank":3,"state":"done","hits":1},{"title":"d","rank":4,"state":"done","hits":2},{"title":"y","rank":5,"state":"open","hits":0}]"#,
        ),
        get("/tasks?title=eq.x", "[]"),
        // A key makes a call safe to repeat, and belongs to all that was sent.
        again(r#"{"title":"once","rank":1}"#)
            .json(r#"[{"title":"once","rank":1,"state":"open"}]"#)
            .lacks("idempotency-replayed"),
        again(r#"{"title":"once","rank":1}"#)
            .json(r#"[{"title":"once","rank":1,"state":"open"}]"#)
            .answers("idempotency-replayed", "true"),
        wrong("/rpc/add_task", r#"{"title":"twice"}"#, 422, "BRG422").with("idempotency-key", "k1"),
        get("/tasks?select=title&title=in.(once,twice)", r#"[{"title":"once"}]"#),
    ]
}

pub(super) fn functions() -> Vec<Case> {
    vec![
        get("/rpc/add_them?a=1&b=2", "3"),
        get("/rpc/add_them?a=1", "11"),
        post("/rpc/add_them", r#"{"a":1,"b":"5"}"#, "6"),
        post(
            "/rpc/people_in?select=id,countries(name)&order=id",
            r#"{"land":"fr"}"#,
            r#"[{"id":2,"countries":{"name":"France"}},{"id":4,"countries":{"name":"France"}}]"#,
        ),
        get("/rpc/people_in?land=fr&age=gt.40&select=name", r#"[{"name":"Bob"}]"#),
        get("/rpc/one_person?which=1&select=id,name", r#"{"id":1,"name":"Ada"}"#),
        get("/rpc/numbers?n=3", "[1,2,3]"),
        get("/rpc/numbers?n=3&limit=1&offset=1", "[2]"),
        get("/rpc/both_of", r#"{"x":1,"y":"one"}"#),
        get("/rpc/words?n=2&order=i.desc", r#"[{"i":2,"word":"xx"},{"i":1,"word":"x"}]"#),
        post("/rpc/take_it", r#"{"a":[1,2]}"#, r#"{"a":[1,2]}"#),
        post("/rpc/take_it", "[1]", "[1]"),
        get("/rpc/either?a=1", r#""a""#),
        get("/rpc/either?b=1", r#""b""#),
        wrong("/rpc/unclear", r#"{"a":1}"#, 300, "PGRST203"),
        get("/rpc/summed?v=1&v=2&v=3", "6"),
        get("/rpc/summed?v=%7B1,2%7D", "3"),
        post("/rpc/summed", r#"{"v":[4,5]}"#, "9"),
        refused("/rpc/named_now?which=1&called=x", 405, "PGRST101"),
        send("POST", "/rpc/named_now", r#"{"which":1,"called":"x"}"#).status(204).has("brigade-position"),
        get("/labels?id=eq.1", r#"[{"id":1,"name":"x"}]"#),
        wrong("/rpc/named_all", r#"{"called":"y"}"#, 406, "PGRST116")
            .with("accept", "application/vnd.pgrst.object+json"),
        post("/rpc/named_all?select=name&id=eq.2", r#"{"called":"y"}"#, r#"[{"name":"y"}]"#)
            .with("prefer", "tx=rollback"),
        get("/labels?select=name&order=id", r#"[{"name":"x"},{"name":"fun"},{"name":"unused"}]"#),
        refused("/rpc/add_them?a=1&b=2", 400, "PGRST128").with("prefer", "handling=strict, max-affected=9"),
        refused("/rpc/numbers?n=3", 400, "PGRST124").with("prefer", "handling=strict, max-affected=2"),
        wrong("/rpc/add_them", r#"{"a":"x"}"#, 400, "22P02"),
        wrong("/rpc/add_them", r#"{"a":1,"c":2}"#, 404, "PGRST202"),
        wrong("/rpc/refuses", "{}", 400, "P0001"),
    ]
}
