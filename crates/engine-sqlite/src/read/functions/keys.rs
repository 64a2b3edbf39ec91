//! Bytes that sort as PostgreSQL sorts what SQLite keeps as text: numbers of any length, intervals.

use brigade_core::data::{Numeric, interval};
use rusqlite::{Error, Result, functions::Context, types::ValueRef};

/// Bytes that sort as the number that a text is.
pub(super) fn number_key(context: &Context<'_>) -> Result<Option<Vec<u8>>> {
    let text = match context.get_raw(0) {
        ValueRef::Null => return Ok(None),
        ValueRef::Integer(n) => n.to_string(),
        ValueRef::Real(n) => n.to_string(),
        other => other.as_str().unwrap_or_default().to_owned(),
    };
    let number: Numeric =
        text.parse().map_err(|_| Error::UserFunctionError("a numeric column holds no number".into()))?;
    Ok(Some(key(&number)))
}

/// A class, then the size of the number, then its digits; turned round for negative ones.
pub(super) fn key(number: &Numeric) -> Vec<u8> {
    let finite = match number {
        Numeric::NegInfinity => return vec![0],
        Numeric::Infinity => return vec![4],
        Numeric::NaN => return vec![5],
        Numeric::Finite(n) => n.normalized(),
    };
    let (digits, scale) = finite.as_bigint_and_exponent();
    let text = digits.to_string();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.as_str()),
    };
    if digits == "0" {
        return vec![2];
    }
    let size = (digits.len() as i64 - scale + (1 << 40)) as u64;
    let mut out = vec![3];
    out.extend_from_slice(&size.to_be_bytes());
    out.extend_from_slice(digits.as_bytes());
    if negative {
        out.push(0);
        out[0] = 1;
        for byte in &mut out[1..] {
            *byte = !*byte;
        }
    }
    out
}

/// Bytes that sort as the interval that a text is: a month has 30 days, a day 24 hours.
pub(super) fn interval_key(context: &Context<'_>) -> Result<Option<Vec<u8>>> {
    let text = match context.get_raw(0) {
        ValueRef::Null => return Ok(None),
        other => other.as_str().unwrap_or_default(),
    };
    let span =
        interval::parse(text).ok_or_else(|| Error::UserFunctionError("an interval column holds no interval".into()))?;
    let days = i128::from(span.months) * 30 + i128::from(span.days);
    let micros = days * 86_400_000_000 + i128::from(span.micros);
    Ok(Some(((micros as u128) ^ (1 << 127)).to_be_bytes().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_numbers_do() {
        let sorted = [
            "-Infinity",
            "-1e30",
            "-100.5",
            "-100",
            "-99.999",
            "-1.1",
            "-1",
            "-0.5",
            "-0.05",
            "0",
            "0.001",
            "0.01",
            "0.1",
            "1",
            "1.05",
            "1.1",
            "9",
            "10",
            "10.5",
            "99",
            "100",
            "1e30",
            "Infinity",
            "NaN",
        ];
        let keys: Vec<Vec<u8>> = sorted.iter().map(|text| key(&text.parse().unwrap())).collect();
        for (i, pair) in keys.windows(2).enumerate() {
            assert!(pair[0] < pair[1], "{} < {}", sorted[i], sorted[i + 1]);
        }
        for (a, b) in [("1.0", "1.00"), ("0", "-0.0"), ("100", "1e2")] {
            assert_eq!(key(&a.parse().unwrap()), key(&b.parse().unwrap()), "{a} = {b}");
        }
    }
}
