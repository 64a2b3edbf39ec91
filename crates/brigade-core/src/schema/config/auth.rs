//! `[auth]`: whose word is believed about who is asking.
//!
//! Invariant: a secret never stands in an error or in a debug text; errors about this section quote no line of it.

use std::{fmt, time::Duration};

use crate::data::{Result, SERVICE};

use super::{
    Config,
    document::{Section, Source},
};

/// Bytes that an HS256 secret has at least: shorter ones can be found by trying (RFC 7518, section 3.2).
pub const SECRET_BYTES_MIN: usize = 32;

/// How far clocks may be apart: more would keep expired tokens alive.
const LEEWAY_MAX: Duration = Duration::from_secs(300);

/// Keys of the section.
const KEYS: [&str; 10] = [
    "jwt_secret",
    "jwt_secret_file",
    "jwt_public_key",
    "jwks",
    "audience",
    "leeway",
    "anonymous",
    "role_claim",
    "tenant_claim",
    "tier_claim",
];

/// A text that no log and no error may show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Guards a text.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Whose word is believed about who is asking. Files are relative to the project.
#[derive(Clone, Debug, PartialEq)]
pub struct AuthConfig {
    /// HS256: the secret itself.
    pub jwt_secret: Option<Secret>,
    /// HS256: a file that holds it.
    pub jwt_secret_file: Option<String>,
    /// RS256 or ES256: a file that holds the public key (PEM).
    pub jwt_public_key: Option<String>,
    /// A file that holds a JSON Web Key Set.
    pub jwks: Option<String>,
    /// Whom a token must be meant for; none: whom it is meant for is not looked at.
    pub audience: Option<String>,
    /// How far the clocks of who signs and who checks may be apart.
    pub leeway: Duration,
    /// The role of a request without credentials; none: it is refused.
    pub anonymous: Option<String>,
    /// The claim that holds the role, or a list of them; with dots, a place inside objects.
    pub role_claim: String,
    /// The claim that holds the tenant.
    pub tenant_claim: String,
    /// The claim that holds the tier.
    pub tier_claim: String,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            jwt_secret: None,
            jwt_secret_file: None,
            jwt_public_key: None,
            jwks: None,
            audience: None,
            leeway: Duration::from_secs(30),
            anonymous: None,
            role_claim: "role".to_owned(),
            tenant_claim: "tenant".to_owned(),
            tier_claim: "tier".to_owned(),
        }
    }
}

/// Authentication is on where the file has the section, and where the environment says anything of it.
pub(super) fn auth(section: &Section<'_>, source: &Source<'_>, config: &mut Config) -> Result<()> {
    section.only(&KEYS)?;
    let mut auth = AuthConfig::default();
    let mut named = section.is_there();
    for key in KEYS {
        let Some(value) = section.value(key)? else { continue };
        named = true;
        config.places.insert(format!("auth.{key}"), source.place(section.key_at(key)));
        if value.text.trim().is_empty() {
            return Err(value.error("it is empty").hint("give it a value, or take the line out"));
        }
        match key {
            "jwt_secret" => {
                if value.text.len() < SECRET_BYTES_MIN {
                    let error =
                        value.error(format_args!("shorter than {SECRET_BYTES_MIN} bytes, so it can be guessed"));
                    return Err(error.hint("make one with: openssl rand -base64 48"));
                }
                auth.jwt_secret = Some(Secret(value.text));
            }
            "leeway" => {
                auth.leeway = value.duration()?;
                if auth.leeway > LEEWAY_MAX {
                    return Err(value.error("more than 5m would keep expired tokens alive").hint("as \"30s\""));
                }
            }
            "anonymous" if value.text == SERVICE => {
                let error = value.error("strangers would do everything: the role service has no walls");
                return Err(error.hint("name another role, and open tables to it under [access.ROLE]"));
            }
            "anonymous" => auth.anonymous = Some(value.text),
            "jwt_secret_file" => auth.jwt_secret_file = Some(value.text),
            "jwt_public_key" => auth.jwt_public_key = Some(value.text),
            "jwks" => auth.jwks = Some(value.text),
            "audience" => auth.audience = Some(value.text),
            "role_claim" => auth.role_claim = value.text,
            "tenant_claim" => auth.tenant_claim = value.text,
            _ => auth.tier_claim = value.text,
        }
    }
    config.auth = named.then_some(auth);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Error;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn parse(text: &str) -> Result<Config> {
        Config::parse(text, "p", &|_| None)
    }

    #[test]
    fn every_key_is_read() {
        let text = format!(
            "[auth]\njwt_secret = {SECRET:?}\njwt_secret_file = \"s\"\njwt_public_key = \"k.pem\"\njwks = \"k.json\"\n\
             audience = \"a\"\nleeway = \"1m\"\nanonymous = \"anon\"\nrole_claim = \"a.b\"\ntenant_claim = \"t\"\n\
             tier_claim = \"p\""
        );
        let text_of = |text: &str| Some(text.to_owned());
        let expected = AuthConfig {
            jwt_secret: Some(Secret(SECRET.to_owned())),
            jwt_secret_file: text_of("s"),
            jwt_public_key: text_of("k.pem"),
            jwks: text_of("k.json"),
            audience: text_of("a"),
            leeway: Duration::from_secs(60),
            anonymous: text_of("anon"),
            role_claim: "a.b".to_owned(),
            tenant_claim: "t".to_owned(),
            tier_claim: "p".to_owned(),
        };
        assert_eq!(parse(&text).unwrap().auth, Some(expected));
        assert_eq!(parse("[auth]").unwrap().auth, Some(AuthConfig::default()), "API keys alone");
        assert_eq!(parse("").unwrap().auth, None);
        let env = |name: &str| (name == "BRIGADE_AUTH_JWT_SECRET").then(|| SECRET.to_owned());
        let auth = Config::parse("", "p", &env).unwrap().auth.unwrap();
        assert_eq!(auth.jwt_secret.unwrap().reveal(), SECRET, "the environment alone turns it on");
    }

    #[test]
    fn mistakes_have_their_place_and_show_no_secret() {
        let short = format!("[auth]\njwt_secret = {:?}", &SECRET[..31]);
        let nested = format!("[auth]\nleeway = \"30s\"\njwt_secret = [{SECRET:?}]");
        let broken = format!("[auth]\njwt_secret = \"{SECRET}");
        let inline = format!("auth = {{ jwt_secrt = {SECRET:?} }}");
        let dotted = format!("auth.jwt_secrt = {SECRET:?}");
        let spaced = format!(" [ auth ]\njwt_secrt = {SECRET:?}");
        let below = format!("[auth]\njwt_secrets = {SECRET:?}");
        for (text, message, hint) in [
            (&*short, "2:14: auth.jwt_secret: shorter than 32 bytes, so it can be guessed", "openssl rand"),
            ("[auth]\njwt_secret = \" \"", "2:14: auth.jwt_secret: it is empty", "give it a value"),
            (&nested, "3:14: \"auth.jwt_secret\" is one value", "write a text"),
            (&broken, "2:", ""),
            (&inline, "1:10: unknown key \"jwt_secrt\" in [auth]", "did you mean \"jwt_secret\"?"),
            (&dotted, "1:6: unknown key \"jwt_secrt\" in [auth]", "did you mean \"jwt_secret\"?"),
            (&spaced, "2:1: unknown key \"jwt_secrt\" in [auth]", "did you mean \"jwt_secret\"?"),
            (&below, "2:1: unknown key \"jwt_secrets\" in [auth]", "did you mean \"jwt_secret\"?"),
            ("[auth]\nleeway = \"6m\"", "2:10: auth.leeway: more than 5m", "30s"),
            ("[auth]\nleeway = \"x\"", "2:10: auth.leeway: \"x\" is no duration", "write a number"),
            ("[auth]\nanonymous = \"service\"", "2:13: auth.anonymous: strangers would do everything", "another role"),
        ] {
            let error: Error = parse(text).expect_err(text);
            assert_eq!(error.code(), "BRGCFG");
            assert!(error.message().starts_with(&format!("brigade.toml:{message}")), "{error}");
            assert!(error.get_hint().is_some_and(|h| h.contains(hint)), "{error:?}");
            assert!(!format!("{error:?} {error}").contains(&SECRET[..31]), "{error:?}");
        }
    }
}
