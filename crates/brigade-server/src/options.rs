//! What the server needs to know beside the project, and what it bounds. Every bound stands in `limits.rs`; here it can be
//! made smaller, so that a test reaches it.

use std::time::Duration;

use brigade::limits;

/// What the server needs to know beside the project.
#[derive(Clone, Default)]
pub struct ServerOptions {
    /// What `/admin/*` asks for: the token that lies in the lock file, readable by its owner alone. None: no `/admin`.
    pub admin_token: Option<String>,
    /// What bounds connections, requests and followers.
    pub limits: ServerLimits,
}

impl ServerOptions {
    /// The default limits, with a token for `/admin/*`.
    pub fn with_token(token: impl Into<String>) -> Self {
        Self { admin_token: Some(token.into()), limits: ServerLimits::default() }
    }
}

impl std::fmt::Debug for ServerOptions {
    /// Without the token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerOptions")
            .field("admin_token", &self.admin_token.as_ref().map(|_| "…"))
            .field("limits", &self.limits)
            .finish()
    }
}

/// What bounds connections, requests and followers. The defaults, and why they are so, are those of `limits.rs`.
#[derive(Clone, Debug)]
pub struct ServerLimits {
    /// Connections open at once; further ones wait to be accepted.
    pub connections_max: usize,
    /// Requests being answered at once; past it 503 BRG503.
    pub requests_max: usize,
    /// Followers of `/changes` at once; past it 503 BRG503.
    pub followers_max: usize,
    /// Live reads at once; past it 503 BRG503.
    pub live_max: usize,
    /// How long a request's head may take, and a connection idle.
    pub head_timeout: Duration,
    /// How long a request's body may take; past it 408 BRG408.
    pub body_timeout: Duration,
    /// How long a peer may take no byte of an answer before its connection is cut.
    pub write_timeout: Duration,
    /// How long a follower of `/changes` may take nothing before it is cut off with BRG503.
    pub follower_stall: Duration,
    /// How often a quiet follower gets a comment line.
    pub follower_comment: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections_max: limits::CONNECTIONS_MAX,
            requests_max: limits::REQUESTS_MAX,
            followers_max: limits::FOLLOWERS_MAX,
            live_max: limits::LIVE_MAX,
            head_timeout: limits::HEAD_TIMEOUT,
            body_timeout: limits::BODY_TIMEOUT,
            write_timeout: limits::WRITE_TIMEOUT,
            follower_stall: limits::FOLLOWER_STALL,
            follower_comment: limits::FOLLOWER_COMMENT,
        }
    }
}
