//! Times of day, midnight at both ends included.

use super::{DAY, push_fraction, push_padded, scan::Scan};

/// Reads `10:00`, `10:00:01` or `10:00:01.5`.
pub fn parse(text: &str) -> Option<i64> {
    let mut scan = Scan::new(text);
    let micros = scan.clock()?;
    scan.end()?;
    (micros <= DAY).then_some(micros)
}

/// Writes what [`parse`] reads, with as many digits as needed.
pub fn format(micros: i64) -> String {
    let mut out = String::with_capacity(15);
    push(&mut out, micros / 1_000_000);
    push_fraction(&mut out, micros % 1_000_000);
    out
}

pub(super) fn push(out: &mut String, seconds: i64) {
    push_padded(out, seconds / 3600, 2);
    out.push(':');
    push_padded(out, seconds / 60 % 60, 2);
    out.push(':');
    push_padded(out, seconds % 60, 2);
}
