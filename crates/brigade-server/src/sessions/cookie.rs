//! What a browser keeps of a session: its token, where no script and no other host reads it.

use axum::http::HeaderValue;
use brigade::schema::SessionsConfig;

/// Keeps a token for as long as its session lasts.
pub fn keep(config: &SessionsConfig, token: &str, left_ms: u64) -> HeaderValue {
    line(config, token, left_ms.div_ceil(1_000))
}

/// Forgets whatever was kept.
pub fn forget(config: &SessionsConfig) -> HeaderValue {
    line(config, "", 0)
}

/// Without a Domain it is for this host alone, and `Secure` holds on `localhost` too.
fn line(config: &SessionsConfig, token: &str, seconds: u64) -> HeaderValue {
    let (name, same_site) = (&config.cookie, config.same_site.as_str());
    let text = format!("{name}={token}; Path=/; Max-Age={seconds}; HttpOnly; Secure; SameSite={same_site}");
    HeaderValue::try_from(text).expect("visible characters")
}
