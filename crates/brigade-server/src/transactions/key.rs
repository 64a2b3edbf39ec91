//! `Idempotency-Key`: `"k"` as a structured-field string and bare `k` are the same key.

use axum::http::HeaderMap;
use brigade::{
    data::{Error, Result, code},
    limits::KEY_BYTES_MAX,
};

/// The key of a request, if it has one.
///
/// # Errors
/// BRG400 for an empty or overlong key, characters that cannot be seen, or two keys.
pub fn key(headers: &HeaderMap) -> Result<Option<String>> {
    let mut given = headers.get_all("idempotency-key").iter();
    let Some(value) = given.next() else { return Ok(None) };
    if given.next().is_some() {
        return Err(malformed("two headers of this name"));
    }
    let text = value.to_str().map_err(|_| malformed("a character that cannot be seen"))?;
    let key = unquote(text.trim_matches([' ', '\t']))?;
    if key.is_empty() {
        return Err(malformed("it is empty"));
    }
    if key.len() > KEY_BYTES_MAX {
        return Err(malformed(&format!("{} characters", key.len())));
    }
    if !key.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(malformed("a character that cannot be seen"));
    }
    Ok(Some(key))
}

/// The content of a structured-field string (RFC 9651), or the text itself where it is not one.
fn unquote(text: &str) -> Result<String> {
    let Some(inner) = text.strip_prefix('"') else { return Ok(text.to_owned()) };
    let mut key = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    loop {
        match characters.next() {
            Some('"') if characters.as_str().is_empty() => return Ok(key),
            Some('"') => return Err(malformed("text after the closing quote")),
            Some('\\') => match characters.next() {
                Some(escaped @ ('"' | '\\')) => key.push(escaped),
                _ => return Err(malformed("a backslash escapes a quote or a backslash")),
            },
            Some(other) => key.push(other),
            None => return Err(malformed("the closing quote is missing")),
        }
    }
}

fn malformed(what: &str) -> Error {
    Error::new(code::MALFORMED, "malformed Idempotency-Key")
        .details(format!("Idempotency-Key: {what}"))
        .hint(format!("use 1 to {KEY_BYTES_MAX} visible ASCII characters, for example a UUID"))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn check(given: &[&[u8]], expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        for value in given {
            headers.append("idempotency-key", HeaderValue::from_bytes(value).unwrap());
        }
        match expected {
            Some(expected) => assert_eq!(key(&headers).unwrap().as_deref(), Some(expected), "{given:?}"),
            None => assert_eq!(key(&headers).unwrap_err().code(), code::MALFORMED, "{given:?}"),
        }
    }

    #[test]
    fn quoted_and_bare_are_one_key() {
        check(&[b"k"], Some("k"));
        check(&[b"\"k\""], Some("k"));
        check(&[b" \"k\" "], Some("k"));
        check(&[b"\"a\\\"b\\\\c\""], Some("a\"b\\c"));
        check(&[b"a\"b"], Some("a\"b"));
        check(&["x".repeat(255).as_bytes()], Some(&"x".repeat(255)));
        for bad in
            [&b""[..], b" ", b"\"\"", b"\"k", b"\"k\"x", b"\"k\";a=1", b"\"\\k\"", b"a b", b"\"a b\"", b"\xc3\xa9"]
        {
            check(&[bad], None);
        }
        check(&["x".repeat(256).as_bytes()], None);
        check(&[b"a", b"b"], None);
        assert_eq!(key(&HeaderMap::new()).unwrap(), None);
    }
}
