//! Sessions over HTTP: shapes, cookies, who is taken for whom, and what is never revived.

use std::time::Duration;

use brigade::NewApiKey;
use brigade_testing::servers::Redis;
use serde_json::{Value, json};

use crate::harness::{Answer, Running};

const OPEN: &str = "[sessions]\nttl = \"2h\"\n";

/// Everything closed to strangers; editors read links.
const AUTH: &str = "
[auth]
jwt_secret = \"a secret of at least thirty-two bytes, made for tests\"
[access.editor]
links = [\"select\", \"insert\"]
";

type Headers<'a> = &'a [(&'a str, &'a str)];

async fn send(server: &Running, method: &str, path: &str, headers: Headers<'_>, body: Option<Value>) -> Answer {
    let mut request = server.request(method, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body.to_string());
    }
    Answer::of(request.send().await.unwrap()).await
}

/// A key that may do everything.
fn service(server: &Running) -> String {
    let new = NewApiKey { role: "service".to_owned(), ..NewApiKey::default() };
    server.brigade.keys().create(new, &server.brigade.config().access).unwrap().1
}

async fn create(server: &Running, body: Value) -> String {
    let service = service(server);
    let answer = send(server, "POST", "/sessions", &[("apikey", &service)], Some(body)).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()["token"].as_str().expect("a token").to_owned()
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn ann() -> Value {
    json!({"principal": {"id": "ann", "tenant": "acme", "roles": ["editor"]}, "data": {"theme": "dark", "n": 1}})
}

const CURRENT: &str = "/sessions/current";

#[tokio::test(flavor = "multi_thread")]
async fn a_session_has_its_shapes() {
    let server = Running::start_with(OPEN).await;
    let made = send(&server, "POST", "/sessions", &[], Some(ann())).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let body = made.json();
    let token = body["token"].as_str().unwrap();
    assert!(token.starts_with("bgs_") && token.len() == 47, "{token}");
    assert_eq!(body.as_object().unwrap().len(), 2);
    let end = body["expires_at"].as_str().unwrap();
    assert!(end.ends_with("+00:00") && end.contains('T'), "{end}");
    let cookie = format!("brigade_session={token}; Path=/; Max-Age=7200; HttpOnly; Secure; SameSite=Lax");
    assert_eq!((made.header("set-cookie"), made.header("cache-control")), (Some(&*cookie), Some("no-store")));

    let with = bearer(token);
    let current = send(&server, "GET", CURRENT, &[("authorization", &with)], None).await;
    let body = current.json();
    assert_eq!(body["principal"], json!({"id": "ann", "tenant": "acme", "tier": null, "roles": ["editor"]}));
    assert_eq!(body["data"], json!({"theme": "dark", "n": 1}));
    assert_eq!((body.as_object().unwrap().len(), current.header("cache-control")), (3, Some("no-store")));
    assert!(!current.text.contains("bgs_"), "never the token");

    let patch = json!({"data": {"n": null, "cart": {"a": 2}}});
    let patched = send(&server, "PATCH", CURRENT, &[("authorization", &with)], Some(patch)).await;
    assert_eq!((patched.status, &patched.json()["data"]), (200, &json!({"theme": "dark", "cart": {"a": 2}})));
    let touched = send(&server, "POST", "/sessions/current/touch", &[("authorization", &with)], None).await;
    assert_eq!((touched.status, touched.json().as_object().unwrap().len()), (200, 1));
    assert!(touched.json()["expires_at"].as_str().unwrap() >= end);

    for _ in 0..2 {
        let gone = send(&server, "DELETE", CURRENT, &[("authorization", &with)], None).await;
        let cookie = "brigade_session=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax";
        assert_eq!((gone.status, gone.header("set-cookie")), (204, Some(cookie)));
    }
    for (method, path, body) in [
        ("GET", CURRENT, None),
        ("PATCH", CURRENT, Some(json!({"data": {}}))),
        ("POST", "/sessions/current/touch", None),
    ] {
        let answer = send(&server, method, path, &[("authorization", &with)], body).await;
        answer.is_error(401, "BRG401");
        assert!(answer.header("www-authenticate").is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused() {
    let server = Running::start_with(OPEN).await;
    let large = json!({"principal": {"id": "a"}, "data": {"x": "y".repeat(16 << 10)}});
    for (body, status, code) in [
        (json!({}), 400, "BRG400"),
        (json!({"principal": {"id": 42}}), 400, "BRG400"),
        (json!({"principal": {"id": ""}}), 400, "BRG400"),
        (json!({"principal": {"id": "a", "roles": ["a\nb"]}}), 400, "BRG400"),
        (json!({"principal": {"id": "a"}, "ttl": 1}), 400, "BRG400"),
        (json!({"principal": {"id": "a"}, "ttl_seconds": 0}), 400, "BRG400"),
        (json!({"principal": {"id": "a"}, "ttl_seconds": 99_999_999_999_u64}), 400, "BRG400"),
        (large, 413, "BRG413"),
    ] {
        send(&server, "POST", "/sessions", &[], Some(body)).await.is_error(status, code);
    }
    for path in ["/sessions", "/sessions?principal=", "/sessions?user=a", "/sessions?principal=a&principal=b"] {
        send(&server, "DELETE", path, &[], None).await.is_error(400, "BRG400");
    }
    let token = create(&server, ann()).await;
    let with = bearer(&token);
    let much = json!({"data": {"x": "y".repeat(16 << 10)}});
    send(&server, "PATCH", CURRENT, &[("authorization", &with)], Some(much)).await.is_error(413, "BRG413");
    send(&server, "PATCH", CURRENT, &[("authorization", &with)], Some(json!({"data": []})))
        .await
        .is_error(400, "BRG400");
    for wrong in ["Bearer bgs_", &with[..with.len() - 1], &format!("{with}A"), "Bearer x.y.z", "Basic YTpi"] {
        send(&server, "GET", CURRENT, &[("authorization", wrong)], None).await.is_error(401, "BRG401");
    }
    send(&server, "GET", CURRENT, &[], None).await.is_error(401, "BRG401");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_one_are_revoked_and_a_restart_changes_nothing() {
    let mut server = Running::start_with(OPEN).await;
    let (first, second) = (create(&server, ann()).await, create(&server, ann()).await);
    let other = create(&server, json!({"principal": {"id": "bob"}})).await;
    let brief = create(&server, json!({"principal": {"id": "bob"}, "ttl_seconds": 1})).await;
    server = server.restart().await;
    for token in [&first, &second, &other] {
        assert_eq!(send(&server, "GET", CURRENT, &[("authorization", &bearer(token))], None).await.status, 200);
    }
    let revoked = send(&server, "DELETE", "/sessions?principal=ann", &[], None).await;
    assert_eq!((revoked.status, revoked.json()), (200, json!({"revoked": 2})));
    let again = send(&server, "DELETE", "/sessions?principal=ann", &[], None).await;
    assert_eq!((again.status, again.json()), (200, json!({"revoked": 0})));
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    server = server.restart().await;
    for (token, status) in [(&first, 401), (&second, 401), (&other, 200), (&brief, 401)] {
        assert_eq!(send(&server, "GET", CURRENT, &[("authorization", &bearer(token))], None).await.status, status);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn use_prolongs_where_it_is_to() {
    for (mode, lives) in [("sliding", true), ("fixed", false)] {
        let server = Running::start_with(&format!("[sessions]\nmode = \"{mode}\"\n")).await;
        let with = bearer(&create(&server, json!({"principal": {"id": "a"}, "ttl_seconds": 2})).await);
        for i in 0..3 {
            tokio::time::sleep(Duration::from_millis(900)).await;
            let (method, path) = if i == 1 { ("POST", "/sessions/current/touch") } else { ("GET", CURRENT) };
            let status = send(&server, method, path, &[("authorization", &with)], None).await.status;
            assert_eq!(status, if lives || i < 2 { 200 } else { 401 }, "{mode} {i}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_says_who_asks() {
    let server = Running::start_with(AUTH).await;
    let token = create(&server, ann()).await;
    let (with, cookie) = (bearer(&token), format!("a=b; brigade_session={token}"));
    let read = async |headers: &[(&str, &str)]| send(&server, "GET", "/rest/v1/links", headers, None).await;
    for headers in [&[("authorization", &*with)], &[("apikey", &*token)], &[("cookie", &*cookie)]] {
        assert_eq!(read(headers).await.status, 200, "{headers:?}");
    }
    assert_eq!(read(&[]).await.status, 401);
    assert_eq!(
        read(&[("cookie", &format!("brigade_session={}", service(&server)))]).await.status,
        401,
        "no other token in a cookie"
    );
    assert_eq!(read(&[("authorization", "Bearer bgk_x"), ("cookie", &cookie)]).await.status, 401, "Bearer outranks");
    send(&server, "GET", "/rest/v1/users", &[("authorization", &with)], None).await.is_error(403, "42501");
    // Making and revoking are for the role service.
    send(&server, "POST", "/sessions", &[("authorization", &with)], Some(ann())).await.is_error(403, "BRG403");
    send(&server, "DELETE", "/sessions?principal=ann", &[("authorization", &with)], None).await.is_error(403, "BRG403");
    send(&server, "POST", "/sessions", &[], Some(ann())).await.is_error(401, "BRG401");
    // The holder needs no more than its token.
    assert_eq!(send(&server, "GET", CURRENT, &[("cookie", &cookie)], None).await.status, 200);
    assert_eq!(send(&server, "DELETE", CURRENT, &[("authorization", &with)], None).await.status, 204);
    for headers in [&[("authorization", &*with)], &[("cookie", &*cookie)]] {
        assert_eq!(read(headers).await.status, 401, "revoked, whoever asks how");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_of_a_session_that_has_ended_makes_nobody_less_than_a_stranger() {
    let anonymous =
        AUTH.replace("[access.editor]", "anonymous = \"anon\"\n[access.anon]\nusers = [\"select\"]\n[access.editor]");
    let server = Running::start_with(&anonymous).await;
    let token = create(&server, ann()).await;
    let (with, cookie) = (bearer(&token), format!("brigade_session={token}"));
    let read = async |path: &str, headers: Headers<'_>| send(&server, "GET", path, headers, None).await.status;
    assert_eq!(read("/rest/v1/links", &[("cookie", &cookie)]).await, 200);
    assert_eq!(read("/rest/v1/users", &[("cookie", &cookie)]).await, 403, "an editor is no stranger");
    assert_eq!(send(&server, "DELETE", CURRENT, &[("authorization", &with)], None).await.status, 204);
    let unknown = format!("brigade_session=bgs_{}", "A".repeat(43));
    let other = "brigade_session=of another program".to_owned();
    for cookie in [&cookie, &unknown, &other] {
        assert_eq!(read("/rest/v1/users", &[("cookie", cookie)]).await, 200, "as a stranger");
        assert_eq!(read("/rest/v1/links", &[("cookie", cookie)]).await, 401, "which is closed to strangers");
        assert_eq!(read(CURRENT, &[("cookie", cookie)]).await, 401, "there is no session");
    }
    assert_eq!(read("/rest/v1/users", &[("authorization", &with)]).await, 401, "a Bearer is sent on purpose");
    assert_eq!(read("/rest/v1/users", &[("apikey", &token)]).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_that_anybody_could_claim_do_not_count_once_there_is_auth() {
    let redis = Redis::start();
    let stores = redis.iter().map(|redis| format!("[stores.cache]\nurl = \"{}\"\ntimeout = \"2s\"\n", redis.url()));
    for stores in std::iter::once(String::new()).chain(stores) {
        let server = Running::start_with(&format!("{stores}{OPEN}")).await;
        let claimed = json!({"principal": {"id": "mallory", "roles": ["service", "editor"]}});
        let made = send(&server, "POST", "/sessions", &[], Some(claimed)).await;
        let with = bearer(made.json()["token"].as_str().unwrap());
        let asks = [("GET", "/rest/v1/links"), ("GET", CURRENT), ("POST", "/sessions/current/touch")];
        for (method, path) in asks {
            let status = send(&server, method, path, &[("authorization", &with)], None).await.status;
            assert_eq!(status, 200, "{path}: here everybody may do everything");
        }
        let mut server = server.restart_with(&format!("{stores}{AUTH}")).await;
        for (method, path) in asks {
            let status = send(&server, method, path, &[("authorization", &with)], None).await.status;
            assert_eq!(status, 401, "{path}: nobody vouched for it");
        }
        let service = service(&server);
        let revoked = send(&server, "DELETE", "/sessions?principal=mallory", &[("apikey", &service)], None).await;
        assert_eq!(revoked.json(), json!({"revoked": 1}), "it can be revoked like any other");
        let vouched = bearer(&create(&server, ann()).await);
        assert_eq!(send(&server, "GET", "/rest/v1/links", &[("authorization", &vouched)], None).await.status, 200);
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_counts_only_from_the_hosts_own_pages() {
    for config in [OPEN, AUTH] {
        let server = Running::start_with(config).await;
        let token = create(&server, ann()).await;
        let (cookie, with) = (format!("brigade_session={token}"), bearer(&token));
        let host = server.address.to_string();
        let own = format!("http://{host}");
        let cases: [(&str, Headers<'_>, bool); 8] = [
            ("nothing is said", &[], false),
            ("the same origin", &[("sec-fetch-site", "same-origin")], true),
            ("typed in", &[("sec-fetch-site", "none")], true),
            ("the same site", &[("sec-fetch-site", "same-site")], false),
            ("another site", &[("sec-fetch-site", "cross-site")], false),
            ("an old browser, own page", &[("origin", &own)], true),
            ("an old browser, another page", &[("origin", "https://evil.example")], false),
            ("no origin at all", &[("origin", "null")], false),
        ];
        for (what, said, admitted) in cases {
            let headers = [&[("cookie", &*cookie)], said].concat();
            let touched = send(&server, "POST", "/sessions/current/touch", &headers, None).await;
            assert_eq!(touched.status, if admitted { 200 } else { 403 }, "{what}");
            let patched = send(&server, "PATCH", CURRENT, &headers, Some(json!({"data": {}}))).await;
            assert_eq!(patched.status, if admitted { 200 } else { 403 }, "{what}");
            assert_eq!(touched.header("set-cookie").is_some(), admitted, "a browser keeps it as long: {what}");
            let read = send(&server, "GET", CURRENT, &headers, None).await;
            assert_eq!(read.status, 200, "reading changes nothing: {what}");
        }
        let both = send(&server, "POST", "/sessions/current/touch", &[("authorization", &with)], None).await;
        assert_eq!((both.status, both.header("set-cookie")), (200, None), "a Bearer is sent on purpose");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_away_logs_nobody_out() {
    let Some(mut redis) = Redis::start_with(&[("appendonly", "yes"), ("appendfsync", "always")]) else { return };
    let stores = format!("[stores.cache]\nurl = \"{}\"\ntimeout = \"2s\"\n", redis.url());
    let server = Running::start_with(&format!("{stores}{AUTH}")).await;
    let (token, service) = (create(&server, ann()).await, service(&server));
    let with = bearer(&token);
    let asks = [("GET", "/rest/v1/links"), ("GET", CURRENT), ("DELETE", CURRENT), ("POST", "/sessions/current/touch")];
    redis.kill();
    for (method, path) in asks {
        let answer = send(&server, method, path, &[("authorization", &with)], None).await;
        answer.is_error(503, "BRG503");
        assert!(answer.header("retry-after").is_some(), "{method} {path}");
    }
    send(&server, "POST", "/sessions", &[("apikey", &service)], Some(ann())).await.is_error(503, "BRG503");
    send(&server, "DELETE", "/sessions?principal=ann", &[("apikey", &service)], None).await.is_error(503, "BRG503");
    redis.restart().unwrap();
    let begun = std::time::Instant::now();
    loop {
        let status = send(&server, "GET", "/rest/v1/links", &[("authorization", &with)], None).await.status;
        if status == 200 {
            break;
        }
        assert!(status == 503 && begun.elapsed() < Duration::from_secs(10), "{status}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(send(&server, "DELETE", CURRENT, &[("authorization", &with)], None).await.status, 204);
    assert_eq!(send(&server, "GET", "/rest/v1/links", &[("authorization", &with)], None).await.status, 401);
}
