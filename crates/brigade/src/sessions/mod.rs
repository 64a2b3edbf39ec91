//! Sessions of an open project: tokens are made here, shown once, and kept by whoever keeps sessions as their hashes alone.
//!
//! A token is 256 random bits, so that a plain SHA-256 of it can neither be turned round nor tried out.

use std::{path::Path, sync::Arc, time::Duration};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use brigade_core::{
    data::{Error, Json, JsonValue, Result, code},
    engine,
    limits::{CLAIM_BYTES_MAX, ROLES_MAX, SESSION_CHANGES_MAX, SESSION_DATA_BYTES_MAX, SESSION_SLIDE, SESSION_TTL_MAX},
    schema::SessionsConfig,
    session::{Found, Holder, Session, SessionId, Swapped, merge},
};
use metrics::Counter;
use sha2::{Digest as _, Sha256};

use crate::{Brigade, Project, stores::Stores};

/// What every session's token begins with, so that it is told from other tokens, and found where it should not be.
pub const SESSION_PREFIX: &str = "bgs_";

/// Bytes of a token behind its prefix: 32 random ones in base64url.
const TOKEN_BYTES: usize = 43;

/// What a new session is to be.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Whose it is.
    pub holder: Holder,
    /// What the application keeps in it: an object.
    pub data: Json,
    /// How long it lasts; none: as `[sessions]` says.
    pub ttl: Option<Duration>,
    /// Whether whoever asks for it may say whose it is. Where it is not so, the session ends to count once `[auth]` is there.
    pub is_vouched: bool,
}

impl NewSession {
    /// For somebody of this id, without data: the program that says so vouches for it.
    pub fn of(id: impl Into<String>) -> Self {
        let holder = Holder { id: id.into(), ..Holder::default() };
        Self { holder, data: Json::new(JsonValue::Object(Vec::new())), ttl: None, is_vouched: true }
    }
}

/// The sessions of a project. Cheap to clone.
#[derive(Clone)]
pub struct Sessions {
    inner: Arc<Inner>,
}

struct Inner {
    config: SessionsConfig,
    store: Arc<dyn engine::Sessions>,
    /// Whether a session counts for which nobody vouched: with `[auth]` it would have what roles its maker liked.
    takes_any: bool,
    created: Counter,
    revoked: Counter,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions").field("engine", &self.inner.store.engine()).finish_non_exhaustive()
    }
}

impl Brigade {
    /// The project's sessions.
    ///
    /// # Errors
    /// BRG503 where the project was opened only to be looked at.
    pub fn sessions(&self) -> Result<&Sessions> {
        self.inner.sessions.as_ref().ok_or_else(|| {
            Error::unavailable("sessions are for the process that serves the project", Duration::from_secs(1))
                .hint("open the project with run: true")
        })
    }
}

impl Sessions {
    pub(crate) fn open(project: &Project, data_dir: &Path, stores: &Stores) -> Result<Self> {
        metrics::describe_counter!("brigade_sessions_created_total", "Sessions that were made");
        metrics::describe_counter!("brigade_sessions_revoked_total", "Sessions that were revoked");
        let (created, revoked) =
            (metrics::counter!("brigade_sessions_created_total"), metrics::counter!("brigade_sessions_revoked_total"));
        for counter in [&created, &revoked] {
            counter.absolute(0);
        }
        let (config, store) = (project.config.sessions.clone(), stores.sessions(data_dir)?);
        let takes_any = project.config.auth.is_none();
        Ok(Self { inner: Arc::new(Inner { config, store, takes_any, created, revoked }) })
    }

    /// Makes a session. The text is its token, which is not kept and cannot be shown again.
    ///
    /// # Errors
    /// BRG400 for a holder or a time that cannot be; BRG413 for too much data; BRG503 where the store is away, and then
    /// nobody knows a token of it.
    pub async fn create(&self, new: NewSession) -> Result<(String, Found)> {
        check(&new.holder)?;
        let ttl = new.ttl.unwrap_or(self.inner.config.ttl);
        if ttl < Duration::from_millis(1) || ttl > SESSION_TTL_MAX {
            let most = SESSION_TTL_MAX.as_secs();
            return Err(
                malformed("no session lasts that long").hint(format!("more than nothing, and at most {most} seconds"))
            );
        }
        let (data, ttl_ms) = (compact(&new.data)?, ttl.as_millis() as u64);
        let session = Session { holder: new.holder, data, ttl_ms, is_vouched: new.is_vouched };
        let token = format!("{SESSION_PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()));
        self.inner.store.create(&hash(&token), &session).await?;
        self.inner.created.increment(1);
        let left_ms = session.ttl_ms;
        Ok((token, Found { session, left_ms }))
    }

    /// The session of a token, if it is neither over nor revoked. Where use prolongs sessions, this is use.
    ///
    /// # Errors
    /// BRG503 where the store is away.
    pub async fn find(&self, token: &str) -> Result<Option<Found>> {
        let Some(id) = id(token) else { return Ok(None) };
        let Some(mut found) = self.counting(&id).await? else { return Ok(None) };
        let ttl = found.session.ttl_ms;
        let since = ttl.saturating_sub(found.left_ms);
        if self.inner.config.sliding && since >= (SESSION_SLIDE.as_millis() as u64).min(ttl / 10) {
            match self.inner.store.touch(&id).await {
                Ok(true) => found.left_ms = ttl,
                // Revoked between the two.
                Ok(false) => return Ok(None),
                // It is still good; the next use prolongs it.
                Err(error) => tracing::debug!(%error, "a session was not prolonged"),
            }
        }
        Ok(Some(found))
    }

    /// Prolongs a session, where use does; else it only says how long it still lasts.
    ///
    /// # Errors
    /// BRG503 where the store is away.
    pub async fn touch(&self, token: &str) -> Result<Option<Found>> {
        let Some(id) = id(token) else { return Ok(None) };
        if !self.inner.takes_any && self.counting(&id).await?.is_none() {
            return Ok(None);
        }
        if self.inner.config.sliding && !self.inner.store.touch(&id).await? {
            return Ok(None);
        }
        self.counting(&id).await
    }

    /// A session as it is kept, if it counts.
    async fn counting(&self, id: &SessionId) -> Result<Option<Found>> {
        let found = self.inner.store.find(id).await?;
        Ok(found.filter(|found| found.session.is_vouched || self.inner.takes_any))
    }

    /// Lays a JSON merge patch over a session's data.
    ///
    /// # Errors
    /// BRG400 for what is no object; BRG413 where there is too much data then; BRG503 where the store is away, or others
    /// change it all the time.
    pub async fn patch(&self, token: &str, patch: &Json) -> Result<Option<Found>> {
        if !matches!(patch.value, JsonValue::Object(_)) {
            return Err(no_object());
        }
        let Some(id) = id(token) else { return Ok(None) };
        for _ in 0..SESSION_CHANGES_MAX {
            let Some(mut found) = self.find(token).await? else { return Ok(None) };
            let before = Json::parse(found.session.data.as_bytes()).map_err(|e| Error::internal(e.message))?;
            let after = compact(&merge(Some(before), patch))?;
            match self.inner.store.swap_data(&id, &found.session.data, &after).await? {
                Swapped::Done => {
                    found.session.data = after;
                    return Ok(Some(found));
                }
                Swapped::Gone => return Ok(None),
                Swapped::Changed => {}
            }
        }
        Err(Error::unavailable("others change this session all the time", Duration::from_secs(1)))
    }

    /// Ends a session for ever, and says whether there was one.
    ///
    /// # Errors
    /// BRG503 where the store is away, and then it may still be good.
    pub async fn revoke(&self, token: &str) -> Result<bool> {
        let Some(id) = id(token) else { return Ok(false) };
        let revoked = self.inner.store.revoke(&id).await?;
        self.inner.revoked.increment(u64::from(revoked));
        Ok(revoked)
    }

    /// Ends all sessions of a holder for ever, and counts them.
    ///
    /// # Errors
    /// BRG503 where the store is away, and then some may still be good.
    pub async fn revoke_all(&self, holder: &str) -> Result<u64> {
        let revoked = self.inner.store.revoke_all(holder).await?;
        self.inner.revoked.increment(revoked);
        Ok(revoked)
    }
}

/// The id of what has the form of a token.
fn id(token: &str) -> Option<SessionId> {
    let random = token.strip_prefix(SESSION_PREFIX)?;
    (random.len() == TOKEN_BYTES).then(|| hash(token))
}

fn hash(token: &str) -> SessionId {
    SessionId::new(Sha256::digest(token.as_bytes()).into())
}

fn check(holder: &Holder) -> Result<()> {
    let fits = |text: &str| !text.is_empty() && text.len() <= CLAIM_BYTES_MAX && !text.contains(char::is_control);
    let optional = |text: &Option<String>| text.as_deref().is_none_or(fits);
    let what = match holder {
        holder if !fits(&holder.id) => "id",
        holder if !optional(&holder.tenant) => "tenant",
        holder if !optional(&holder.tier) => "tier",
        holder if holder.roles.len() > ROLES_MAX || !holder.roles.iter().all(|role| fits(role)) => "roles",
        _ => return Ok(()),
    };
    let hint = format!("use 1 to {CLAIM_BYTES_MAX} visible bytes for a text, and at most {ROLES_MAX} roles");
    Err(malformed(&format!("principal.{what} cannot be kept")).hint(hint))
}

fn compact(data: &Json) -> Result<String> {
    if !matches!(data.value, JsonValue::Object(_)) {
        return Err(no_object());
    }
    let text = data.to_compact();
    if text.len() > SESSION_DATA_BYTES_MAX {
        return Err(Error::new(code::LIMIT, "the session's data is too large")
            .details(format!("SESSION_DATA_BYTES_MAX is {SESSION_DATA_BYTES_MAX}, given are {}", text.len()))
            .hint("keep what is large in a table, and its key here"));
    }
    Ok(text)
}

fn no_object() -> Error {
    malformed("the session's data must be an object").hint("as {\"theme\": \"dark\"}")
}

fn malformed(message: &str) -> Error {
    Error::new(code::MALFORMED, message)
}

#[cfg(test)]
mod tests;
