//! Times of day, midnight at both ends included.

use super::{DAY, push_fraction, scan::Scan};

/// Reads `10:00`, `10:00:01` or `10:00:01.5`.
pub fn parse(text: &str) -> Option<i64> {
    let mut scan = Scan::new(text);
    let micros = scan.clock()?;
    scan.end()?;
    (micros <= DAY).then_some(micros)
}

/// Writes what [`parse`] reads, with as many digits as needed.
pub fn format(micros: i64) -> String {
    let seconds = micros / 1_000_000;
    let mut out = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    push_fraction(&mut out, micros % 1_000_000);
    out
}
