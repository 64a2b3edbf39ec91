//! Timestamps without a zone; those with one are read and written through here.

use super::{DAY, TIMESTAMP_MAX, TIMESTAMP_MIN, date, push_fraction, scan::scan_timestamp, time_of_day};

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
    let day = date::format(micros.div_euclid(DAY) as i32);
    let (day, era) = day.strip_suffix(" BC").map_or((day.as_str(), ""), |d| (d, " BC"));
    let of_day = micros.rem_euclid(DAY);
    let mut out = format!("{day}T{}", time_of_day::format(of_day - of_day % 1_000_000));
    if fixed {
        out.push_str(&format!(".{:06}", of_day % 1_000_000));
    } else {
        push_fraction(&mut out, of_day % 1_000_000);
    }
    out + zone + era
}
