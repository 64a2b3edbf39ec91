//! Why nobody is known by what was sent, and how that is answered: PostgREST's codes on the table API, `BRG401` elsewhere,
//! and the challenge of RFC 6750.

use axum::{
    http::{HeaderValue, header},
    response::Response,
};
use brigade::data::{Error, code};

use super::route::is_table_api;
use crate::{error, metrics};

/// Why nobody is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Nothing was sent, and strangers have no role.
    NoCredentials,
    /// What was sent is no Bearer token.
    Malformed,
    /// No such API key.
    UnknownKey,
    /// A session is asked for, and none was sent.
    NoSession,
    /// No session of this token: it is over, revoked, or never was.
    UnknownSession,
    /// No key of the configuration signed it: a wrong signature, algorithm or key id.
    Unverified,
    /// Its time is over.
    Expired,
    /// Its time has not come, or it was signed in the future.
    NotYet,
    /// It is meant for somebody else.
    Audience,
    /// A claim has no form that can be read.
    Claim,
}

impl Why {
    /// Every reason.
    pub const ALL: [Self; 10] = [
        Self::NoCredentials,
        Self::NoSession,
        Self::Malformed,
        Self::UnknownKey,
        Self::UnknownSession,
        Self::Unverified,
        Self::Expired,
        Self::NotYet,
        Self::Audience,
        Self::Claim,
    ];

    /// Its name in `/metrics`.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoCredentials => "no_credentials",
            Self::NoSession => "no_session",
            Self::Malformed => "malformed",
            Self::UnknownKey => "unknown_key",
            Self::UnknownSession => "unknown_session",
            Self::Unverified => "unverified",
            Self::Expired => "expired",
            Self::NotYet => "not_yet",
            Self::Audience => "audience",
            Self::Claim => "claim",
        }
    }
}

/// Nobody is known by what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused(Why);

impl Refused {
    /// For this reason.
    pub fn new(why: Why) -> Self {
        Self(why)
    }

    /// Nothing was sent, and a stranger may not do it.
    pub fn anonymous() -> Self {
        Self(Why::NoCredentials)
    }

    /// No session is known by what was sent.
    pub fn unknown_session() -> Self {
        Self(Why::UnknownSession)
    }

    /// No session's token was sent.
    pub fn without_session() -> Self {
        Self(Why::NoSession)
    }

    /// Why.
    #[cfg(test)]
    pub fn why(self) -> Why {
        self.0
    }

    /// The code on the table API.
    fn postgrest(self) -> &'static str {
        match self.0 {
            Why::NoCredentials | Why::NoSession => "PGRST302",
            Why::Malformed | Why::UnknownKey | Why::UnknownSession | Why::Unverified => "PGRST301",
            Why::Expired | Why::NotYet | Why::Audience | Why::Claim => "PGRST303",
        }
    }

    /// Texts of PostgREST's where it has one: clients look for `JWT expired`.
    fn message(self) -> &'static str {
        match self.0 {
            Why::NoCredentials => "anonymous access is not open here",
            Why::NoSession => "no session was sent",
            Why::Malformed => "the credentials are no Bearer token",
            Why::UnknownKey => "the key is unknown",
            Why::UnknownSession => "there is no session of this token",
            Why::Unverified => "no suitable key or wrong key type",
            Why::Expired => "JWT expired",
            Why::NotYet => "JWT not yet valid",
            Why::Audience => "JWT not in audience",
            Why::Claim => "a claim of the JWT cannot be read",
        }
    }

    fn hint(self) -> &'static str {
        match self.0 {
            Why::NoCredentials => "send Authorization: Bearer TOKEN, or an API key in the header apikey",
            Why::NoSession => "send its token as Authorization: Bearer TOKEN, or in its cookie",
            Why::Malformed => "send one header, Authorization: Bearer TOKEN",
            Why::UnknownKey => "it may be mistyped or revoked; brigade keys create makes a new one",
            Why::UnknownSession => "it may be over or revoked: log in again",
            Why::Unverified => "sign it with a key that [auth] names, by that key's own algorithm and key id",
            Why::Expired => "ask for a new token",
            Why::NotYet => "compare the clocks of who signs and of this server",
            Why::Audience => "sign it for the audience that [auth] names",
            Why::Claim => "exp, nbf and iat are numbers of seconds; id, tenant, tier and role are short texts",
        }
    }

    /// What is said of it on this route, counted.
    pub fn error(self, route: &str) -> Error {
        metrics::refused(self.0.name());
        let code = if is_table_api(route) { self.postgrest() } else { code::UNAUTHENTICATED };
        Error::new(code, self.message()).hint(self.hint())
    }

    /// The answer to a request of this route, counted.
    pub fn answer(self, route: &str) -> Response {
        let mut response = error::answer(route, self.error(route));
        if !matches!(self.0, Why::NoCredentials | Why::NoSession) {
            let challenge = format!("Bearer error=\"invalid_token\", error_description=\"{}\"", self.message());
            let challenge = HeaderValue::try_from(challenge).expect("visible characters");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
