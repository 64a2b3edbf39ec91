//! Sessions: who somebody is found to be, for a while, by a token that only its holder has.
//!
//! Invariants: what is kept names a session by the hash of its token, so that nobody who reads a store can use what stands
//! there; a session that was revoked never comes back.

mod merge;
mod text;

use std::fmt;

pub use merge::merge;

use crate::data::{Credential, Principal};

/// A session's id: SHA-256 of its token. Shown as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId([u8; 32]);

impl SessionId {
    /// Of a hash.
    pub fn new(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// The hash.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whose session it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holder {
    /// Its id: all sessions of one id can be revoked at once.
    pub id: String,
    /// Whose data it works on.
    pub tenant: Option<String>,
    /// Which quota it has.
    pub tier: Option<String>,
    /// What it may do is what any of these may.
    pub roles: Vec<String>,
}

impl Holder {
    /// Who asks with the session's token.
    pub fn principal(&self) -> Principal {
        Principal {
            credential: Credential::Session,
            id: Some(self.id.clone()),
            tenant: self.tenant.clone(),
            tier: self.tier.clone(),
            roles: self.roles.clone(),
        }
    }
}

/// A session as it is kept, without its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Whose it is.
    pub holder: Holder,
    /// What the application keeps in it: an object of JSON, without blanks.
    pub data: String,
    /// How long it lasts after it was made, or last used.
    pub ttl_ms: u64,
    /// Whether somebody who may make sessions has said whose it is. Without `[auth]` anybody on the machine could.
    pub is_vouched: bool,
}

/// A session as a store has it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The session.
    pub session: Session,
    /// How long it still lasts.
    pub left_ms: u64,
}

/// What became of a change of a session's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swapped {
    /// It was made.
    Done,
    /// The data was another by then: nothing was done.
    Changed,
    /// There is no such session.
    Gone,
}
