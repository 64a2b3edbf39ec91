//! The grammar on what clients send, and on what nobody should.

use super::*;

mod print;
mod round;

fn refused(query: &str, code: &str) {
    let error = parse(query).expect_err(query);
    assert_eq!(error.code(), code, "{query}: {error}");
}

#[test]
fn names_the_place_of_a_mistake() {
    for query in [
        "select=id,",
        "select=,id",
        "select=(id)",
        "select=id;drop",
        "select=a(b",
        "select=a)b",
        "select=a.nonsense()",
        "select=a::",
        "select=...a",
        "id=1",
        "id=equals.1",
        "id=eq",
        "id=in.1,2",
        "id=in.(1,2",
        "id=is.maybe",
        "or=a.eq.1",
        "or=()",
        "or=(a.eq.1",
        "or=(a.eq.1))",
        "order=a.upwards",
        "order=a.asc.nullsfirst.desc",
        "limit=x",
        "a=eq.%zz",
        "a=eq.%ff",
        "a=eq.%00",
        "=eq.1",
    ] {
        refused(query, "PGRST100");
    }
    refused("limit=-1", "PGRST103");
    refused("posts.id=eq.1", "PGRST108");
    refused("select=posts(id)&users.limit=1", "PGRST108");
    let error = parse("select=id,%22a").unwrap_err();
    assert_eq!(error.message(), "\"failed to parse select parameter (id,\"a)\" (line 1, column 6)");
}

#[test]
fn nesting_without_end_is_refused() {
    refused(&format!("select={}", "a(".repeat(10_000)), "PGRST100");
    refused(&format!("or=({}", "or(".repeat(10_000)), "BRG413");
    refused(&format!("or={}", "(".repeat(10_000)), "PGRST100");
}
