//! PostgreSQL's numeric: exact decimals whose digits stay as they were written (`12.50` stays `12.50`).

use std::{fmt, str::FromStr};

use bigdecimal::{BigDecimal, RoundingMode, num_bigint::Sign};

/// Digits before or behind the point that PostgreSQL's numeric can hold.
const DIGITS_MAX: i64 = 131_072;

/// An exact decimal, or one of the three values that are not numbers.
#[derive(Clone, Debug)]
pub enum Numeric {
    /// A number; its scale is the number of digits shown behind the point.
    Finite(BigDecimal),
    /// Not a number.
    NaN,
    /// Above every number.
    Infinity,
    /// Below every number.
    NegInfinity,
}

impl Numeric {
    /// Fits the number into numeric(p,s): rounds half away from zero. `None` if it has too many digits.
    #[must_use]
    pub fn fit(self, precision: u32, scale: u32) -> Option<Self> {
        match self {
            Self::Finite(n) => {
                let n = n.with_scale_round(i64::from(scale), RoundingMode::HalfUp);
                let digits = if n.sign() == Sign::NoSign { 0 } else { n.digits() };
                (digits <= u64::from(precision)).then_some(Self::Finite(n))
            }
            Self::NaN => Some(Self::NaN),
            infinite => {
                let _ = infinite;
                None
            }
        }
    }
}

impl Numeric {
    /// The sum, with as many digits behind the point as the longer one has.
    #[must_use]
    pub fn plus(self, more: &Self) -> Self {
        match (self, more) {
            (Self::Finite(a), Self::Finite(b)) => Self::Finite(a + b),
            (Self::Finite(_), other) => other.clone(),
            (a, Self::Finite(_)) => a,
            (a, b) if a == *b => a,
            _ => Self::NaN,
        }
    }

    /// The quotient with a whole number, with as many digits as PostgreSQL's `numeric / numeric` shows: sixteen that say
    /// something at least (`select_div_scale` in its `numeric.c`).
    #[must_use]
    pub fn divided_by(self, n: u64) -> Self {
        let Self::Finite(sum) = self else { return self };
        let (weight, first) = leading(&sum);
        let divisor = BigDecimal::from(n.max(1));
        let (divisor_weight, divisor_first) = leading(&divisor);
        let quotient_weight = weight - divisor_weight - i64::from(first <= divisor_first);
        let scale = (16 - quotient_weight * 4).max(sum.fractional_digit_count()).clamp(0, 1_000);
        // More digits than are shown, so that the last one is rounded once.
        let (digits, exponent) = sum.as_bigint_and_exponent();
        let up = (scale + 2 - exponent).max(0);
        let scaled = BigDecimal::new(digits * bigdecimal::num_bigint::BigInt::from(10).pow(up as u32), 0);
        let whole = scaled.as_bigint_and_exponent().0;
        let quotient = &whole / bigdecimal::num_bigint::BigInt::from(n.max(1));
        Self::Finite(BigDecimal::new(quotient, exponent + up).with_scale_round(scale, RoundingMode::HalfUp))
    }
}

/// PostgreSQL keeps a numeric in groups of four digits: the place of the first group, and that group.
fn leading(n: &BigDecimal) -> (i64, i64) {
    let (digits, scale) = n.as_bigint_and_exponent();
    let text = digits.magnitude().to_string();
    if text == "0" {
        return (0, 0);
    }
    let place = text.len() as i64 - scale - 1;
    let weight = place.div_euclid(4);
    let length = (place.rem_euclid(4) + 1) as usize;
    let group: String = text.chars().chain(std::iter::repeat('0')).take(length).collect();
    (weight, group.parse().unwrap_or_default())
}

impl PartialEq for Numeric {
    /// Equal digits, scale included: `1.0` and `1.00` are two images of one number.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Finite(a), Self::Finite(b)) => a.as_bigint_and_exponent() == b.as_bigint_and_exponent(),
            (Self::NaN, Self::NaN) | (Self::Infinity, Self::Infinity) | (Self::NegInfinity, Self::NegInfinity) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Numeric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finite(n) => f.write_str(&n.to_plain_string()),
            Self::NaN => f.write_str("NaN"),
            Self::Infinity => f.write_str("Infinity"),
            Self::NegInfinity => f.write_str("-Infinity"),
        }
    }
}

/// Why a text is no numeric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumericError {
    /// Not a number at all.
    Malformed,
    /// More digits than numeric can hold.
    OutOfRange,
}

impl FromStr for Numeric {
    type Err = NumericError;

    fn from_str(text: &str) -> Result<Self, NumericError> {
        let text = text.trim();
        match text.to_ascii_lowercase().as_str() {
            "nan" => return Ok(Self::NaN),
            "infinity" | "inf" | "+infinity" | "+inf" => return Ok(Self::Infinity),
            "-infinity" | "-inf" => return Ok(Self::NegInfinity),
            _ => {}
        }
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i64>().map_err(|_| NumericError::Malformed)?),
            None => (text, 0),
        };
        let digits = mantissa.strip_prefix(['+', '-']).unwrap_or(mantissa);
        let well_formed = digits.bytes().any(|b| b.is_ascii_digit())
            && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
            && digits.bytes().filter(|&b| b == b'.').count() <= 1;
        if !well_formed {
            return Err(NumericError::Malformed);
        }
        if exponent.abs() > DIGITS_MAX || digits.len() as i64 > DIGITS_MAX {
            return Err(NumericError::OutOfRange);
        }
        let n = BigDecimal::from_str(text).map_err(|_| NumericError::Malformed)?;
        // 1e2 is 100 with no digits behind the point, as PostgreSQL shows it.
        let n = if n.fractional_digit_count() < 0 { n.with_scale(0) } else { n };
        Ok(Self::Finite(n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_has_the_digits_that_postgresql_shows() {
        for (sum, n, expected) in [
            ("113", 3, "37.6666666666666667"),
            ("1", 3, "0.33333333333333333333"),
            ("10", 4, "2.5000000000000000"),
            ("100000", 3, "33333.333333333333"),
            ("-1", 3, "-0.33333333333333333333"),
            ("23.75", 3, "7.9166666666666667"),
            ("0", 5, "0.00000000000000000000"),
        ] {
            let mean = sum.parse::<Numeric>().unwrap().divided_by(n);
            assert_eq!(mean.to_string(), expected, "{sum} / {n}");
        }
    }

    #[test]
    fn keeps_its_digits() {
        for (text, shown) in [
            ("12.50", "12.50"),
            ("-0.00", "0.00"),
            ("1e2", "100"),
            ("1.5e-3", "0.0015"),
            ("NaN", "NaN"),
            ("-inf", "-Infinity"),
            ("00012", "12"),
            (".5", "0.5"),
        ] {
            assert_eq!(text.parse::<Numeric>().unwrap().to_string(), shown, "{text}");
        }
        for bad in ["", ".", "1.2.3", "abc", "1e", "0x10", "1_000"] {
            assert_eq!(bad.parse::<Numeric>(), Err(NumericError::Malformed), "{bad}");
        }
        assert_eq!("1e999999999".parse::<Numeric>(), Err(NumericError::OutOfRange));
    }

    #[test]
    fn fits_by_rounding_half_away_from_zero() {
        for (text, shown) in [("1.005", Some("1.01")), ("-1.005", Some("-1.01")), ("999.994", Some("999.99"))] {
            let fitted = text.parse::<Numeric>().unwrap().fit(5, 2);
            assert_eq!(fitted.map(|n| n.to_string()).as_deref(), shown, "{text}");
        }
        assert_eq!("999.995".parse::<Numeric>().unwrap().fit(5, 2), None);
        assert_eq!("0".parse::<Numeric>().unwrap().fit(2, 2).unwrap().to_string(), "0.00");
    }
}
