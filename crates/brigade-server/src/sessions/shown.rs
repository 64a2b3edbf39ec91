//! The token that a request shows: as Bearer, which somebody adds on purpose, or else in the cookie, which a browser adds by
//! itself.

use axum::http::{HeaderMap, header};

use crate::auth::{Refused, credential};

/// A token, and how it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown<'h> {
    pub token: &'h str,
    pub by_cookie: bool,
}

/// What a request shows.
///
/// # Errors
/// For an Authorization that is no Bearer.
pub fn shown<'h>(headers: &'h HeaderMap, cookie: &str) -> Result<Option<Shown<'h>>, Refused> {
    if let Some(token) = credential(headers)? {
        return Ok(Some(Shown { token, by_cookie: false }));
    }
    Ok(of_cookie(headers, cookie).map(|token| Shown { token, by_cookie: true }))
}

/// Whether a request is known by its cookie alone.
pub fn is_by_cookie(headers: &HeaderMap, cookie: &str) -> bool {
    headers.contains_key(header::COOKIE) && shown(headers, cookie).is_ok_and(|shown| shown.is_some_and(|s| s.by_cookie))
}

/// The value of the session's cookie; of several the first, which is that of the longest path.
pub fn of_cookie<'h>(headers: &'h HeaderMap, cookie: &str) -> Option<&'h str> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let value = pairs.into_iter().find(|(name, _)| *name == cookie).map(|(_, value)| value)?;
    let value = value.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(value);
    (!value.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    type Headers<'a> = &'a [(&'a str, &'a str)];

    #[test]
    fn a_bearer_outranks_the_cookie() {
        let by = |token, by_cookie| Some(Shown { token, by_cookie });
        let cases: [(Headers<'_>, Option<Shown<'_>>); 8] = [
            (&[], None),
            (&[("cookie", "sid=bgs_a")], by("bgs_a", true)),
            (&[("cookie", "x=1; sid=\"bgs_a\";y")], by("bgs_a", true)),
            (&[("cookie", "x=1"), ("cookie", "sid=bgs_a; sid=bgs_b")], by("bgs_a", true)),
            (&[("cookie", "sid=")], None),
            (&[("cookie", "Sid=bgs_a; xsid=bgs_a")], None),
            (&[("cookie", "sid=bgs_a"), ("authorization", "Bearer bgs_b")], by("bgs_b", false)),
            (&[("cookie", "sid=bgs_a"), ("apikey", "bgk_b")], by("bgk_b", false)),
        ];
        for (given, expected) in cases {
            let headers: HeaderMap = given
                .iter()
                .map(|(name, value)| {
                    (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
                })
                .collect();
            assert_eq!(shown(&headers, "sid"), Ok(expected), "{given:?}");
            assert_eq!(is_by_cookie(&headers, "sid"), expected.is_some_and(|s| s.by_cookie), "{given:?}");
        }
    }
}
