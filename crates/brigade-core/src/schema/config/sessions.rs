//! `[sessions]`: how long sessions last, and how browsers keep their tokens.

use std::time::Duration;

use crate::{data::Result, limits::SESSION_TTL_MAX};

use super::{Config, document::Section};

/// How long sessions last, and how browsers keep their tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionsConfig {
    /// How long one lasts where it does not say itself.
    pub ttl: Duration,
    /// Whether use prolongs it; else it ends that long after it was made.
    pub sliding: bool,
    /// The cookie's name.
    pub cookie: String,
    /// Which requests of other sites' pages a browser adds the cookie to.
    pub same_site: SameSite,
}

/// Which requests of other sites' pages a browser adds a cookie to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// None at all.
    Strict,
    /// Only where somebody follows a link.
    Lax,
    /// Any.
    None,
}

impl SameSite {
    /// As a cookie says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "Strict",
            Self::Lax => "Lax",
            Self::None => "None",
        }
    }
}

impl Default for SessionsConfig {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(24 * 3_600),
            sliding: true,
            cookie: "brigade_session".to_owned(),
            same_site: SameSite::Lax,
        }
    }
}

pub(super) fn sessions(section: &Section<'_>, config: &mut Config) -> Result<()> {
    section.only(&["ttl", "mode", "cookie", "same_site"])?;
    let sessions = &mut config.sessions;
    if let Some(value) = section.value("ttl")? {
        sessions.ttl = value.duration()?;
        if sessions.ttl.is_zero() || sessions.ttl > SESSION_TTL_MAX {
            let days = SESSION_TTL_MAX.as_secs() / 86_400;
            return Err(value
                .error(format_args!("a session lasts more than nothing and at most {days} days"))
                .hint("as \"24h\""));
        }
    }
    if let Some(value) = section.value("mode")? {
        sessions.sliding = value.one_of(&[("sliding", true), ("fixed", false)])?;
    }
    if let Some(value) = section.value("cookie")? {
        let fits = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if value.text.is_empty() || value.text.len() > 128 || !value.text.chars().all(fits) {
            return Err(value
                .error("no cookie has such a name")
                .hint("use letters, digits, _ and -, as \"brigade_session\""));
        }
        sessions.cookie = value.text;
    }
    if let Some(value) = section.value("same_site")? {
        let words = [("lax", SameSite::Lax), ("strict", SameSite::Strict), ("none", SameSite::None)];
        sessions.same_site = value.one_of(&words)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SessionsConfig> {
        Config::parse(text, "p", &|_| None).map(|config| config.sessions)
    }

    #[test]
    fn settings_and_their_defaults() {
        assert_eq!(parse("").unwrap(), SessionsConfig::default());
        let text = "[sessions]\nttl = \"1h\"\nmode = \"fixed\"\ncookie = \"sid\"\nsame_site = \"strict\"";
        let expected = SessionsConfig {
            ttl: Duration::from_secs(3_600),
            sliding: false,
            cookie: "sid".to_owned(),
            same_site: SameSite::Strict,
        };
        assert_eq!(parse(text).unwrap(), expected);
    }

    #[test]
    fn mistakes_have_their_place() {
        for (text, message, hint) in [
            ("tll = \"1h\"", "2:1: unknown key \"tll\" in [sessions]", "did you mean \"ttl\"?"),
            ("ttl = \"0s\"", "2:7: sessions.ttl: a session lasts more than nothing", "24h"),
            ("ttl = \"999d\"", "2:7: sessions.ttl: a session lasts more than nothing", "24h"),
            ("ttl = \"-1h\"", "2:7: sessions.ttl: \"-1h\" is no duration", "24h"),
            ("mode = \"slide\"", "2:8: sessions.mode: unknown \"slide\"", "known: sliding, fixed"),
            ("cookie = \"a b\"", "2:10: sessions.cookie: no cookie has such a name", "brigade_session"),
            ("cookie = \"\"", "2:10: sessions.cookie: no cookie has such a name", "brigade_session"),
            ("same_site = \"Lax\"", "2:13: sessions.same_site: unknown \"Lax\"", "did you mean \"lax\"?"),
        ] {
            let error = parse(&format!("[sessions]\n{text}")).expect_err(text);
            assert!(error.message().starts_with(&format!("brigade.toml:{message}")), "{error}");
            assert!(error.get_hint().is_some_and(|h| h.contains(hint)), "{error:?}");
        }
    }
}
