//! Dates, and the calendar that all the others count on.

use super::{
    calendar::{civil, days, year},
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
            let (y, m, d) = civil(i64::from(value));
            if y > 0 { format!("{y:04}-{m:02}-{d:02}") } else { format!("{:04}-{m:02}-{d:02} BC", 1 - y) }
        }
    }
}
