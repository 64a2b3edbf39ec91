//! An answer that goes on lasts no longer than the right to it: who was let in is asked again from time to time.
//!
//! What was shown is kept for that, in memory alone, and as long as the answer.

use std::sync::Arc;

use axum::http::HeaderMap;
use brigade::data::{Error, Principal, Result, code};

use super::Unknown;
use crate::Server;

/// Who is being answered, and by what he is known.
pub struct Standing {
    server: Arc<Server>,
    /// The token that was shown; none: a stranger.
    token: Option<Box<str>>,
    principal: Arc<Principal>,
    route: &'static str,
}

impl Standing {
    /// Of somebody who was let in with these headers; none where nobody is ever asked.
    pub fn of(
        server: &Arc<Server>,
        headers: &HeaderMap,
        principal: &Arc<Principal>,
        route: &'static str,
    ) -> Option<Self> {
        let authenticator = server.authenticator.as_ref()?;
        // A stranger stays one, also with the cookie of a session that has ended.
        let shown = if principal.is_anonymous() { None } else { authenticator.shown(headers).ok()? };
        let token = shown.map(Box::from);
        Some(Self { server: Arc::clone(server), token, principal: Arc::clone(principal), route })
    }

    /// Whether he is still who he was.
    ///
    /// # Errors
    /// Why not: his token has expired, his key or session was revoked, or who could tell is away.
    pub async fn check(&self) -> Result<()> {
        let Some(authenticator) = &self.server.authenticator else { return Ok(()) };
        match authenticator.identify(self.token.as_deref()).await {
            Ok(now) if now == self.principal => Ok(()),
            Ok(_) => Err(Error::new(code::FORBIDDEN, "the rights of who asked have changed").hint("ask again")),
            Err(Unknown::Refused(refused)) => Err(refused.error(self.route)),
            Err(Unknown::Away(error)) => Err(error),
        }
    }
}
