//! Who is believed and who is not: a token may lie about everything.

mod sign;

use std::time::Duration;

use axum::http::HeaderValue;
use brigade::{limits, schema::Config};
use jsonwebtoken::get_current_timestamp as now;
use serde_json::{Value, json};
use sign::{Signer, base64url};
use tempfile::TempDir;

use super::{
    cache::{Cache, Verified},
    *,
};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A project's folder with files, and what verifies its tokens.
fn tokens(auth: &str, files: &[(&str, &str)]) -> (TempDir, Result<Tokens>) {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let config = Config::parse(&format!("[auth]\n{auth}"), "p", &|_| None).unwrap();
    let opened = Tokens::open(&config, folder.path());
    (folder, opened)
}

fn with_secret(more: &str) -> Tokens {
    tokens(&format!("jwt_secret = {SECRET:?}\n{more}"), &[]).1.unwrap()
}

#[track_caller]
fn check(tokens: &Tokens, token: &str, expected: Result<&str, Why>) {
    // Twice: what was remembered says the same.
    for _ in 0..2 {
        let found = tokens.principal(token).map(|principal| format!("{}{:?}", principal.name(), principal.roles));
        assert_eq!(found.as_deref().map_err(|refused| refused.why()), expected, "{token}");
    }
}

#[test]
fn claims_say_who_it_is() {
    let tokens = with_secret("anonymous = \"anon\"\ntenant_claim = \"app_metadata.org\"\ntier_claim = \"plan\"");
    let signed = |claims: Value| Signer::secret(SECRET).sign(&json!({"alg": "HS256", "typ": "JWT"}), &claims);
    for (claims, expected) in [
        (json!({"sub": "u1", "role": "editor"}), Ok(r#"user:"u1"["editor"]"#)),
        (json!({"sub": 7, "role": ["a", "b"]}), Ok(r#"user:"7"["a", "b"]"#)),
        (json!({"sub": "u1", "role": null}), Ok(r#"user:"u1"["anon"]"#)),
        (json!({"role": "editor"}), Ok(r#"user:["editor"]["editor"]"#)),
        (json!({}), Ok(r#"user:["anon"]["anon"]"#)),
        (json!({"sub": "u", "role": []}), Ok(r#"user:"u"[]"#)),
        (json!({"sub": "u", "app_metadata": {"org": "o"}, "role": "r"}), Ok(r#"user:"u"@"o"["r"]"#)),
        (json!({"sub": "u", "app_metadata.org": "o", "role": "r"}), Ok(r#"user:"u"@"o"["r"]"#)),
        (json!({"sub": ""}), Err(Why::Claim)),
        (json!({"sub": {}}), Err(Why::Claim)),
        (json!({"role": ""}), Err(Why::Claim)),
        (json!({"role": {"a": 1}}), Err(Why::Claim)),
        (json!({"role": ["a", 1.5]}), Err(Why::Claim)),
        (json!({"role": vec!["a"; limits::ROLES_MAX + 1]}), Err(Why::Claim)),
        (json!({"sub": "x".repeat(limits::CLAIM_BYTES_MAX + 1)}), Err(Why::Claim)),
        (json!({"sub": "u", "app_metadata": {"org": true}}), Err(Why::Claim)),
        (json!({"sub": "u", "plan": []}), Err(Why::Claim)),
    ] {
        check(&tokens, &signed(claims), expected);
    }
    let tiered = signed(json!({"sub": "u", "plan": "pro"}));
    assert_eq!(tokens.principal(&tiered).unwrap().tier.as_deref(), Some("pro"));
}

#[test]
fn times_and_audience_are_held_against_the_clock_and_the_configuration() {
    let tokens = with_secret("leeway = \"10s\"\naudience = \"brigade\"");
    let signed = |mut claims: Value| {
        if claims.get("aud").is_none() {
            claims["aud"] = json!("brigade");
        }
        claims["role"] = json!("r");
        claims["sub"] = json!("u");
        Signer::secret(SECRET).sign(&json!({"alg": "HS256"}), &claims)
    };
    let known = Ok(r#"user:"u"["r"]"#);
    let now = now();
    for (claims, expected) in [
        (json!({}), known),
        (json!({"exp": now + 60}), known),
        (json!({"exp": now as f64 + 60.5}), known),
        (json!({"exp": u64::MAX}), known),
        (json!({"exp": 1e19}), known),
        (json!({"exp": now - 5}), known),
        (json!({"exp": now - 12}), Err(Why::Expired)),
        (json!({"exp": 0}), Err(Why::Expired)),
        (json!({"exp": -1}), Err(Why::Claim)),
        (json!({"exp": "tomorrow"}), Err(Why::Claim)),
        (json!({"exp": 1e300}), Err(Why::Claim)),
        (json!({"nbf": now + 5}), known),
        (json!({"nbf": now + 20}), Err(Why::NotYet)),
        (json!({"nbf": "x"}), Err(Why::Claim)),
        (json!({"iat": now}), known),
        (json!({"iat": now + 20}), Err(Why::NotYet)),
        (json!({"iat": "x"}), Err(Why::Claim)),
        (json!({"aud": ["other", "brigade"]}), known),
        (json!({"aud": "other"}), Err(Why::Audience)),
        (json!({"aud": ["other"]}), Err(Why::Audience)),
        (json!({"aud": []}), Err(Why::Audience)),
        (json!({"aud": null}), Err(Why::Audience)),
    ] {
        check(&tokens, &signed(claims), expected);
    }
    let without = Signer::secret(SECRET).sign(&json!({"alg": "HS256"}), &json!({"sub": "u"}));
    check(&tokens, &without, Err(Why::Audience));
    // Without an audience of our own, whom a token is meant for is not looked at.
    let anywhere = Signer::secret(SECRET).sign(&json!({"alg": "HS256"}), &json!({"sub": "u", "aud": "x", "role": "r"}));
    check(&with_secret(""), &anywhere, known);
}

#[test]
fn a_key_decides_its_algorithm_and_the_token_never() {
    let (rsa, curve, other) = (Signer::rsa(), Signer::p256(), Signer::p256());
    let claims = json!({"sub": "u", "role": "r"});
    let known = Ok(r#"user:"u"["r"]"#);
    let unknown = Err(Why::Unverified);
    let (_held, of_rsa) = tokens("jwt_public_key = \"key.pem\"", &[("key.pem", &rsa.pem())]);
    let of_rsa = of_rsa.unwrap();
    check(&of_rsa, &rsa.sign(&json!({"alg": "RS256"}), &claims), known);
    check(&of_rsa, &rsa.sign(&json!({"alg": "RS256", "kid": "any"}), &claims), known);
    // The classic: the public key, which everybody has, as a secret.
    for secret in [rsa.pem(), rsa.pem().trim_end().to_owned()] {
        check(&of_rsa, &Signer::secret(&secret).sign(&json!({"alg": "HS256"}), &claims), unknown);
        check(&of_rsa, &Signer::secret(&secret).sign(&json!({"alg": "RS256"}), &claims), unknown);
    }
    check(&of_rsa, &rsa.sign(&json!({"alg": "RS512"}), &claims), unknown);
    check(&of_rsa, &rsa.sign(&json!({"alg": "PS256"}), &claims), unknown);
    check(&of_rsa, &rsa.sign(&json!({"alg": "RS256", "crit": ["exp"]}), &claims), unknown);
    check(&of_rsa, &rsa.sign(&json!({}), &claims), unknown);
    check(&of_rsa, &curve.sign(&json!({"alg": "ES256"}), &claims), unknown);
    // A key that comes with the token proves nothing.
    let own = json!({"alg": "ES256", "jwk": other.jwk(&json!({})), "jku": "https://example.org/keys"});
    check(&of_rsa, &other.sign(&own, &claims), unknown);

    let (_held, of_curve) = tokens("jwt_public_key = \"key.pem\"", &[("key.pem", &curve.pem())]);
    let of_curve = of_curve.unwrap();
    check(&of_curve, &curve.sign(&json!({"alg": "ES256"}), &claims), known);
    check(&of_curve, &other.sign(&json!({"alg": "ES256"}), &claims), unknown);
    check(&of_curve, &other.sign(&own, &claims), unknown);
    check(&of_curve, &curve.sign(&json!({"alg": "ES384"}), &claims), unknown);

    let of_secret = with_secret("");
    let good = Signer::secret(SECRET).sign(&json!({"alg": "HS256"}), &claims);
    check(&of_secret, &good, known);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let none = |alg: &str| {
        format!("{}.{}.", base64url(json!({"alg": alg}).to_string().as_bytes()), signed.split_once('.').unwrap().1)
    };
    for bad in [
        &none("none"),
        &none("None"),
        &none("HS256"),
        &format!("{}{signature}", none("none")),
        &format!("{signed}."),
        signed,
        &format!("{good}.{signature}"),
        &format!("{good}x"),
        &good.replace("eyJ", "eyK"),
        &format!("{signed}.{}", base64url(&[0; 32])),
        &Signer::secret(&SECRET.to_uppercase()).sign(&json!({"alg": "HS256"}), &claims),
        &Signer::secret(SECRET).sign(&json!({"alg": "HS384"}), &claims),
        "",
        "..",
        "a.b.c",
    ] {
        check(&of_secret, bad, unknown);
    }
    check(&of_secret, &Signer::secret(SECRET).sign(&json!({"alg": "HS256"}), &json!("u")), Err(Why::Claim));
}

#[test]
fn a_set_of_keys_is_chosen_from_by_name() {
    let (one, two, rsa, secret) = (Signer::p256(), Signer::p256(), Signer::rsa(), Signer::secret(SECRET));
    let encrypts = Signer::rsa();
    let set = json!({"keys": [
        one.jwk(&json!({"kid": "1", "use": "sig", "alg": "ES256"})),
        two.jwk(&json!({"kid": "2"})),
        rsa.jwk(&json!({"kid": "r"})),
        secret.jwk(&json!({"kid": "s"})),
        Signer::secret("short").jwk(&json!({"kid": "short"})),
        encrypts.jwk(&json!({"kid": "e", "use": "enc"})),
        encrypts.jwk(&json!({"kid": "p", "alg": "PS256"})),
    ]});
    let (_held, tokens) = tokens("jwks = \"keys.json\"", &[("keys.json", &set.to_string())]);
    let tokens = tokens.unwrap();
    let claims = json!({"sub": "u", "role": "r"});
    for (signer, header, good) in [
        (&one, json!({"alg": "ES256", "kid": "1"}), true),
        (&two, json!({"alg": "ES256", "kid": "2"}), true),
        (&two, json!({"alg": "ES256"}), true),
        (&two, json!({"alg": "ES256", "kid": "1"}), false),
        (&two, json!({"alg": "ES256", "kid": "3"}), false),
        (&two, json!({"alg": "RS256", "kid": "2"}), false),
        (&rsa, json!({"alg": "RS256", "kid": "r"}), true),
        (&secret, json!({"alg": "HS256", "kid": "s"}), true),
        (&Signer::secret("short"), json!({"alg": "HS256", "kid": "short"}), false),
        (&encrypts, json!({"alg": "RS256", "kid": "e"}), false),
        (&encrypts, json!({"alg": "RS256", "kid": "p"}), false),
        (&encrypts, json!({"alg": "RS256"}), false),
    ] {
        check(
            &tokens,
            &signer.sign(&header, &claims),
            if good { Ok(r#"user:"u"["r"]"#) } else { Err(Why::Unverified) },
        );
    }
}

#[test]
fn files_without_a_key_that_can_be_used_are_refused_at_their_place() {
    let short = Signer::secret("short").jwk(&json!({})).to_string();
    let set = format!("{{\"keys\":[{short}]}}");
    let (p384, private) = (Signer::p384().pem(), Signer::rsa().private_pem());
    for (key, text, words) in [
        ("jwks", "{", "holds no JSON Web Key Set"),
        ("jwks", "{\"keys\":[]}", "holds no key that can be used"),
        ("jwks", &set, "holds no key that can be used"),
        ("jwt_public_key", "nonsense", "holds no public key"),
        ("jwt_public_key", &p384, "holds no public key"),
        ("jwt_public_key", &private, "holds no public key"),
        ("jwt_secret_file", "too short", "shorter than 32 bytes"),
        ("jwks", &" ".repeat((1 << 20) + 1), "larger than 1048576 bytes"),
    ] {
        let refused = tokens(&format!("{key} = \"file\""), &[("file", text)]).1.err().unwrap();
        assert_eq!(refused.code(), code::CONFIG);
        let shown = format!("{refused} {:?} {:?}", refused.get_details(), refused.get_hint());
        assert!(shown.starts_with(&format!("brigade.toml:2:1: auth.{key}: file ")) || shown.contains(words), "{shown}");
        assert!(shown.contains(words) && !shown.contains("too short"), "{shown}");
    }
    let missing = tokens("jwks = \"nowhere.json\"", &[]).1.err().unwrap();
    assert!(missing.message().starts_with("brigade.toml:2:1: auth.jwks: nowhere.json cannot be read"), "{missing}");
}

/// A key that was taken out of its file is believed no longer, also what it vouched for before; one that was put in, is.
#[test]
fn keys_are_read_again_when_their_file_changes() {
    let (old, new) = (Signer::p256(), Signer::p256());
    let file = |signer: &Signer| json!({"keys": [signer.jwk(&json!({"kid": "k"}))]}).to_string();
    let (folder, tokens) = tokens("jwks = \"keys.json\"", &[("keys.json", &file(&old))]);
    let tokens = tokens.unwrap();
    let sign = |signer: &Signer| signer.sign(&json!({"alg": "ES256", "kid": "k"}), &json!({"sub": "u", "role": "r"}));
    let (of_old, of_new) = (sign(&old), sign(&new));
    check(&tokens, &of_old, Ok(r#"user:"u"["r"]"#));
    check(&tokens, &of_new, Err(Why::Unverified));
    let write = |text: &str| {
        std::fs::write(folder.path().join("keys.json"), text).unwrap();
        std::thread::sleep(limits::KEY_FILES_LOOK + Duration::from_millis(100));
    };
    write(&format!("{}\n", file(&new)));
    check(&tokens, &of_old, Err(Why::Unverified));
    check(&tokens, &of_new, Ok(r#"user:"u"["r"]"#));
    // What cannot be used changes nothing.
    write("{");
    check(&tokens, &of_new, Ok(r#"user:"u"["r"]"#));
}

#[test]
fn what_was_verified_is_remembered_within_bounds_and_never_past_its_time() {
    let tokens = with_secret("leeway = \"0s\"");
    let signed = |exp: u64| Signer::secret(SECRET).sign(&json!({"alg": "HS256"}), &json!({"sub": "u", "exp": exp}));
    let lasting = signed(now() + 60);
    let first = tokens.principal(&lasting).unwrap();
    assert!(Arc::ptr_eq(&first, &tokens.principal(&lasting).unwrap()), "verified once");
    let brief = signed(now() + 1);
    tokens.principal(&brief).unwrap();
    std::thread::sleep(Duration::from_millis(2_100));
    check(&tokens, &brief, Err(Why::Expired));

    let cache = Cache::new(100);
    let verified = |until| Verified { principal: Arc::default(), until };
    let hash = |n: usize| Cache::hash(&n.to_string());
    cache.put(hash(0), verified(10));
    for n in 1..1_000 {
        cache.put(hash(n), verified(10));
        assert!(cache.get(&hash(0), 9).is_some(), "what is asked for stays: {n}");
        assert!(cache.len() <= 100 + 1, "{}", cache.len());
    }
    assert!(cache.get(&hash(1), 9).is_none(), "what nobody asks for goes");
    assert!(cache.get(&hash(0), 10).is_none(), "it is good no longer");
    cache.clear();
    assert!(cache.get(&hash(0), 9).is_none());
}

#[test]
fn one_credential_is_taken_and_a_wrong_one_never_for_none() {
    let long = "x".repeat(10_000);
    for (given, expected) in [
        (&[][..], Ok(None)),
        (&[("authorization", "Bearer a.b.c")], Ok(Some("a.b.c"))),
        (&[("authorization", "bearer  a.b.c ")], Ok(Some("a.b.c"))),
        (&[("apikey", "k")], Ok(Some("k"))),
        (&[("apikey", "k"), ("authorization", "Bearer t")], Ok(Some("t"))),
        (&[("apikey", "k"), ("authorization", "Bearer k")], Ok(Some("k"))),
        (&[("apikey", "k"), ("authorization", "Basic dTpw")], Err(Why::Malformed)),
        (&[("apikey", "k"), ("authorization", "")], Err(Why::Malformed)),
        (&[("authorization", "Bearer")], Err(Why::Malformed)),
        (&[("authorization", "Bearer ")], Err(Why::Malformed)),
        (&[("authorization", "Bearer\u{e9} x")], Err(Why::Malformed)),
        (&[("authorization", "Bearer a"), ("authorization", "Bearer b")], Err(Why::Malformed)),
        (&[("apikey", "a"), ("apikey", "a")], Err(Why::Malformed)),
        (&[("apikey", "")], Err(Why::Malformed)),
        (&[("apikey", &long)], Ok(Some(&*long))),
    ] {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        assert_eq!(credential(&headers).map_err(Refused::why), expected, "{given:?}");
    }
}
