//! Timestamps with a zone, kept in UTC: the zone that was written is not kept, as PostgreSQL has it.

use super::{TIMESTAMP_MAX, TIMESTAMP_MIN, scan::scan_timestamp, timestamp};

/// Reads ISO 8601; without a zone, UTC.
pub fn parse(text: &str) -> Option<i64> {
    match scan_timestamp(text)? {
        (infinite @ (TIMESTAMP_MIN | TIMESTAMP_MAX), _) => Some(infinite),
        (micros, offset_seconds) => micros.checked_sub(offset_seconds.unwrap_or(0) * 1_000_000),
    }
}

/// Writes ISO 8601 in UTC with `+00:00`, and as many fractional digits as needed.
pub fn format(micros: i64) -> String {
    timestamp::render(micros, false, "+00:00")
}

/// As [`format()`], always with six fractional digits, so that years 1 to 9999 sort as text.
pub fn format_fixed(micros: i64) -> String {
    timestamp::render(micros, true, "+00:00")
}
