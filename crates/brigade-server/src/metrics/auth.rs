//! How often somebody was refused, and why: a wave of them is an attack, a clock that is off, or a key that was changed.

use crate::auth::reasons;

const REFUSED: &str = "brigade_auth_refused_total";

/// Says what the figures are; each reason is there from the start, at 0.
pub fn describe() {
    metrics::describe_counter!(
        REFUSED,
        "Requests refused for who asked, by reason; closed: known, and without the right"
    );
    for reason in reasons() {
        metrics::counter!(REFUSED, "reason" => reason).absolute(0);
    }
}

/// Counts a request that was refused.
pub fn refused(reason: &'static str) {
    metrics::counter!(REFUSED, "reason" => reason).increment(1);
}
