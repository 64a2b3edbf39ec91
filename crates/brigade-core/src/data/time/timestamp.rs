//! Timestamps without a zone; those with one are read and written through here.

use super::{DAY, TIMESTAMP_MAX, TIMESTAMP_MIN, date, push_fraction, push_padded, scan::scan_timestamp, time_of_day};

/// Reads ISO 8601 with `T` or a blank; a zone is passed over, as PostgreSQL does.
pub fn parse(text: &str) -> Option<i64> {
    scan_timestamp(text).map(|(micros, _)| micros)
}

/// Writes ISO 8601 with `T`, and as many fractional digits as needed.
pub fn format(micros: i64) -> String {
    render(micros, false, "")
}

/// Writes ISO 8601 with `T` and always six fractional digits, so that years 1 to 9999 sort as text.
pub fn format_fixed(micros: i64) -> String {
    render(micros, true, "")
}

pub(super) fn render(micros: i64, fixed: bool, zone: &str) -> String {
    match micros {
        TIMESTAMP_MAX => return "infinity".to_owned(),
        TIMESTAMP_MIN => return "-infinity".to_owned(),
        _ => {}
    }
    let mut out = String::with_capacity(36);
    let era = date::push(&mut out, micros.div_euclid(DAY));
    out.push('T');
    let of_day = micros.rem_euclid(DAY);
    time_of_day::push(&mut out, of_day / 1_000_000);
    if fixed {
        out.push('.');
        push_padded(&mut out, of_day % 1_000_000, 6);
    } else {
        push_fraction(&mut out, of_day % 1_000_000);
    }
    out.push_str(zone);
    out + era
}
