//! The body of `POST /cache/NAME/warm`.

use brigade::data::{Error, JsonValue, Result, code};

use crate::body;

/// The keys that are to be loaded; none: those of all rows.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<Vec<String>>> {
    const EXAMPLE: &str = "send {\"keys\": [\"link:abc\"]}, or {} for all rows";
    let malformed = |offset: usize, message: String| {
        Error::new(code::MALFORMED, message).details(body::at(bytes, offset)).hint(EXAMPLE)
    };
    let top = body::json(bytes)?;
    let JsonValue::Object(entries) = top.value else {
        return Err(malformed(top.at, "the body must be an object".to_owned()));
    };
    let mut keys = None;
    for (name, value) in entries {
        if name.name != "keys" {
            return Err(malformed(name.at, format!("unknown key \"{}\"", name.name)));
        }
        let JsonValue::Array(items) = &value.value else {
            return Err(malformed(value.at, format!("keys cannot be {}", value.kind())));
        };
        let text = |item: &brigade::data::Json| match item.as_str() {
            Some(text) => Ok(text.to_owned()),
            None => Err(malformed(item.at, format!("a key cannot be {}", item.kind()))),
        };
        keys = Some(items.iter().map(text).collect::<Result<Vec<_>>>()?);
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_read_and_mistakes_have_their_place() {
        assert_eq!(parse(b"{}").unwrap(), None);
        assert_eq!(parse(br#"{"keys": []}"#).unwrap(), Some(Vec::new()));
        assert_eq!(parse(br#"{"keys": ["a:1", "a:2"]}"#).unwrap().unwrap(), ["a:1", "a:2"]);
        for (body, message, place) in [
            ("[]", "the body must be an object", "line 1, column 1"),
            (r#"{"key": []}"#, "unknown key \"key\"", "line 1, column 2"),
            (r#"{"keys": "a"}"#, "keys cannot be a string", "line 1, column 10"),
            (r#"{"keys": ["a", 1]}"#, "a key cannot be a number", "line 1, column 16"),
        ] {
            let error = parse(body.as_bytes()).expect_err(body);
            assert_eq!((error.message(), error.get_details()), (message, Some(place)), "{body}");
        }
    }
}
