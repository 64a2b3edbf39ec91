//! Dates, and the calendar that all the others count on.

use super::{
    calendar::{civil, days, year},
    push_padded,
    scan::{Fields, Scan},
};

/// Reads `2026-11-21`, also with ` BC`, or an infinity.
pub fn parse(text: &str) -> Option<i32> {
    match text.trim() {
        "infinity" => return Some(i32::MAX),
        "-infinity" => return Some(i32::MIN),
        _ => {}
    }
    let mut scan = Scan::new(text);
    let fields = Fields::date(&mut scan)?;
    let bc = scan.bc();
    scan.end()?;
    days(year(fields.year, bc), fields.month, fields.day).map(|d| d as i32)
}

/// Writes what [`parse`] reads.
pub fn format(value: i32) -> String {
    match value {
        i32::MAX => "infinity".to_owned(),
        i32::MIN => "-infinity".to_owned(),
        _ => {
            let mut out = String::with_capacity(13);
            let era = push(&mut out, i64::from(value));
            out + era
        }
    }
}

/// Writes year, month and day; what comes after everything else is answered.
pub(super) fn push(out: &mut String, days: i64) -> &'static str {
    let (y, m, d) = civil(days);
    push_padded(out, if y > 0 { y } else { 1 - y }, 4);
    out.push('-');
    push_padded(out, m, 2);
    out.push('-');
    push_padded(out, d, 2);
    if y > 0 { "" } else { " BC" }
}
