//! Dates and times as PostgreSQL keeps them: days or microseconds since 1970, years -4713 to 294246, infinities.
//!
//! Own arithmetic, because calendar crates end at year 9999 and a PostgreSQL row may not. The civil-day formulas are
//! Howard Hinnant's, <https://howardhinnant.github.io/date_algorithms.html>.

/// PostgreSQL's `-infinity`.
pub const TIMESTAMP_MIN: i64 = i64::MIN;
/// PostgreSQL's `infinity`.
pub const TIMESTAMP_MAX: i64 = i64::MAX;

const DAY: i64 = 86_400_000_000;

/// Dates: days since 1970-01-01; `i32::MIN` and `i32::MAX` are the infinities.
pub mod date {
    use super::{Fields, Scan, civil, days, year};

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
}

/// Times of day: microseconds since midnight, 24:00 included.
pub mod time_of_day {
    use super::{DAY, Scan, push_fraction};

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
}

/// Timestamps without a zone: microseconds since 1970-01-01 00:00.
pub mod timestamp {
    use super::{DAY, TIMESTAMP_MAX, TIMESTAMP_MIN, date, push_fraction, scan_timestamp, time_of_day};

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
}

/// Timestamps with a zone, kept in UTC: microseconds since 1970-01-01T00:00Z.
pub mod timestamptz {
    use super::{TIMESTAMP_MAX, TIMESTAMP_MIN, scan_timestamp, timestamp};

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
}

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

/// Intervals in ISO 8601, as PostgreSQL writes them with `intervalstyle = iso_8601`.
pub mod interval {
    use super::{Interval, push_fraction};

    /// Reads `P1Y2M3DT4H5M6.5S` (signs allowed before every number), or `1 day 02:03:04` as PostgreSQL writes it.
    pub fn parse(text: &str) -> Option<Interval> {
        let text = text.trim();
        if let Some(iso) = text.strip_prefix('P') { parse_iso(iso) } else { parse_words(text) }
    }

    fn parse_iso(text: &str) -> Option<Interval> {
        let mut out = Interval { months: 0, days: 0, micros: 0 };
        let mut in_time = false;
        let mut number = String::new();
        let mut any = false;
        for c in text.chars() {
            match c {
                'T' if !in_time && number.is_empty() => in_time = true,
                '0'..='9' | '.' | '-' | '+' => number.push(c),
                unit => {
                    add(&mut out, &number, unit, in_time)?;
                    number.clear();
                    any = true;
                }
            }
        }
        (any && number.is_empty()).then_some(out)
    }

    fn add(out: &mut Interval, number: &str, unit: char, in_time: bool) -> Option<()> {
        let whole = || number.parse::<i32>().ok();
        match (unit, in_time) {
            ('Y', false) => out.months = out.months.checked_add(whole()?.checked_mul(12)?)?,
            ('M', false) => out.months = out.months.checked_add(whole()?)?,
            ('W', false) => out.days = out.days.checked_add(whole()?.checked_mul(7)?)?,
            ('D', false) => out.days = out.days.checked_add(whole()?)?,
            ('H', true) => out.micros = out.micros.checked_add(i64::from(whole()?).checked_mul(3_600_000_000)?)?,
            ('M', true) => out.micros = out.micros.checked_add(i64::from(whole()?).checked_mul(60_000_000)?)?,
            ('S', true) => out.micros = out.micros.checked_add(seconds(number)?)?,
            _ => return None,
        }
        Some(())
    }

    fn seconds(text: &str) -> Option<i64> {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if fraction.len() > 6 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let micros: i64 = if fraction.is_empty() { 0 } else { format!("{fraction:0<6}").parse().ok()? };
        let whole: i64 = whole.parse().ok()?;
        Some(sign * whole.checked_mul(1_000_000)?.checked_add(micros)?)
    }

    fn parse_words(text: &str) -> Option<Interval> {
        let mut out = Interval { months: 0, days: 0, micros: 0 };
        let mut words = text.split_ascii_whitespace().peekable();
        words.peek()?;
        while let Some(word) = words.next() {
            if word.contains(':') {
                let (sign, clock) = word.strip_prefix('-').map_or((1, word.trim_start_matches('+')), |c| (-1, c));
                let mut parts = clock.split(':');
                let hours: i64 = parts.next()?.parse().ok()?;
                let minutes: i64 = parts.next()?.parse().ok()?;
                let rest = seconds(parts.next().unwrap_or("0"))?;
                out.micros += sign * (hours.checked_mul(3_600_000_000)? + minutes * 60_000_000 + rest);
                continue;
            }
            let unit = words.next()?.trim_end_matches('s');
            match unit {
                "year" | "yr" => add(&mut out, word, 'Y', false)?,
                "mon" | "month" => add(&mut out, word, 'M', false)?,
                "week" => add(&mut out, word, 'W', false)?,
                "day" => add(&mut out, word, 'D', false)?,
                "hour" => add(&mut out, word, 'H', true)?,
                "min" | "minute" => add(&mut out, word, 'M', true)?,
                "sec" | "second" => add(&mut out, word, 'S', true)?,
                _ => return None,
            }
        }
        Some(out)
    }

    /// Writes ISO 8601; nothing at all is `PT0S`.
    pub fn format(value: Interval) -> String {
        let mut out = "P".to_owned();
        let push = |out: &mut String, n: i64, unit: char| {
            if n != 0 {
                out.push_str(&format!("{n}{unit}"));
            }
        };
        push(&mut out, i64::from(value.months / 12), 'Y');
        push(&mut out, i64::from(value.months % 12), 'M');
        push(&mut out, i64::from(value.days), 'D');
        if value.micros != 0 {
            out.push('T');
            push(&mut out, value.micros / 3_600_000_000, 'H');
            push(&mut out, value.micros / 60_000_000 % 60, 'M');
            let rest = value.micros % 60_000_000;
            if rest != 0 {
                if rest < 0 {
                    out.push('-');
                }
                out.push_str(&(rest.abs() / 1_000_000).to_string());
                push_fraction(&mut out, rest.abs() % 1_000_000);
                out.push('S');
            }
        }
        if out == "P" { "PT0S".to_owned() } else { out }
    }
}

fn push_fraction(out: &mut String, micros: i64) {
    if micros != 0 {
        out.push_str(format!(".{micros:06}").trim_end_matches('0'));
    }
}

fn scan_timestamp(text: &str) -> Option<(i64, Option<i64>)> {
    match text.trim() {
        "infinity" => return Some((TIMESTAMP_MAX, None)),
        "-infinity" => return Some((TIMESTAMP_MIN, None)),
        _ => {}
    }
    let mut scan = Scan::new(text);
    let fields = Fields::date(&mut scan)?;
    let mut clock = 0;
    let mut offset = None;
    if scan.eat(b'T') || scan.eat(b't') || (scan.peek_digit_after_blank() && scan.eat(b' ')) {
        clock = scan.clock()?;
        offset = scan.offset()?;
    }
    let bc = scan.bc();
    scan.end()?;
    let day = days(year(fields.year, bc), fields.month, fields.day)?;
    Some((day.checked_mul(DAY)?.checked_add(clock)?, offset))
}

fn year(shown: i64, bc: bool) -> i64 {
    if bc { 1 - shown } else { shown }
}

fn days(y: i64, m: i64, d: i64) -> Option<i64> {
    let leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    let length = match m {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&d) || !(-4713..=294_246).contains(&y) {
        return None;
    }
    let y = if m <= 2 { y - 1 } else { y };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * (if m > 2 { m - 3 } else { m + 9 }) + 2) / 5 + d - 1;
    Some(era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468)
}

fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let m = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(m <= 2), m, doy - (153 * mp + 2) / 5 + 1)
}

struct Fields {
    year: i64,
    month: i64,
    day: i64,
}

impl Fields {
    fn date(scan: &mut Scan<'_>) -> Option<Self> {
        let year = scan.number(4, 6)?;
        scan.want(b'-')?;
        let month = scan.number(2, 2)?;
        scan.want(b'-')?;
        (year > 0).then_some(Self { year, month, day: scan.number(2, 2)? })
    }
}

/// A cursor over ASCII text.
struct Scan<'a>(&'a [u8]);

impl<'a> Scan<'a> {
    fn new(text: &'a str) -> Self {
        Self(text.trim().as_bytes())
    }

    fn eat(&mut self, byte: u8) -> bool {
        let hit = self.0.first() == Some(&byte);
        if hit {
            self.0 = &self.0[1..];
        }
        hit
    }

    fn want(&mut self, byte: u8) -> Option<()> {
        self.eat(byte).then_some(())
    }

    fn peek_digit_after_blank(&self) -> bool {
        self.0.first() == Some(&b' ') && self.0.get(1).is_some_and(u8::is_ascii_digit)
    }

    fn number(&mut self, min: usize, max: usize) -> Option<i64> {
        let length = self.0.iter().take(max).take_while(|b| b.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at(length);
        self.0 = rest;
        (length >= min).then(|| digits.iter().fold(0, |n, b| n * 10 + i64::from(b - b'0')))
    }

    /// `HH:MM[:SS[.ffffff]]` in microseconds; more than six digits are rounded, as PostgreSQL does.
    fn clock(&mut self) -> Option<i64> {
        let hours = self.number(2, 2)?;
        self.want(b':')?;
        let minutes = self.number(2, 2)?;
        let seconds = if self.eat(b':') { self.number(2, 2)? } else { 0 };
        let mut micros = 0;
        if self.eat(b'.') {
            let length = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
            let (digits, rest) = self.0.split_at(length);
            self.0 = rest;
            if digits.is_empty() {
                return None;
            }
            for i in 0..6 {
                micros = micros * 10 + digits.get(i).map_or(0, |b| i64::from(b - b'0'));
            }
            micros += i64::from(digits.get(6).is_some_and(|&b| b >= b'5'));
        }
        let valid = hours <= 24 && minutes < 60 && seconds <= 60;
        let total = ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + micros;
        (valid && total <= DAY + 1_000_000).then_some(total)
    }

    /// `Z`, `+01`, `+0100`, `+01:00` or `+01:00:00`, in seconds; the outer `None` is malformed.
    #[allow(clippy::option_option)]
    fn offset(&mut self) -> Option<Option<i64>> {
        if self.eat(b'Z') || self.eat(b'z') {
            return Some(Some(0));
        }
        let sign = if self.eat(b'+') {
            1
        } else if self.eat(b'-') {
            -1
        } else {
            return Some(None);
        };
        let hours = self.number(2, 2)?;
        let colon = self.eat(b':');
        let minutes = if colon || self.0.first().is_some_and(u8::is_ascii_digit) { self.number(2, 2)? } else { 0 };
        let seconds = if colon && self.eat(b':') { self.number(2, 2)? } else { 0 };
        (hours < 16 && minutes < 60 && seconds < 60).then_some(Some(sign * (hours * 3600 + minutes * 60 + seconds)))
    }

    fn bc(&mut self) -> bool {
        let bc = self.0 == b" BC";
        if bc {
            self.0 = &[];
        }
        bc
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_timestamps() {
        for (text, shown) in [
            ("2026-11-21T10:00:00.123456+00:00", "2026-11-21T10:00:00.123456+00:00"),
            ("2026-11-21 10:00:00+02", "2026-11-21T08:00:00+00:00"),
            ("2026-11-21 10:00:00.5-03:30", "2026-11-21T13:30:00.5+00:00"),
            ("2026-11-21", "2026-11-21T00:00:00+00:00"),
            ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999+00:00"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00"),
            ("0044-03-15 12:00:00+00 BC", "0044-03-15T12:00:00+00:00 BC"),
            ("294246-12-31T23:59:59Z", "294246-12-31T23:59:59+00:00"),
            ("infinity", "infinity"),
            ("2024-02-29T23:59:60Z", "2024-03-01T00:00:00+00:00"),
        ] {
            let micros = timestamptz::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(timestamptz::format(micros), shown, "{text}");
            assert_eq!(timestamptz::parse(shown), Some(micros), "{shown}");
        }
        for bad in ["", "2026-13-01", "2025-02-29", "2026-11-21T25:00Z", "2026-11-21T10:00:00+99", "now", "2026-11-21x"]
        {
            assert_eq!(timestamptz::parse(bad), None, "{bad}");
        }
        assert_eq!(timestamptz::format_fixed(0), "1970-01-01T00:00:00.000000+00:00");
    }

    #[test]
    fn every_day_comes_back() {
        for day in (-2_400_000..10_000_000).step_by(997) {
            assert_eq!(date::parse(&date::format(day)), Some(day), "{day}");
        }
    }

    #[test]
    fn reads_and_writes_intervals() {
        for (text, shown) in [
            ("P1Y2M3DT4H5M6.5S", "P1Y2M3DT4H5M6.5S"),
            ("1 day 02:03:04", "P1DT2H3M4S"),
            ("-1 days +02:00:00", "P-1DT2H"),
            ("1 year 2 mons", "P1Y2M"),
            ("P2W", "P14D"),
            ("PT-0.5S", "PT-0.5S"),
            ("00:00:00", "PT0S"),
            ("90 minutes", "PT1H30M"),
        ] {
            let value = interval::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(interval::format(value), shown, "{text}");
            assert_eq!(interval::parse(shown), Some(value), "{shown}");
        }
        for bad in ["", "P", "1", "day", "P1X", "1 fortnight"] {
            assert_eq!(interval::parse(bad), None, "{bad}");
        }
    }
}
