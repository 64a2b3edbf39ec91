//! Coming in: tokens and keys, in the headers that clients use, and how who is refused learns why.

use serde_json::json;

use super::world::{SECRET, World, token, token_of};
use crate::harness::Answer;

/// How a client sends what it has.
async fn ask(world: &World, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = world.server.request("GET", path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(request.send().await.unwrap()).await
}

const POSTS: &str = "/rest/v1/posts?select=title&title=eq.first";

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_credential_is_refused_in_postgrests_words_and_never_taken_for_none() {
    let mut world = World::start("").await;
    let long_ago = token(&json!({"sub": "u", "role": "titles", "exp": 1_000_000}));
    let to_come = token(&json!({"sub": "u", "role": "titles", "nbf": 9_000_000_000_u64}));
    let odd = token(&json!({"sub": {}, "role": "titles"}));
    let key = format!("bgk_0123456789abcdef_{}", "0".repeat(64));
    for (credential, code, message) in [
        (format!("Bearer {long_ago}"), "PGRST303", "JWT expired"),
        (format!("Bearer {to_come}"), "PGRST303", "JWT not yet valid"),
        (format!("Bearer {odd}"), "PGRST303", "a claim of the JWT cannot be read"),
        ("Bearer a.b.c".to_owned(), "PGRST301", "no suitable key or wrong key type"),
        (format!("Bearer {key}"), "PGRST301", "the key is unknown"),
        ("Bearer bga_0".to_owned(), "PGRST301", "the key is unknown"),
        ("Basic dTpw".to_owned(), "PGRST301", "the credentials are no Bearer token"),
    ] {
        for (path, code) in [
            (POSTS, code),
            ("/posts", code),
            ("/rest/v1/nowhere", code),
            ("/transactions", "BRG401"),
            ("/status", "BRG401"),
            ("/no/such/route", "BRG401"),
        ] {
            let answer = ask(&world, path, &[("authorization", &credential)]).await;
            let body = answer.is_error(401, code);
            assert_eq!(body["message"], message, "{path} {credential}");
            let challenge = format!("Bearer error=\"invalid_token\", error_description=\"{message}\"");
            assert_eq!(answer.header("www-authenticate"), Some(&*challenge));
            let secret = credential.split_once(' ').unwrap().1;
            assert!(!answer.text.contains(secret), "{}", answer.text);
        }
    }
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_role_strangers_are_refused_everywhere_but_at_health() {
    let mut world = World::start("audience = \"authenticated\"\n").await;
    for (path, code) in [(POSTS, "PGRST302"), ("/nowhere", "PGRST302"), ("/status", "BRG401"), ("/x/y", "BRG401")] {
        let answer = ask(&world, path, &[]).await;
        answer.is_error(401, code);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{path}");
    }
    for path in ["/livez", "/readyz"] {
        assert_eq!(ask(&world, path, &[]).await.status, 200, "{path}");
    }
    let bearer = format!("Bearer {}", token_of("titles"));
    let refused = ask(&world, POSTS, &[("authorization", &bearer)]).await;
    assert_eq!(refused.is_error(401, "PGRST303")["message"], "JWT not in audience");
    let meant = token(&json!({"aud": "authenticated", "role": "titles"}));
    let bearer = format!("Bearer {meant}");
    assert_eq!(ask(&world, POSTS, &[("authorization", &bearer)]).await.status, 200);
    world.server.stop().await;
}

/// As supabase-js sends them: the project's key in both headers, or beside it the token of who signed in.
#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_is_good_in_both_headers_until_it_is_revoked() {
    let mut world = World::start("anonymous = \"nobody\"\n").await;
    let (id, key) = world.key("titles").await;
    let bearer = format!("Bearer {key}");
    let of_user = format!("Bearer {}", token_of("mailer"));
    for (headers, status) in [
        (&[("apikey", &*key)][..], 200),
        (&[("authorization", &*bearer)], 200),
        (&[("apikey", &*key), ("authorization", &*bearer)], 200),
        (&[("apikey", &*key), ("authorization", &*of_user)], 403),
        (&[("apikey", "nonsense"), ("authorization", &*bearer)], 200),
        (&[("apikey", &*key), ("authorization", "Bearer nonsense")], 401),
        (&[], 401),
    ] {
        assert_eq!(ask(&world, POSTS, headers).await.status, status, "{headers:?}");
    }
    // Never shown again, and a restart remembers it.
    let listed = world.get("service", "/admin/keys").await;
    assert!(listed.text.contains(&id) && !listed.text.contains(&key), "{}", listed.text);
    world.server = world.server.restart().await;
    assert_eq!(ask(&world, POSTS, &[("apikey", &key)]).await.status, 200);

    let path = format!("/admin/keys/{id}");
    assert_eq!(world.send("DELETE", "titles", &path, "").await.status, 403);
    assert_eq!(world.send("DELETE", "service", &path, "").await.status, 204);
    ask(&world, POSTS, &[("apikey", &key)]).await.is_error(401, "PGRST301");
    world.send("DELETE", "service", &path, "").await.is_error(404, "BRG404");
    for (body, code) in [
        (r#"{"role": "editr"}"#, "BRG400"),
        (r#"{"role": "titels"}"#, "BRG400"),
        (r#"{"rol": "titles"}"#, "BRG400"),
        (r#"{}"#, "BRG400"),
    ] {
        let refused = world.send("POST", "service", "/admin/keys", body).await.is_error(400, code);
        assert!(body.contains("titels") != refused["hint"].is_null() || !body.contains("titels"), "{refused}");
    }
    world.server.stop().await;
}

/// What was refused is counted by its reason.
#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_counted() {
    let mut world = World::start("").await;
    let count = async |reason: &str| {
        let text = world.get("service", "/metrics").await.text;
        let name = format!("brigade_auth_refused_total{{reason=\"{reason}\"}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&name)).unwrap_or_else(|| panic!("no {reason}"));
        line.parse::<f64>().unwrap()
    };
    for (reason, path, bearer) in [
        ("expired", "/posts", token(&json!({"role": "titles", "exp": 1}))),
        ("unverified", "/posts", "a.b.c".to_owned()),
        ("unknown_key", "/posts", "bgk_0".to_owned()),
        ("closed", "/secrets", token_of("titles")),
        ("closed", "/status", token_of("titles")),
    ] {
        let before = count(reason).await;
        ask(&world, path, &[("authorization", &format!("Bearer {bearer}"))]).await;
        assert!(count(reason).await >= before + 1.0, "{reason}");
    }
    world.server.stop().await;
}

/// The secret stands in no text that anybody sees.
#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_not_shown() {
    let mut world = World::start("").await;
    let shown = format!("{:?}", world.server.brigade.config());
    assert!(!shown.contains(SECRET) && shown.contains("jwt_secret"), "{shown}");
    for path in ["/status", "/metrics", "/admin/keys"] {
        let answer = world.get("service", path).await;
        assert!(answer.status == 200 && !answer.text.contains(SECRET), "{path}");
    }
    world.server.stop().await;
}

/// What looks like an operation of a stranger's without `[auth]` is everybody's: there is nobody to ask.
#[tokio::test(flavor = "multi_thread")]
async fn without_auth_credentials_are_ignored() {
    let mut server = crate::harness::Running::start().await;
    for headers in [&[][..], &[("authorization", "Bearer nonsense")], &[("apikey", "x"), ("authorization", "Basic y")]]
    {
        let mut request = server.request("GET", "/links");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        assert_eq!(request.send().await.unwrap().status(), 200, "{headers:?}");
    }
    assert_eq!(server.get("/status").await.json()["auth"]["on"], false);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_may_ask_with_a_credential_of_its_own_and_never_without_auth() {
    let mut world = World::start("").await;
    let origin = ("origin", "https://app.example");
    let mut preflight = world.server.request("OPTIONS", "/rest/v1/posts").header(origin.0, origin.1);
    preflight = preflight.header("access-control-request-method", "POST");
    let wanted = "apikey,authorization,content-type,prefer,x-client-info,x-retry-count";
    let answer = Answer::of(preflight.header("access-control-request-headers", wanted).send().await.unwrap()).await;
    assert_eq!(answer.status, 200, "before any credential is sent");
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-headers"), Some(wanted));
    assert_eq!(answer.header("access-control-max-age"), Some("86400"));
    assert!(answer.header("access-control-allow-methods").unwrap().contains("PATCH"));
    assert_eq!(answer.header("access-control-allow-credentials"), None, "cookies of another origin count for nothing");
    let refused = ask(&world, POSTS, &[origin, ("authorization", "Bearer a.b.c")]).await;
    refused.is_error(401, "PGRST301");
    assert_eq!(refused.header("access-control-allow-origin"), Some("*"), "the page learns why");
    assert!(refused.header("access-control-expose-headers").unwrap().contains("Content-Range"));
    assert_eq!(ask(&world, POSTS, &[]).await.header("access-control-allow-origin"), None);
    let plain =
        Answer::of(world.server.request("OPTIONS", "/rest/v1/posts").header(origin.0, origin.1).send().await.unwrap());
    assert_ne!(plain.await.header("access-control-max-age"), Some("86400"), "no question of a browser's");
    world.server.stop().await;

    let mut open = crate::harness::Running::start().await;
    let request = open.request("GET", "/links").header(origin.0, origin.1);
    let answer = Answer::of(request.send().await.unwrap()).await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
    open.stop().await;
}
