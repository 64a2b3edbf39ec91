//! What a check says in headers: those of the IETF's draft 10, the classic ones, and when to come again.

use std::{fmt::Display, time::Duration};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use brigade::{
    Limit,
    data::{Error, code},
    limit::{Quota, Verdict},
};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");
const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Whole seconds, rounded up: whoever waits so long waits long enough.
pub fn seconds(ms: u64) -> u64 {
    ms.div_ceil(1_000)
}

/// Writes them all, unless the answer tells of another limit already.
pub fn write(headers: &mut HeaderMap, limit: &Limit, quota: Quota, verdict: &Verdict) {
    if headers.contains_key(&STATE) {
        return;
    }
    let (name, window_s) = (limit.name(), limit.config().shape.window_ms / 1_000);
    let reset_s = seconds(verdict.reset_ms);
    let mut put = |header: HeaderName, value: &dyn Display| {
        // Names of limits and numbers are good in a header.
        if let Ok(value) = HeaderValue::from_str(&value.to_string()) {
            headers.insert(header, value);
        }
    };
    put(POLICY, &format_args!("\"{name}\";q={};w={window_s}", quota.quota));
    put(STATE, &format_args!("\"{name}\";r={};t={reset_s}", verdict.remaining));
    put(LIMIT, &verdict.limit);
    put(REMAINING, &verdict.remaining);
    put(RESET, &seconds(verdict.now_ms + verdict.reset_ms));
    if let Some(retry_ms) = verdict.retry_ms {
        put(header::RETRY_AFTER, &seconds(retry_ms).max(1));
    }
}

/// A check that was refused, as an error.
pub fn refusal(limit: &Limit, quota: Quota, verdict: &Verdict) -> Error {
    let window_s = limit.config().shape.window_ms / 1_000;
    let retry_s = seconds(verdict.retry_ms.unwrap_or_default()).max(1);
    Error::new(code::RATE_LIMITED, "too many requests")
        .details(format!(
            "the limit {} admits {} in {window_s} s; {} are left",
            limit.name(),
            quota.quota,
            verdict.remaining
        ))
        .hint(format!("come again in {retry_s} s"))
        .retry_after(Duration::from_secs(retry_s))
}
