//! Searches for words: `fts`, `plfts`, `phfts`, `wfts`, in each place where a filter may stand.

use super::{
    Case, get, refused,
    writes::{send, shown},
};

fn ids(filter: &str, ids: &str) -> Case {
    let rows: Vec<String> = ids.split_whitespace().map(|id| format!("{{\"id\":{id}}}")).collect();
    get(&format!("/notes?select=id&order=id&{filter}"), &format!("[{}]", rows.join(",")))
}

pub(super) fn searches() -> Vec<Case> {
    vec![
        ids("body=fts.cat", "1 2"),
        ids("body=fts.fat%20%26%20!rat", "1"),
        ids("body=fts.fat%20%3C-%3E%20cat", "1"),
        ids("body=fts.cat%20%3C2%3E%20fat", "2"),
        ids("body=fts.ra:*", "2 6"),
        ids("body=fts.cat:A", ""),
        ids("body=fts.'fat%20cats'", "1"),
        ids("body=fts.the", ""),
        ids("body=fts.", ""),
        ids("body=not.fts.the", "1 2 3 5 6 7"),
        ids("body=not.fts.cat", "3 5 6 7"),
        ids("body=fts.!cat", "3 5 6 7"),
        ids("body=plfts.rat%20cats", "2"),
        ids("body=phfts.fat%20rats", "2"),
        ids("body=phfts.sat%20on%20the%20mat", "1"),
        ids("body=phfts.sat%20mat", ""),
        ids("body=wfts.%22fat%20cat%22%20or%20people", "1 3"),
        ids("body=wfts.fat%20-rat", "1"),
        ids("body=plfts.e-mails", "3"),
        ids("body=plfts.art", "3"),
        ids("body=plfts.me@example.com", "5"),
        ids("body=plfts.example.com", "5"),
        ids("body=plfts.-19", "5"),
        ids("body=fts(simple).cats", "1"),
        ids("body=fts(simple).the", "1 3 6"),
        ids("body=fts(German).hund", "6"),
        ids("body=plfts(german).gr%C3%B6%C3%9Fte%20hund", "6"),
        ids("body=fts(english).dog", "6"),
        ids("body=fts(%22pg_catalog.english%22).dog", "6"),
        ids("title=fts.cat", "1"),
        ids("data=fts.dog", "1 3"),
        ids("data=fts.cat", "3"),
        ids("data=fts.deep", ""),
        ids("data=phfts.dog%20barks", "1"),
        ids("data=phfts.barks%20loudly", ""),
        ids("data=not.fts.dog", "4 5"),
        ids("data=plfts.%C3%BCn%C3%AFcode%20caf%C3%A9", "4"),
        ids("data->>text=fts.bark", "1"),
        ids("data->deep=fts.night", "1"),
        ids("or=(body.fts.mat,title.plfts.rats)", "1 2"),
        ids("or=(body.wfts.%22\\%22fat cat\\%22%22,body.fts(german).\"hund%20%26%20laufen\")", "1 6"),
        ids("not.and=(body.fts.cat,rank.lt.9)", "3 5 6 7"),
        ids("body=fts.cat&title=fts.rat", "2"),
        get(
            "/writers?select=id,notes(id)&notes.body=fts.cat&notes.order=id&order=id",
            r#"[{"id":1,"notes":[{"id":1},{"id":2}]},{"id":2,"notes":[]},{"id":3,"notes":[]}]"#,
        ),
        get("/writers?select=id,notes!inner()&notes.body=wfts.people&order=id", r#"[{"id":2}]"#),
        get("/notes?select=id,writers!inner()&writers.name=plfts.builders&order=id", r#"[{"id":3},{"id":4},{"id":5}]"#),
        get("/notes?select=id&body=fts.cat&limit=1&order=id", r#"[{"id":1}]"#)
            .with("prefer", "count=exact")
            .answers("content-range", "0-0/2")
            .status(206),
    ]
}

/// In a column that holds words already, with a weight each, and in a language that a project made.
pub(super) fn vectors() -> Vec<Case> {
    vec![
        ids("found=fts.cat", "1 2"),
        ids("found=fts.cat:A", "1"),
        ids("found=fts.cat:AB", "1 2"),
        ids("found=not.wfts.cat", "3 5 6 7"),
        ids("or=(found.phfts.fat%20rat,found.plfts(german).hunde)", "2 6"),
        ids("body=fts(plain_words).cats", "1"),
        ids("body=fts(Plain_Words).the", "1 3 6"),
        refused("/notes?found=fts.a%20b", 400, "42601"),
    ]
}

pub(super) fn mistakes() -> Vec<Case> {
    let long = "a".repeat(2_001);
    vec![
        refused("/notes?body=fts.a%20b", 400, "42601").says("syntax error in tsquery: \"a b\""),
        refused("/notes?body=fts.a%20%26", 400, "42601").says("no operand in tsquery: \"a &\""),
        refused("/notes?or=(body.fts.(a,id.eq.1)", 400, "42601"),
        refused("/notes?body=fts.a%20%3C99999%3E%20b", 400, "22023"),
        refused("/notes?id=eq.0&body=fts.!", 400, "42601"),
        refused("/notes?body=fts(klingon).a", 400, "42704")
            .says("text search configuration \"klingon\" does not exist"),
        refused("/notes?id=eq.0&body=fts(klingon).a", 400, "42704"),
        refused("/notes?body=fts(0).a", 400, "42704"),
        refused("/notes?body=fts(\"eng'lish\").a", 400, "42704"),
        refused("/notes?rank=fts.a", 404, "42883").says("operator does not exist: integer @@ tsquery"),
        refused("/notes?tags=plfts.a", 404, "42883"),
        refused(&format!("/notes?body=fts.{long}"), 413, "BRG413"),
        refused(&format!("/notes?body=fts.{}a", "(".repeat(30)), 413, "BRG413"),
        refused("/notes?body=fts", 400, "PGRST100"),
        refused("/notes?body=fts(english.a", 400, "PGRST100"),
    ]
}

/// Writes that a search chooses the rows of.
pub(super) fn chosen() -> Vec<Case> {
    vec![
        shown("PATCH", "/notes?body=fts.cat&select=id&order=id", r#"{"rank":9}"#, r#"[{"id":1},{"id":2}]"#),
        send("DELETE", "/notes?body=phfts.fat%20rat", ""),
        get("/notes?select=id&rank=eq.9", r#"[{"id":1}]"#),
        get("/notes?select=id&order=id&body=fts.ran", r#"[{"id":6}]"#),
    ]
}
