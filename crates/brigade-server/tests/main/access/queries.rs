//! Named queries: who is named in the head may call; one that writes is nobody's else.

use super::world::{SECRET, token_of};
use crate::harness::{Answer, Running, engines};

const FILES: &[(&str, &str)] = &[
    ("queries/read_all.sql", "SELECT a FROM t"),
    ("queries/read_some.sql", "-- role reader\nSELECT a FROM t"),
    ("queries/write_all.sql", "-- write\nUPDATE t SET a = a RETURNING a"),
    ("queries/write_some.sql", "-- write\n-- role writer\nUPDATE t SET a = a RETURNING a"),
];

/// Who, which query, and the status.
const CALLS: &[(&str, &str, u16)] = &[
    ("reader", "read_all", 200),
    ("reader", "read_some", 200),
    ("writer", "read_some", 404),
    ("writer", "write_some", 200),
    ("reader,writer", "write_some", 200),
    ("reader", "write_some", 404),
    // Without `-- role` everybody may call what reads, and only the service what writes.
    ("reader", "write_all", 404),
    ("writer", "write_all", 404),
    ("", "write_all", 404),
    ("", "write_some", 404),
    ("service", "write_all", 200),
    ("service", "write_some", 200),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_writes_is_for_those_whom_it_names() {
    for (engine, stores, _held) in engines() {
        let settings =
            format!("{stores}[auth]\njwt_secret = {SECRET:?}\nanonymous = \"anon\"\n[access.anon]\nt = [\"select\"]\n");
        let schema = "CREATE TABLE t (a integer PRIMARY KEY); INSERT INTO t (a) VALUES (1);";
        let mut server = Running::start_with_files(schema, &settings, FILES).await;
        let mut wrong = Vec::new();
        for (who, query, status) in CALLS {
            let mut request = server.request("POST", &format!("/rpc/{query}"));
            if !who.is_empty() {
                request = request.bearer_auth(token_of(who));
            }
            let answer = Answer::of(request.send().await.expect("an answer")).await;
            if answer.status != *status {
                wrong.push(format!("{who:?} {query}: {} instead of {status}: {}", answer.status, answer.text));
            }
        }
        assert!(wrong.is_empty(), "{engine}:\n{}", wrong.join("\n"));
        server.stop().await;
    }
}
