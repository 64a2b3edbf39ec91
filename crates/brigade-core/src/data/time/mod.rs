//! Dates and times as PostgreSQL keeps them: days or microseconds since 1970, years -4713 to 294246, infinities.
//!
//! Own arithmetic, because calendar crates end at year 9999 and a PostgreSQL row may not.

mod calendar;
/// Dates: days since 1970-01-01; `i32::MIN` and `i32::MAX` are the infinities.
pub mod date;
/// Intervals in ISO 8601, as PostgreSQL writes them with `intervalstyle = iso_8601`.
pub mod interval;
mod scan;
#[cfg(test)]
mod tests;
/// Times of day: microseconds since midnight, 24:00 included.
pub mod time_of_day;
/// Timestamps without a zone: microseconds since 1970-01-01 00:00.
pub mod timestamp;
/// Timestamps with a zone, kept in UTC: microseconds since 1970-01-01T00:00Z.
pub mod timestamptz;

/// PostgreSQL's `-infinity`.
pub const TIMESTAMP_MIN: i64 = i64::MIN;
/// PostgreSQL's `infinity`.
pub const TIMESTAMP_MAX: i64 = i64::MAX;

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// PostgreSQL's interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Interval {
    /// Months; 12 a year.
    pub months: i32,
    /// Days; not always 24 hours.
    pub days: i32,
    /// Microseconds.
    pub micros: i64,
}

/// Writes a number that is not negative with at least so many digits. By hand, because every commit writes times and the
/// machinery of `format!` stood out in its profile.
fn push_padded(out: &mut String, number: i64, width: usize) {
    let mut digits = [b'0'; 20];
    let (mut left, mut at) = (number, digits.len());
    while left > 0 {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
    }
    let from = at.min(digits.len() - width);
    out.extend(digits[from..].iter().map(|&digit| char::from(digit)));
}

fn push_fraction(out: &mut String, micros: i64) {
    if micros != 0 {
        out.push_str(format!(".{micros:06}").trim_end_matches('0'));
    }
}
