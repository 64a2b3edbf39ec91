//! A cursor over the text of a date or time. What it does not know it refuses; nothing is guessed.

use super::{DAY, TIMESTAMP_MAX, TIMESTAMP_MIN, calendar};

/// A timestamp without its zone, and the zone in seconds where there is one.
pub fn scan_timestamp(text: &str) -> Option<(i64, Option<i64>)> {
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
    let day = calendar::days(calendar::year(fields.year, bc), fields.month, fields.day)?;
    Some((day.checked_mul(DAY)?.checked_add(clock)?, offset))
}

/// A date as it stands there; the year is not yet one of the era.
pub struct Fields {
    /// The year, as written.
    pub year: i64,
    /// The month, from 1.
    pub month: i64,
    /// The day, from 1.
    pub day: i64,
}

impl Fields {
    /// `2026-11-21`.
    pub fn date(scan: &mut Scan<'_>) -> Option<Self> {
        let year = scan.number(4, 6)?;
        scan.want(b'-')?;
        let month = scan.number(2, 2)?;
        scan.want(b'-')?;
        (year > 0).then_some(Self { year, month, day: scan.number(2, 2)? })
    }
}

/// A cursor over ASCII text.
pub struct Scan<'a>(&'a [u8]);

impl<'a> Scan<'a> {
    /// Blanks around the text do not count.
    pub fn new(text: &'a str) -> Self {
        Self(text.trim().as_bytes())
    }

    /// Whether this byte came next; then it is behind the cursor.
    pub fn eat(&mut self, byte: u8) -> bool {
        let hit = self.0.first() == Some(&byte);
        if hit {
            self.0 = &self.0[1..];
        }
        hit
    }

    /// This byte must come next.
    pub fn want(&mut self, byte: u8) -> Option<()> {
        self.eat(byte).then_some(())
    }

    /// Whether a blank and a digit come next.
    pub fn peek_digit_after_blank(&self) -> bool {
        self.0.first() == Some(&b' ') && self.0.get(1).is_some_and(u8::is_ascii_digit)
    }

    /// Digits, so many at least and at most.
    pub fn number(&mut self, min: usize, max: usize) -> Option<i64> {
        let length = self.0.iter().take(max).take_while(|b| b.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at(length);
        self.0 = rest;
        (length >= min).then(|| digits.iter().fold(0, |n, b| n * 10 + i64::from(b - b'0')))
    }

    /// `HH:MM[:SS[.ffffff]]` in microseconds; more than six digits are rounded, as PostgreSQL does.
    pub fn clock(&mut self) -> Option<i64> {
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
    pub fn offset(&mut self) -> Option<Option<i64>> {
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

    /// Whether the rest is the mark of the era.
    pub fn bc(&mut self) -> bool {
        let bc = self.0 == b" BC";
        if bc {
            self.0 = &[];
        }
        bc
    }

    /// Nothing may be left.
    pub fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}
