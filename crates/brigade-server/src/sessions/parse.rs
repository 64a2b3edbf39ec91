//! Bodies of `/sessions`: every mistake with its place.

use std::time::Duration;

use brigade::{
    NewSession,
    data::{Error, Json, JsonKey, JsonValue, Result, code},
    session::Holder,
};

use crate::{body, transactions::nearest};

const NEW: [&str; 3] = ["principal", "data", "ttl_seconds"];
const PRINCIPAL: [&str; 4] = ["id", "tenant", "tier", "roles"];
const PATCH: [&str; 1] = ["data"];

const EXAMPLE: &str = "send {\"principal\": {\"id\": \"42\", \"roles\": [\"editor\"]}, \"data\": {}}";

/// Reads the body of `POST /sessions`.
pub fn parse_new(bytes: &[u8]) -> Result<NewSession> {
    let top = body::json(bytes)?;
    let at = top.at;
    let mut new = None;
    let (mut data, mut ttl) = (None, None);
    for (key, value) in entries(bytes, top, "the body", EXAMPLE)? {
        match (key.name.as_str(), &value.value) {
            ("principal", _) => new = Some(holder(bytes, value)?),
            ("data", JsonValue::Object(_)) => data = Some(value),
            ("ttl_seconds", JsonValue::Null) => {}
            ("ttl_seconds", JsonValue::Number(digits)) => {
                let seconds = digits.parse().ok().filter(|seconds: &u64| *seconds > 0);
                let seconds = seconds.ok_or_else(|| {
                    malformed(bytes, value.at, &format!("ttl_seconds cannot be {digits}"))
                        .hint("a whole number of seconds, at least 1")
                })?;
                ttl = Some(Duration::from_secs(seconds));
            }
            _ => return Err(wrong(bytes, &key, &value, &NEW, EXAMPLE)),
        }
    }
    let holder = new.ok_or_else(|| malformed(bytes, at, "the principal is missing").hint(EXAMPLE))?;
    let new = NewSession { holder, ttl, ..NewSession::of("") };
    Ok(NewSession { data: data.unwrap_or_else(|| new.data.clone()), ..new })
}

/// Reads the body of `PATCH /sessions/current`.
pub fn parse_patch(bytes: &[u8]) -> Result<Json> {
    const HINT: &str = "send {\"data\": {\"set\": 1, \"removed\": null}}";
    let top = body::json(bytes)?;
    let at = top.at;
    let mut data = None;
    for (key, value) in entries(bytes, top, "the body", HINT)? {
        match (key.name.as_str(), &value.value) {
            ("data", JsonValue::Object(_)) => data = Some(value),
            _ => return Err(wrong(bytes, &key, &value, &PATCH, HINT)),
        }
    }
    data.ok_or_else(|| malformed(bytes, at, "the data is missing").hint(HINT))
}

fn holder(bytes: &[u8], principal: Json) -> Result<Holder> {
    let at = principal.at;
    let mut holder = Holder::default();
    let mut id = None;
    for (key, value) in entries(bytes, principal, "principal", EXAMPLE)? {
        match (key.name.as_str(), &value.value) {
            ("id", JsonValue::String(text)) => id = Some(text.clone()),
            ("tenant", JsonValue::String(text)) => holder.tenant = Some(text.clone()),
            ("tier", JsonValue::String(text)) => holder.tier = Some(text.clone()),
            ("tenant" | "tier", JsonValue::Null) => {}
            ("roles", JsonValue::Array(roles)) => {
                for role in roles {
                    let text = role.as_str().ok_or_else(|| {
                        malformed(bytes, role.at, &format!("a role cannot be {}", role.kind())).hint(EXAMPLE)
                    })?;
                    holder.roles.push(text.to_owned());
                }
            }
            _ => return Err(wrong(bytes, &key, &value, &PRINCIPAL, EXAMPLE)),
        }
    }
    holder.id = id.ok_or_else(|| malformed(bytes, at, "principal.id is missing").hint(EXAMPLE))?;
    Ok(holder)
}

fn entries(bytes: &[u8], json: Json, what: &str, hint: &str) -> Result<Vec<(JsonKey, Json)>> {
    match json {
        Json { value: JsonValue::Object(entries), .. } => Ok(entries),
        other => Err(malformed(bytes, other.at, &format!("{what} cannot be {}", other.kind())).hint(hint.to_owned())),
    }
}

/// A key that nobody knows, or a value that it cannot have.
fn wrong(bytes: &[u8], key: &JsonKey, value: &Json, known: &[&str], hint: &str) -> Error {
    if known.contains(&key.name.as_str()) {
        let message = format!("{} cannot be {}", key.name, value.kind());
        return malformed(bytes, value.at, &message).hint(hint.to_owned());
    }
    malformed(bytes, key.at, &format!("unknown key \"{}\"", key.name)).hint(nearest(&key.name, known))
}

fn malformed(bytes: &[u8], offset: usize, message: &str) -> Error {
    Error::new(code::MALFORMED, message).details(body::at(bytes, offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_read_and_mistakes_have_their_place() {
        let text =
            br#"{"principal":{"id":"42","tenant":"acme","tier":null,"roles":["a"]},"data":{"n":1.0},"ttl_seconds":60}"#;
        let new = parse_new(text).unwrap();
        let holder = Holder { id: "42".into(), tenant: Some("acme".into()), tier: None, roles: vec!["a".to_owned()] };
        assert_eq!((new.holder, new.data.to_compact()), (holder, r#"{"n":1.0}"#.to_owned()));
        assert_eq!(new.ttl, Some(Duration::from_secs(60)));
        let least = parse_new(br#"{"principal":{"id":"42"}}"#).unwrap();
        assert_eq!((least.data.to_compact().as_str(), least.ttl), ("{}", None));
        for (body, message, column) in [
            ("[]", "the body cannot be an array", 1),
            ("{}", "the principal is missing", 1),
            (r#"{"principal": null}"#, "principal cannot be null", 15),
            (r#"{"principal": {}}"#, "principal.id is missing", 15),
            (r#"{"principal": {"id": 42}}"#, "id cannot be a number", 22),
            (r#"{"principal": {"id": "a", "role": "x"}}"#, "unknown key \"role\"", 27),
            (r#"{"principal": {"id": "a", "roles": "x"}}"#, "roles cannot be a string", 36),
            (r#"{"principal": {"id": "a", "roles": [1]}}"#, "a role cannot be a number", 37),
            (r#"{"principal": {"id": "a"}, "data": []}"#, "data cannot be an array", 36),
            (r#"{"principal": {"id": "a"}, "ttl": 1}"#, "unknown key \"ttl\"", 28),
            (r#"{"principal": {"id": "a"}, "ttl_seconds": 0}"#, "ttl_seconds cannot be 0", 43),
            (r#"{"principal": {"id": "a"}, "ttl_seconds": -5}"#, "ttl_seconds cannot be -5", 43),
            (r#"{"principal": {"id": "a"}, "ttl_seconds": "5"}"#, "ttl_seconds cannot be a string", 43),
        ] {
            let error = parse_new(body.as_bytes()).expect_err(body);
            let place = format!("line 1, column {column}");
            assert_eq!((error.code(), error.message()), (code::MALFORMED, message), "{body}");
            assert_eq!(error.get_details(), Some(&*place), "{body}");
        }
        for body in ["{}", r#"{"data": 1}"#, r#"{"data": null}"#, r#"{"date": {}}"#, "1"] {
            assert_eq!(parse_patch(body.as_bytes()).expect_err(body).code(), code::MALFORMED);
        }
    }
}
