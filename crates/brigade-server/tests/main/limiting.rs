//! Limits over HTTP: what an application is answered that asks, what a request meets, and what happens without the store.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use brigade_testing::servers::{Redis, RedisCluster};
use proptest::{
    prelude::{Just, Strategy as _, any},
    prop_oneof,
    sample::Index,
    strategy::ValueTree as _,
    test_runner::TestRunner,
};
use serde_json::{Value, json};

use crate::harness::{Answer, Running};

const LIMITS: &str = "
[limits.api]
algorithm = \"sliding_window\"
key = \"rate:{identifier}:{window_bucket}\"
window = \"1h\"
quota = { anonymous = 3, free = 60, pro = 600 }
[limits.burst]
algorithm = \"token_bucket\"
window = \"1s\"
quota = 2
burst = 5
[limits.feed]
algorithm = \"fixed_window\"
key = \"rate_limit:{user_id}:{endpoint}\"
window = \"1h\"
quota = 9
fail = \"closed\"
";

async fn check(server: &Running, limit: &str, body: Value) -> Answer {
    let request = server.request("POST", &format!("/limits/{limit}/check")).header("content-type", "application/json");
    Answer::of(request.body(body.to_string()).send().await.unwrap()).await
}

fn number(answer: &Answer, header: &str) -> u64 {
    answer.header(header).unwrap_or_else(|| panic!("no {header}")).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_has_its_shape_and_its_headers() {
    let server = Running::start_with(LIMITS).await;
    let answer = check(&server, "api", json!({"identifier": "user:42", "tier": "free"})).await;
    let body = answer.json();
    assert_eq!(
        (answer.status, &body["allowed"], &body["limit"], &body["remaining"]),
        (200, &json!(true), &json!(60), &json!(59))
    );
    let reset = body["reset_seconds"].as_u64().unwrap();
    assert!((3_240..=3_600).contains(&reset), "{reset}");
    assert_eq!(body.as_object().unwrap().len(), 4);
    assert_eq!(answer.header("ratelimit-policy"), Some("\"api\";q=60;w=3600"));
    assert_eq!(answer.header("ratelimit"), Some(&*format!("\"api\";r=59;t={reset}")));
    assert_eq!((number(&answer, "x-ratelimit-limit"), number(&answer, "x-ratelimit-remaining")), (60, 59));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!((now + reset - 5..=now + reset + 5).contains(&number(&answer, "x-ratelimit-reset")));
    assert_eq!(answer.header("retry-after"), None);
    let looked = check(&server, "api", json!({"identifier": "user:42", "tier": "free", "cost": 0})).await;
    assert_eq!((looked.status, &looked.json()["remaining"]), (200, &json!(59)), "looking is free");
    let all = check(&server, "api", json!({"identifier": "user:42", "tier": "free", "cost": 60})).await;
    let body = all.is_error(429, "BRG429");
    assert_eq!((&body["allowed"], &body["remaining"], &body["limit"]), (&json!(false), &json!(59), &json!(60)));
    assert!(body["reset_seconds"].as_u64().unwrap() >= number(&all, "retry-after"));
    assert!(number(&all, "retry-after") >= 1);
    assert_eq!(all.header("ratelimit-policy"), Some("\"api\";q=60;w=3600"));
    let other = check(&server, "api", json!({"identifier": "user:43", "tier": "pro", "cost": 600})).await;
    assert_eq!((other.status, &other.json()["remaining"]), (200, &json!(0)));
    let nobody = check(&server, "api", json!({"identifier": "ip:192.0.2.1"})).await;
    assert_eq!(nobody.json()["limit"], 3, "the tier is anonymous by default");
    assert_eq!(server.metric("brigade_limit_checks_total{limit=\"api\",result=\"refused\"}").await, 1.0);
    assert_eq!(
        server.metric("brigade_limit_fail_open_total{limit=\"burst\"}").await,
        0.0,
        "it is there from the start"
    );
    assert_eq!(server.metric("brigade_limit_identifiers{limit=\"api\"}").await, 3.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn that_long_later_it_is_admitted() {
    let server = Running::start_with(LIMITS).await;
    let ask = json!({"identifier": "user:1", "cost": 5});
    assert_eq!(check(&server, "burst", ask.clone()).await.status, 200);
    let refused = check(&server, "burst", ask.clone()).await;
    assert_eq!(refused.status, 429);
    tokio::time::sleep(Duration::from_secs(number(&refused, "retry-after"))).await;
    assert_eq!(check(&server, "burst", ask).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_counted_is_refused() {
    let server = Running::start_with(LIMITS).await;
    for (limit, body, status, code, message) in [
        ("apo", json!({"identifier": "a"}), 404, "BRG404", "there is no limit \"apo\""),
        ("api", json!({"identifier": ""}), 400, "BRG400", "the identifier is empty"),
        ("api", json!({}), 400, "BRG400", "the identifier is missing"),
        ("api", json!({"identifier": "a", "tier": "gold"}), 400, "BRG400", "unknown tier \"gold\""),
        (
            "api",
            json!({"identifier": "a", "tier": "free", "cost": 61}),
            400,
            "BRG400",
            "a cost of 61 is never admitted",
        ),
        ("burst", json!({"identifier": "a", "cost": 6}), 400, "BRG400", "a cost of 6 is never admitted"),
        ("api", json!({"identifier": "a", "cost": -1}), 400, "BRG400", "a cost of -1 is none"),
        ("api", json!({"identifier": "a", "cost": "1"}), 400, "BRG400", "cost cannot be a string"),
        ("api", json!({"identifier": "a", "vars": {"x": "y"}}), 400, "BRG400", "the limit's key has no variable x"),
        ("feed", json!({"identifier": "a"}), 400, "BRG400", "the variable endpoint is not given"),
        ("api", json!({"identifier": "a", "kost": 1}), 400, "BRG400", "unknown key \"kost\""),
        ("api", json!({"identifier": "x".repeat(1_025)}), 413, "BRG413", "the identifier is too long"),
    ] {
        let answer = check(&server, limit, body.clone()).await;
        let error = answer.is_error(status, code);
        assert!(error["message"].as_str().unwrap().starts_with(message), "{body}: {error}");
        assert_eq!(answer.header("ratelimit"), None, "nothing was counted");
    }
    let typed = server.request("POST", "/limits/api/check").body("{}").send().await.unwrap();
    assert_eq!(typed.status(), 415);
    assert_eq!(server.get("/limits/api/check").await.status, 405);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_forgets_nothing() {
    let server = Running::start_with(LIMITS).await;
    check(&server, "api", json!({"identifier": "user:7", "tier": "free", "cost": 20})).await;
    let server = server.restart().await;
    let answer = check(&server, "api", json!({"identifier": "user:7", "tier": "free"})).await;
    assert_eq!(answer.json()["remaining"], 39);
}

const ROUTES: &str = "
[limits.all]
window = \"1h\"
quota = 50
[limits.tables]
window = \"1h\"
quota = { anonymous = 2, pro = 9 }
[limits.writes]
window = \"1h\"
quota = 1
[server]
trusted_proxies = [\"127.0.0.1\"]
[server.limits]
\"/*\" = \"all\"
\"/rest/v1/*\" = \"tables\"
\"POST /rest/v1/links\" = \"writes\"
\"/livez\" = \"writes\"
";

async fn from(server: &Running, method: &str, path: &str, forwarded: &str) -> Answer {
    Answer::of(server.request(method, path).header("x-forwarded-for", forwarded).send().await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_meets_the_longest_that_fits_however_its_path_is_written() {
    let server = Running::start_with(ROUTES).await;
    let met = |answer: &Answer| {
        let policy = answer.header("ratelimit-policy").map(|policy| policy.split('"').nth(1).unwrap().to_owned());
        policy.unwrap_or_default()
    };
    for (n, (method, path, limit)) in [
        ("GET", "/status", "all"),
        ("GET", "/nowhere/at/all", "all"),
        ("GET", "/rest/v1/links", "tables"),
        ("HEAD", "/rest/v1/links", "tables"),
        ("GET", "/links", "tables"),
        ("GET", "/rest/v1/%6Cinks", "tables"),
        ("POST", "/rest/v1/links", "writes"),
        ("POST", "/links", "writes"),
        ("POST", "/rest/v1/l%69nks", "writes"),
        ("GET", "/livez", ""),
        ("GET", "/metrics", ""),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = from(&server, method, path, &format!("192.0.2.{n}")).await;
        assert_eq!(met(&answer), limit, "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_too_many_is_429_for_whoever_it_is_and_for_nobody_else() {
    let server = Running::start_with(ROUTES).await;
    for (forwarded, statuses) in [
        ("203.0.113.1", [200, 200, 429, 429]),
        ("6.6.6.6, 203.0.113.1", [429, 429, 429, 429]),
        ("203.0.113.2", [200, 200, 429, 429]),
        ("2001:db8:1:2::1", [200, 200, 429, 429]),
        ("2001:db8:1:2:ffff::9", [429, 429, 429, 429]),
        ("2001:db8:1:3::1", [200, 200, 429, 429]),
    ] {
        for (n, status) in statuses.into_iter().enumerate() {
            let answer = from(&server, "GET", "/rest/v1/links", forwarded).await;
            assert_eq!(answer.status, status, "{forwarded}, {n}");
            assert_eq!(number(&answer, "x-ratelimit-remaining"), if status == 200 { 1 - n as u64 } else { 0 });
            if status == 429 {
                let body = answer.is_error(429, "BRG429");
                assert_eq!(body.as_object().unwrap().len(), 4);
                assert!(number(&answer, "retry-after") >= 1);
            }
        }
    }
}

const SECRET: &str = "a secret that is long enough to be one, really";

#[tokio::test(flavor = "multi_thread")]
async fn principals_are_counted_by_their_id_and_tier_and_guessing_has_a_limit_too() {
    let auth = format!("[auth]\njwt_secret = \"{SECRET}\"\n[access.reader]\n\"*\" = \"all\"\n");
    let server = Running::start_with(&format!("{auth}{ROUTES}")).await;
    let new = |tier: Option<&str>, role: &str| {
        let tier = tier.map(str::to_owned);
        let new = brigade::NewApiKey { role: role.to_owned(), tier, ..brigade::NewApiKey::default() };
        server.brigade.keys().create(new, &server.brigade.config().access).unwrap()
    };
    let ask = async |key: &str, path: &str| {
        let request = server.request("GET", path).header("authorization", format!("Bearer {key}"));
        Answer::of(request.send().await.unwrap()).await
    };
    let (pro, plain) = (new(Some("pro"), "reader").1, new(None, "reader").1);
    assert_eq!(ask(&pro, "/rest/v1/links").await.header("x-ratelimit-limit"), Some("9"));
    assert_eq!(ask(&plain, "/rest/v1/links").await.header("x-ratelimit-limit"), Some("2"));
    assert_eq!(number(&ask(&plain, "/rest/v1/links").await, "x-ratelimit-remaining"), 0);
    ask(&plain, "/rest/v1/links").await.is_error(429, "BRG429");
    assert_eq!(number(&ask(&pro, "/rest/v1/links").await, "x-ratelimit-remaining"), 7, "another key is another one");
    for status in [401, 401, 429, 429] {
        assert_eq!(ask("brg_guessed", "/rest/v1/links").await.status, status);
    }
    // Who is no service may not ask for others.
    let body = json!({"identifier": "user:1"}).to_string();
    for (key, status) in [(&plain, 403), (&new(None, "service").1, 200)] {
        let request = server.request("POST", "/limits/all/check").header("authorization", format!("Bearer {key}"));
        let request = request.header("content-type", "application/json").body(body.clone());
        assert_eq!(request.send().await.unwrap().status(), status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_store_a_limit_is_open_or_closed_as_it_says() {
    let Some(mut redis) = Redis::start() else { return };
    let server = Running::start_with(&format!("[stores]\ncache = \"{}\"\n{LIMITS}", redis.url())).await;
    let feed = json!({"identifier": "user:7", "vars": {"endpoint": "home"}});
    let settled = async |limit: &str, body: &Value, status: u16| {
        for _ in 0..200 {
            let answer = check(&server, limit, body.clone()).await;
            if answer.status == status {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{limit} never answers {status}");
    };
    settled("feed", &feed, 200).await;
    assert!(redis.command(&["GET", "rate_limit:7:home"]).unwrap().parse::<u32>().unwrap() >= 1);
    assert!(redis.command(&["PTTL", "rate_limit:7:home"]).unwrap().parse::<i64>().unwrap() > 0);
    redis.kill();
    let closed = settled("feed", &feed, 503).await;
    closed.is_error(503, "BRG503");
    assert!(number(&closed, "retry-after") >= 1);
    for _ in 0..5 {
        let open = check(&server, "api", json!({"identifier": "user:7"})).await;
        assert_eq!((open.status, &open.json()["allowed"]), (200, &json!(true)));
    }
    assert!(server.metric("brigade_limit_fail_open_total{limit=\"api\"}").await >= 5.0);
    let ready = server.get("/readyz").await;
    assert_eq!(ready.status, 200, "{}", ready.text);
    assert!(ready.json()["degraded"][0].as_str().unwrap().starts_with("limits: redis"), "{}", ready.text);
    redis.restart().unwrap();
    settled("feed", &feed, 200).await;
    let refused = async {
        for _ in 0..200 {
            if check(&server, "api", json!({"identifier": "user:7"})).await.status == 429 {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    };
    assert!(refused.await, "it counts again");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_cluster_all_processes_count_together() {
    let Some(cluster) = RedisCluster::start() else { return };
    let stores = format!("[stores.cache]\nurl = \"{}\"\ntimeout = \"5s\"\n", cluster.url());
    let routes = "[limits.read]\nwindow = \"1h\"\nquota = 4\n[server.limits]\n\"/rest/v1/*\" = \"read\"\n";
    let config = format!("{stores}{LIMITS}{routes}");
    let servers = [Running::start_with(&config).await, Running::start_with(&config).await];
    // Identifiers of all slots, each with its own count, whoever is asked.
    for who in 0..40 {
        for round in 0..5 {
            let answer = check(&servers[round % 2], "api", json!({"identifier": format!("user:{who}")})).await;
            let (status, left) = if round < 3 { (200, 2 - round as u64) } else { (429, 0) };
            assert_eq!((answer.status, number(&answer, "x-ratelimit-remaining")), (status, left), "{who}, {round}");
            assert_eq!(answer.header("retry-after").is_some(), status == 429);
        }
    }
    for (limit, body) in [
        ("burst", json!({"identifier": "user:1", "cost": 5})),
        ("feed", json!({"identifier": "user:1", "cost": 9, "vars": {"endpoint": "{x}"}})),
    ] {
        assert_eq!(check(&servers[0], limit, body.clone()).await.status, 200, "{limit}");
        assert_eq!(check(&servers[1], limit, body).await.status, 429, "{limit}");
    }
    for round in 0..6 {
        let answer = servers[round % 2].get("/rest/v1/links").await;
        assert_eq!(answer.status, if round < 4 { 200 } else { 429 }, "{round}");
        assert_eq!(answer.header("ratelimit-policy"), Some("\"read\";q=4;w=3600"));
    }
    for node in &cluster.nodes {
        for key in node.command(&["KEYS", "*"]).unwrap().lines().filter(|key| !key.is_empty()) {
            let left: i64 = node.command(&["PTTL", key]).unwrap().parse().unwrap();
            assert!(left > 0, "{key} has no end");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_body_of_a_check_is_a_fault_of_the_server() {
    let server = Running::start_with(LIMITS).await;
    const BODIES: [&str; 4] = [
        r#"{"identifier":"user:1","tier":"free","cost":1,"vars":{}}"#,
        r#"{"identifier":"user:\ud83d\ude00","cost":18446744073709551616,"vars":{"endpoint":"a:b%"}}"#,
        r#"{"identifier":"","cost":1e400}"#,
        r#"[{"identifier":null,"cost":-0.0,"tier":["free"]}]"#,
    ];
    let invented = proptest::collection::vec(any::<u8>(), 0..200);
    let changes = proptest::collection::vec((any::<Index>(), any::<u8>(), 0..3_u8), 0..6);
    let changed = (0..BODIES.len(), changes).prop_map(|(which, changes)| {
        let mut bytes = BODIES[which].as_bytes().to_vec();
        for (at, byte, how) in changes {
            let at = at.index(bytes.len().max(1));
            match how {
                0 if at < bytes.len() => bytes[at] = byte,
                1 if at < bytes.len() => drop(bytes.remove(at)),
                _ => bytes.insert(at.min(bytes.len()), byte),
            }
        }
        bytes
    });
    let deep =
        (any::<u8>(), Just(60_000)).prop_map(|(byte, n)| if byte % 2 == 0 { vec![b'['; n] } else { vec![byte; n] });
    let bodies = prop_oneof![4 => invented, 12 => changed, 1 => deep];
    let mut runner = TestRunner::deterministic();
    let mut counted = 0;
    for _ in 0..1_500 {
        let body = bodies.new_tree(&mut runner).unwrap().current();
        for limit in ["api", "feed"] {
            let request = server.request("POST", &format!("/limits/{limit}/check"));
            let request = request.header("content-type", "application/json").body(body.clone());
            let answer = Answer::of(request.send().await.unwrap()).await;
            let shown = || String::from_utf8_lossy(&body).into_owned();
            match answer.status {
                200 => counted += 1,
                400 => drop(answer.is_error(400, "BRG400")),
                413 => drop(answer.is_error(413, "BRG413")),
                429 => drop(answer.is_error(429, "BRG429")),
                status => panic!("{status}: {}\n{}", shown(), answer.text),
            }
        }
    }
    assert!(counted > 10, "{counted}: some of them are good");
}
