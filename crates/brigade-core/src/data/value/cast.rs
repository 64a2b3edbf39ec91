//! Explicit casts, as PostgreSQL does them: numbers round, texts are read, what a type cannot become is 42846.

use bigdecimal::RoundingMode;

use super::{Numeric, Read, SqlType, Value, ValueError};
use crate::data::{Json, JsonValue};

const DAY: i64 = 86_400_000_000;

impl SqlType {
    /// Whether there is a cast from this type to another.
    pub fn casts_to(&self, to: &Self) -> bool {
        use SqlType::{Bool, Date, Enum, Int, Other, Time, Timestamp, TimestampTz};
        let is_interval = |t: &Self| matches!(t, Self::Interval);
        match (self, to) {
            (a, b) if a == b => true,
            (Other(_), _) | (_, Other(_)) => true,
            // A text can be read as anything, and anything can be written as text.
            (a, b) if a.is_text() || b.is_text() => true,
            (a, b) if a.is_number() && b.is_number() => true,
            (Bool, Int) | (Int, Bool) => true,
            (a, b) if a.is_json() && b.is_json() => true,
            (Self::Jsonb, Bool) => true,
            (Self::Jsonb, b) => b.is_number(),
            (Date, Timestamp | TimestampTz) | (Timestamp | TimestampTz, Date | Time) => true,
            (Timestamp, TimestampTz) | (TimestampTz, Timestamp) => true,
            (Time, b) => is_interval(b),
            (a, Time) => is_interval(a),
            (Self::Array(a), Self::Array(b)) => a.casts_to(b),
            (Enum(_), _) => false,
            _ => false,
        }
    }
}

impl Value {
    /// Casts a value to a type. Enum labels are checked by the caller, who knows the model.
    ///
    /// # Errors
    /// With PostgreSQL's SQLSTATE.
    pub fn cast(self, to: &SqlType) -> Read {
        let text = |value: &Self| value.to_text().map(std::borrow::Cow::into_owned).unwrap_or_default();
        match (self, to) {
            (Self::Null, _) => Ok(Self::Null),
            (value, SqlType::Text) => Ok(Self::Text(text(&value))),
            // An explicit cast cuts in silence.
            (value, SqlType::VarChar(n) | SqlType::Char(n)) => {
                let cut: String = text(&value).chars().take(*n as usize).collect();
                Self::from_text(to, &cut)
            }
            (Self::Text(text), _) => Self::from_text(to, &text),
            (Self::Bool(b), SqlType::Int) => Ok(Self::Int(i64::from(b))),
            (Self::Int(n), SqlType::Bool) => Ok(Self::Bool(n != 0)),
            (Self::Numeric(Numeric::Finite(n)), SqlType::SmallInt | SqlType::Int | SqlType::BigInt) => {
                Self::from_text(to, &n.with_scale_round(0, RoundingMode::HalfUp).to_plain_string())
            }
            (Self::Double(n), SqlType::SmallInt | SqlType::Int | SqlType::BigInt) => whole(n, to),
            (Self::Real(n), SqlType::SmallInt | SqlType::Int | SqlType::BigInt) => whole(f64::from(n), to),
            (Self::Double(n), SqlType::Numeric { .. }) => Self::from_text(to, &significant(n, 15)),
            (Self::Real(n), SqlType::Numeric { .. }) => Self::from_text(to, &significant(f64::from(n), 6)),
            (Self::Double(n), SqlType::Real) => Self::from_text(to, &n.to_string()),
            (Self::Json(json), SqlType::Json | SqlType::Jsonb) => Self::from_text(to, &json),
            (Self::Json(json), _) => of_json(&json, to),
            (Self::Date(d), SqlType::Timestamp) => Ok(Self::Timestamp(i64::from(d).saturating_mul(DAY))),
            (Self::Date(d), SqlType::TimestampTz) => Ok(Self::TimestampTz(i64::from(d).saturating_mul(DAY))),
            (Self::Timestamp(t) | Self::TimestampTz(t), SqlType::Date) => Ok(Self::Date(t.div_euclid(DAY) as i32)),
            (Self::Timestamp(t) | Self::TimestampTz(t), SqlType::Time) => Ok(Self::Time(t.rem_euclid(DAY))),
            (Self::Timestamp(t), SqlType::TimestampTz) => Ok(Self::TimestampTz(t)),
            (Self::TimestampTz(t), SqlType::Timestamp) => Ok(Self::Timestamp(t)),
            (Self::Array(items), SqlType::Array(of)) => {
                let item = |item: Self| if matches!(item, Self::Array(_)) { item.cast(to) } else { item.cast(of) };
                items.into_iter().map(item).collect::<Result<Vec<_>, _>>().map(Self::Array)
            }
            (value, _) => Self::from_text(to, &text(&value)),
        }
    }
}

/// Half goes to the even neighbour, as the processor rounds.
fn whole(n: f64, to: &SqlType) -> Read {
    if n.is_finite() && n.abs() < 1e19 {
        return Value::from_text(to, &format!("{:.0}", n.round_ties_even()));
    }
    Err(ValueError { code: crate::data::code::OUT_OF_RANGE, message: format!("out of range for {to}") })
}

/// So many digits that say something, without zeros behind them.
fn significant(n: f64, digits: usize) -> String {
    if !n.is_finite() {
        return n.to_string();
    }
    let text = format!("{:.*e}", digits - 1, n);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let mantissa = if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
    format!("{mantissa}e{exponent}")
}

/// A number or a boolean that jsonb holds.
fn of_json(json: &str, to: &SqlType) -> Read {
    let wrong = |what: &str| ValueError { code: "22023", message: format!("cannot cast jsonb {what} to type {to}") };
    let read = Json::parse_lenient(json.as_bytes()).map_err(|_| wrong("text"))?;
    match (&read.value, to) {
        (JsonValue::Null, _) => Ok(Value::Null),
        (JsonValue::Bool(b), SqlType::Bool) => Ok(Value::Bool(*b)),
        (JsonValue::Number(digits), to) if to.is_number() => {
            Value::from_text(&SqlType::Numeric { precision: None, scale: 0 }, digits)?.cast(to)
        }
        _ => Err(wrong(read.kind())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn casts_as_postgresql_does() {
        let numeric = SqlType::Numeric { precision: None, scale: 0 };
        for (from, text, to, expected) in [
            (numeric.clone(), "2.5", SqlType::Int, Ok("3")),
            (numeric.clone(), "-2.5", SqlType::Int, Ok("-3")),
            (numeric.clone(), "12.50", SqlType::Text, Ok("12.50")),
            (numeric.clone(), "1e10", SqlType::Int, Err("22003")),
            (SqlType::Double, "2.5", SqlType::Int, Ok("2")),
            (SqlType::Double, "0.1", numeric.clone(), Ok("0.1")),
            (SqlType::Text, "17", SqlType::Int, Ok("17")),
            (SqlType::Text, "x", SqlType::Int, Err("22P02")),
            (SqlType::Bool, "t", SqlType::Text, Ok("true")),
            (SqlType::Int, "5", SqlType::Bool, Ok("true")),
            (SqlType::Text, "abcdef", SqlType::VarChar(3), Ok("abc")),
            (SqlType::Jsonb, "1.5", SqlType::Int, Ok("2")),
            (SqlType::Jsonb, "\"x\"", SqlType::Int, Err("22023")),
            (SqlType::Timestamp, "2026-01-02 23:00:00", SqlType::Date, Ok("2026-01-02")),
            (SqlType::Date, "2026-01-02", SqlType::Timestamp, Ok("2026-01-02T00:00:00")),
        ] {
            let cast = Value::from_text(&from, text).unwrap().cast(&to);
            let shown = cast.as_ref().map(|v| v.to_text().unwrap().into_owned()).map_err(|e| e.code);
            assert_eq!(shown.as_deref().map_err(|c| *c), expected, "{text}::{from} to {to}");
        }
    }
}
