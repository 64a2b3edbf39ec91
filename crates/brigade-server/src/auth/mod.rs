//! Who is asking: a request's credentials become a [`Principal`] before anything else looks at it.
//!
//! Invariants: without `[auth]` credentials are ignored and everybody is the same; with it, credentials that are wrong are
//! refused, never taken for none; only a cookie is, where it is of no session and strangers are let in. What was sent stands in
//! no answer and in no line of the log.

mod cache;
mod claims;
mod key_files;
mod lasting;
mod refusal;
mod route;
#[cfg(test)]
mod tests;
mod token;

use std::sync::Arc;

use axum::{
    http::{Extensions, HeaderMap, HeaderName, header},
    response::Response,
};
use brigade::{
    API_KEY_PREFIX, Brigade, SESSION_PREFIX,
    data::{Credential, Error, Principal, Result, code},
};
use subtle::ConstantTimeEq as _;

use crate::{error, sessions::of_cookie};
pub use lasting::Standing;
pub use refusal::Refused;
use refusal::Why;
pub use route::{Needs, is_table_api, needs};
use token::Tokens;

/// What the command line's token begins with, as it lies in the lock file.
const SERVER_PREFIX: &str = "bga_";

/// How `supabase-js` and its relatives send a project's key.
const APIKEY: HeaderName = HeaderName::from_static("apikey");

/// Why somebody who is known was refused, in `/metrics`: a right is missing.
pub const CLOSED: &str = "closed";

/// Every reason for which [`metrics::refused`](crate::metrics::refused) counts.
pub fn reasons() -> impl Iterator<Item = &'static str> {
    Why::ALL.iter().map(|why| why.name()).chain([CLOSED])
}

/// Tells who is asking.
pub struct Authenticator {
    brigade: Brigade,
    tokens: Tokens,
    server_token: Option<String>,
    anonymous: Option<Arc<Principal>>,
}

impl Authenticator {
    /// As `[auth]` says; none without it.
    ///
    /// # Errors
    /// BRGCFG with the place in brigade.toml for a file that cannot be read, or holds no key that can be used.
    pub fn open(brigade: &Brigade, server_token: Option<&str>) -> Result<Option<Self>> {
        let config = brigade.config();
        let Some(auth) = &config.auth else { return Ok(None) };
        let anonymous = auth.anonymous.clone().map(|role| {
            Arc::new(Principal { credential: Credential::None, roles: vec![role], ..Principal::default() })
        });
        Ok(Some(Self {
            brigade: brigade.clone(),
            tokens: Tokens::open(config, brigade.project_dir())?,
            server_token: server_token.map(str::to_owned),
            anonymous,
        }))
    }

    /// Who sent these headers.
    ///
    /// # Errors
    /// Why nobody is known by them.
    pub async fn principal(&self, headers: &HeaderMap) -> Result<Arc<Principal>, Unknown> {
        let found = match self.shown(headers) {
            Ok(token) => self.identify(token).await,
            Err(refused) => Err(refused.into()),
        };
        match (&found, &self.anonymous) {
            // A browser sends its cookie unasked, also long after the session has ended: nobody tries to be somebody by that.
            (Err(Unknown::Refused(_)), Some(anonymous)) if credential(headers)?.is_none() => Ok(Arc::clone(anonymous)),
            _ => found,
        }
    }

    /// The token that is shown: the credential, else a session's in the cookie. Nothing else is ever taken from a cookie.
    fn shown<'h>(&self, headers: &'h HeaderMap) -> Result<Option<&'h str>, Refused> {
        if let Some(credential) = credential(headers)? {
            return Ok(Some(credential));
        }
        match of_cookie(headers, &self.brigade.config().sessions.cookie) {
            Some(token) if !token.starts_with(SESSION_PREFIX) => Err(Refused::unknown_session()),
            token => Ok(token),
        }
    }

    /// Who shows this.
    async fn identify(&self, token: Option<&str>) -> Result<Arc<Principal>, Unknown> {
        let Some(token) = token else { return self.anonymous.clone().ok_or(Refused::new(Why::NoCredentials).into()) };
        if token.starts_with(SESSION_PREFIX) {
            return self.session(token).await;
        }
        self.at_once(token).map_err(Unknown::Refused)
    }

    async fn session(&self, token: &str) -> Result<Arc<Principal>, Unknown> {
        let found = async { self.brigade.sessions()?.find(token).await };
        match found.await {
            Ok(Some(found)) => Ok(Arc::new(found.session.holder.principal())),
            Ok(None) => Err(Refused::unknown_session().into()),
            Err(error) => Err(Unknown::Away(error)),
        }
    }

    /// Who shows what is known in the process.
    fn at_once(&self, credential: &str) -> Result<Arc<Principal>, Refused> {
        if credential.starts_with(API_KEY_PREFIX) {
            let known = self.brigade.keys().principal(credential);
            return known.ok_or(Refused::new(Why::UnknownKey));
        }
        if credential.starts_with(SERVER_PREFIX) {
            let known = self.server_token.as_ref().is_some_and(|token| same(token, credential));
            return if known { Ok(Arc::new(Principal::server())) } else { Err(Refused::new(Why::UnknownKey)) };
        }
        self.tokens.principal(credential)
    }
}

/// Why nobody is known.
#[derive(Debug)]
pub enum Unknown {
    /// What was sent is wrong, or was not enough.
    Refused(Refused),
    /// Who could tell is away: this says nothing of what was sent.
    Away(Error),
}

impl From<Refused> for Unknown {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl Unknown {
    /// The answer to a request of this route.
    pub fn answer(self, route: &str) -> Response {
        match self {
            Self::Refused(refused) => refused.answer(route),
            Self::Away(error) => error::answer(route, error),
        }
    }
}

/// What a request shows: the Bearer where there is one, else `apikey`. Clients of Supabase send the project's key in both, or
/// the key in `apikey` and the user's token as Bearer; then the user is who asks.
pub fn credential(headers: &HeaderMap) -> Result<Option<&str>, Refused> {
    let one = |name: HeaderName| {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => {
                value.to_str().map(|text| Some(text.trim())).map_err(|_| Refused::new(Why::Malformed))
            }
            (Some(_), Some(_)) => Err(Refused::new(Why::Malformed)),
        }
    };
    if let Some(value) = one(header::AUTHORIZATION)? {
        let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
        let token = token.trim();
        if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
            return Err(Refused::new(Why::Malformed));
        }
        return Ok(Some(token));
    }
    match one(APIKEY)? {
        Some("") => Err(Refused::new(Why::Malformed)),
        other => Ok(other),
    }
}

/// Who the guard found to be asking. Where it has not been asked (a route beside the guard) that is a stranger without a role.
pub fn principal(extensions: &Extensions) -> Arc<Principal> {
    extensions.get::<Arc<Principal>>().cloned().unwrap_or_default()
}

/// Whether a route is open to a principal. Tables are another matter: `[access]` says that for each of them.
///
/// # Errors
/// BRG403 for an operation without the role `service`.
pub fn admit(needs: Needs, principal: &Principal) -> Result<()> {
    if needs == Needs::Service && !principal.is_service() {
        return Err(Error::new(code::FORBIDDEN, "this route needs the role service")
            .hint("send a token or an API key whose role is service"));
    }
    Ok(())
}

/// Whether two secrets are one. How long the comparison takes says nothing about how much of it was right.
pub fn same(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}
