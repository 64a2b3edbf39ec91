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
