//! `POST /limits/NAME/check`: an application asks whether somebody may go on.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{Path, Request, State},
    http::StatusCode,
    response::Response,
};
use brigade::{
    data::{Error, Json, JsonValue, Result, code},
    limits,
};

use super::{headers, require_local};
use crate::{Server, body, error, error::Refusal, json::Object, transactions::nearest};

/// Keys of the body.
const KNOWN: [&str; 4] = ["identifier", "tier", "cost", "vars"];

/// What is asked.
#[derive(Debug, PartialEq)]
struct Asked {
    identifier: String,
    tier: Option<String>,
    cost: u32,
    variables: BTreeMap<String, String>,
}

/// Answers `POST /limits/NAME/check`.
pub async fn post(
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    let (parts, received) = request.into_parts();
    require_local(&server, &parts.extensions, "limits are checked")?;
    let limit = server.brigade.limit(&name)?;
    let most = ("SMALL_BODY_BYTES_MAX", limits::SMALL_BODY_BYTES_MAX);
    let asked = parse(&body::read_json(&server, &parts.headers, received, most).await?)?;
    let quota = limit.config().quota(asked.tier.as_deref())?;
    let verdict = limit.check_with(quota, &asked.identifier, &asked.variables, asked.cost).await?;
    let mut out = String::new();
    let mut object = Object::begin(&mut out);
    object
        .plain("allowed", verdict.allowed)
        .plain("limit", verdict.limit)
        .plain("remaining", verdict.remaining)
        .plain("reset_seconds", headers::seconds(verdict.reset_ms));
    if !verdict.allowed {
        let refused = headers::refusal(&limit, quota, &verdict);
        object.text("code", refused.code()).text("message", refused.message());
        object.text_or_null("details", refused.get_details()).text_or_null("hint", refused.get_hint());
    }
    object.end();
    let mut response = error::json(out);
    if !verdict.allowed {
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    }
    headers::write(response.headers_mut(), &limit, quota, &verdict);
    Ok(response)
}

fn parse(bytes: &[u8]) -> Result<Asked> {
    let malformed =
        |offset: usize, message: String| Error::new(code::MALFORMED, message).details(body::at(bytes, offset));
    let top = body::json(bytes)?;
    let example = "send {\"identifier\": \"user:42\", \"tier\": \"free\", \"cost\": 1}";
    let JsonValue::Object(entries) = top.value else {
        return Err(malformed(top.at, "the body must be an object".to_owned()).hint(example));
    };
    let mut identifier = None;
    let (mut tier, mut cost, mut variables) = (None, 1, BTreeMap::new());
    for (key, value) in entries {
        let wrong = |value: &Json, hint: &str| {
            malformed(value.at, format!("{} cannot be {}", key.name, value.kind())).hint(hint.to_owned())
        };
        match (key.name.as_str(), &value.value) {
            ("identifier", JsonValue::String(text)) => identifier = Some(text.clone()),
            ("tier", JsonValue::String(text)) => tier = Some(text.clone()),
            ("tier", JsonValue::Null) => {}
            ("cost", JsonValue::Number(digits)) => {
                cost = digits.parse().map_err(|_| {
                    let message = format!("a cost of {digits} is none");
                    malformed(value.at, message).hint("a cost is a whole number, 0 or more, and at most the quota")
                })?;
            }
            ("vars", JsonValue::Object(entries)) => {
                for (name, value) in entries {
                    let text = variable(value).ok_or_else(|| wrong(value, "a variable is a text or a number"))?;
                    variables.insert(name.name.clone(), text);
                }
            }
            (known, _) if KNOWN.contains(&known) => return Err(wrong(&value, example)),
            (unknown, _) => {
                return Err(malformed(key.at, format!("unknown key \"{unknown}\"")).hint(nearest(unknown, &KNOWN)));
            }
        }
    }
    let identifier =
        identifier.ok_or_else(|| malformed(top.at, "the identifier is missing".to_owned()).hint(example))?;
    Ok(Asked { identifier, tier, cost, variables })
}

fn variable(value: &Json) -> Option<String> {
    match &value.value {
        JsonValue::String(text) | JsonValue::Number(text) => Some(text.clone()),
        JsonValue::Bool(yes) => Some(yes.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use brigade::{Brigade, OpenOptions};
    use tower_service::Service as _;

    use super::*;
    use crate::limiting::Peer;

    #[tokio::test(flavor = "multi_thread")]
    async fn without_authentication_it_is_for_this_machine_alone() {
        let folder = tempfile::TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("migrations")).unwrap();
        let limit = "[limits.api]\nwindow = \"1h\"\nquota = 9\n";
        std::fs::write(folder.path().join("brigade.toml"), limit).unwrap();
        let brigade = Brigade::open(OpenOptions::project(folder.path())).await.unwrap();
        let mut router = crate::router(brigade.clone(), crate::ServerOptions::default()).unwrap();
        for (peer, status) in [
            (Some("127.0.0.1:5"), 200),
            (Some("[::1]:5"), 200),
            (Some("[::ffff:127.0.0.1]:5"), 200),
            (Some("192.0.2.1:5"), 403),
            (Some("[2001:db8::1]:5"), 403),
            (None, 403),
        ] {
            let request = Request::post("/limits/api/check").header("content-type", "application/json");
            let mut request = request.body(Body::from("{\"identifier\": \"a\"}")).unwrap();
            if let Some(peer) = peer {
                request.extensions_mut().insert(Peer(peer.parse().unwrap()));
            }
            assert_eq!(router.call(request).await.unwrap().status(), status, "{peer:?}");
        }
        brigade.close().await;
    }

    #[test]
    fn bodies_are_read_and_mistakes_have_their_place() {
        let body = br#"{"identifier": "user:42", "tier": "free", "cost": 0, "vars": {"endpoint": "x", "shard": 7}}"#;
        let variables = [("endpoint", "x"), ("shard", "7")].map(|(n, v)| (n.to_owned(), v.to_owned())).into();
        let asked = Asked { identifier: "user:42".to_owned(), tier: Some("free".to_owned()), cost: 0, variables };
        assert_eq!(parse(body).unwrap(), asked);
        assert_eq!(parse(br#"{"identifier": "a"}"#).unwrap().cost, 1);
        for (body, message, place) in [
            ("[]", "the body must be an object", "line 1, column 1"),
            ("{}", "the identifier is missing", "line 1, column 1"),
            (r#"{"identifier": 42}"#, "identifier cannot be a number", "line 1, column 16"),
            (r#"{"identifier": "a", "cost": -1}"#, "a cost of -1 is none", "line 1, column 29"),
            (r#"{"identifier": "a", "cost": 1.5}"#, "a cost of 1.5 is none", "line 1, column 29"),
            (r#"{"identifier": "a", "cost": 99999999999}"#, "a cost of 99999999999 is none", "line 1, column 29"),
            (r#"{"identifier": "a", "cost": "1"}"#, "cost cannot be a string", "line 1, column 29"),
            (r#"{"identifier": "a", "cost": null}"#, "cost cannot be null", "line 1, column 29"),
            (r#"{"identifier": "a", "tier": 1}"#, "tier cannot be a number", "line 1, column 29"),
            (r#"{"identifier": "a", "vars": []}"#, "vars cannot be an array", "line 1, column 29"),
            (r#"{"identifier": "a", "vars": {"x": null}}"#, "vars cannot be null", "line 1, column 35"),
            (r#"{"identifer": "a"}"#, "unknown key \"identifer\"", "line 1, column 2"),
        ] {
            let error = parse(body.as_bytes()).expect_err(body);
            assert_eq!(error.code(), code::MALFORMED, "{body}");
            assert_eq!((error.message(), error.get_details()), (message, Some(place)), "{body}");
        }
    }
}
