//! Intervals: months, days and microseconds are kept apart, since none of them is always so many of another.

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
