//! PATCH and DELETE of the rows that `writes` has left.

use super::{
    Case, get,
    writes::{send, shown, wrong},
};

pub(super) fn updates() -> Vec<Case> {
    let ids = |filter: &str, ids: &str| {
        let rows: Vec<String> = ids.split_whitespace().map(|id| format!("{{\"id\":{id}}}")).collect();
        shown(
            "PATCH",
            &format!("/tasks?select=id&order=id&{filter}"),
            r#"{"hits":1}"#,
            &format!("[{}]", rows.join(",")),
        )
        .with("prefer", "tx=rollback")
    };
    let single = ("accept", "application/vnd.pgrst.object+json");
    vec![
        send("PATCH", "/tasks?id=eq.3", r#"{"rank":9}"#).answers("content-range", "0-0/*").has("brigade-position"),
        send("PATCH", "/tasks?id=gt.900", r#"{"rank":9}"#).answers("content-range", "*/*"),
        send("PATCH", "/tasks?id=in.(4,5)", r#"{"state":"done"}"#)
            .with("prefer", "count=exact")
            .answers("content-range", "0-1/2"),
        send("PATCH", "/tasks?id=eq.4", "{}"),
        shown("PATCH", "/tasks?id=eq.4", "{}", "[]"),
        shown(
            "PATCH",
            "/tasks?id=in.(1,2)&order=id.desc&select=id,people(name)",
            r#"{"owner":2}"#,
            r#"[{"id":2,"people":{"name":"Bob"}},{"id":1,"people":{"name":"Bob"}}]"#,
        )
        .with("prefer", "tx=rollback"),
        shown("PATCH", "/tasks?id=eq.1&select=title,id", r#"{"id":70}"#, r#"[{"title":"A","id":70}]"#)
            .with("prefer", "tx=rollback"),
        shown("PATCH", "/tasks?id=eq.5&select=state", r#"{}"#, "[]"),
        shown("PATCH", "/tasks?id=eq.5&columns=state&select=state", r#"{}"#, r#"[{"state":"open"}]"#)
            .with("prefer", "missing=default, tx=rollback")
            .answers("preference-applied", "missing=default, return=representation, tx=rollback"),
        // Every filter that reads know.
        ids("id=not.in.(1,2,3)", "4 5 6"),
        ids("or=(id.eq.1,and(rank.gt.1,state.eq.open))", "1 2 3"),
        ids("not.or=(id.eq.1,id.lt.5)", "5 6"),
        ids("title=ilike.A", "1"),
        ids("title=match.%5E%5Bef%5D", "5 6"),
        ids("title=like(any).%7BA,b*%7D", "1 2"),
        ids("rank=isdistinct.9", "1 2 4 5 6"),
        ids("rank=is.not_null&id=gt.2", "3 5"),
        ids("extra->>k=is.null&id=lte.2", "1 2"),
        shown("PATCH", "/people?select=id&order=id&tags=cs.%7Bb%7D", r#"{"age":1}"#, r#"[{"id":1},{"id":2}]"#)
            .with("prefer", "tx=rollback"),
        shown("PATCH", "/people?select=id&order=id&mood=gte.fine", r#"{"age":1}"#, r#"[{"id":1},{"id":3}]"#)
            .with("prefer", "tx=rollback"),
        shown("PATCH", "/people?select=id&order=id&score=gt.9.5", r#"{"age":1}"#, r#"[{"id":1},{"id":4}]"#)
            .with("prefer", "tx=rollback"),
        shown("PATCH", "/people?select=id&order=id&data->>t=eq.5", r#"{"age":1}"#, r#"[{"id":1}]"#)
            .with("prefer", "tx=rollback"),
        shown("PATCH", "/tasks?id=eq.2&select=id", r#"{"rank":3}"#, r#"{"id":2}"#).with(single.0, single.1),
        wrong("PATCH", "/tasks?id=gt.4", r#"{"rank":77}"#, 406, "PGRST116")
            .with(single.0, single.1)
            .with("prefer", "return=representation"),
        wrong("PATCH", "/tasks?id=gt.4", r#"{"rank":77}"#, 406, "PGRST116").with(single.0, single.1),
        wrong("PATCH", "/tasks?id=eq.900", r#"{"rank":77}"#, 406, "PGRST116")
            .with(single.0, single.1)
            .with("prefer", "return=representation"),
        wrong("PATCH", "/tasks?id=gt.2", r#"{"rank":77}"#, 400, "PGRST124")
            .with("prefer", "handling=strict, max-affected=3"),
        send("PATCH", "/tasks?id=gt.3", r#"{"rank":4}"#)
            .with("prefer", "handling=strict, max-affected=3")
            .answers("preference-applied", "handling=strict, max-affected=3"),
        get(
            "/tasks?select=id,state,rank&order=id",
            r#"[{"id":1,"state":"open","rank":null},{"id":2,"state":"open","rank":3},{"id":3,"state":"open","rank":9},{"id":4,"state":"done","rank":4},{"id":5,"state":"done","rank":4},{"id":6,"state":"open","rank":4}]"#,
        ),
    ]
}

pub(super) fn deletes() -> Vec<Case> {
    vec![
        shown(
            "DELETE",
            "/tasks?id=lt.3&select=title,people(name)&order=id.desc",
            "{}",
            r#"[{"title":"b","people":{"name":"Ada"}},{"title":"A","people":null}]"#,
        )
        .with("prefer", "tx=rollback, count=exact")
        .answers("content-range", "*/2"),
        wrong("DELETE", "/tasks?id=gt.2", "", 400, "PGRST124").with("prefer", "handling=strict, max-affected=1"),
        wrong("DELETE", "/tasks?id=gt.2", "", 406, "PGRST116").with("accept", "application/vnd.pgrst.object+json"),
        send("DELETE", "/pairs?b=eq.3", "{}").answers("content-range", "*/*").has("brigade-position"),
        send("DELETE", "/pairs?b=eq.3", "").with("prefer", "count=exact").answers("content-range", "*/0"),
        shown(
            "DELETE",
            "/people?id=eq.3&select=id,tasks(id),boss(name)",
            "",
            r#"[{"id":3,"tasks":[],"boss":{"name":"Ada"}}]"#,
        )
        .with("prefer", "tx=rollback"),
        get("/pairs?order=a,b&select=b", r#"[{"b":1},{"b":2}]"#),
    ]
}
