//! Text becomes a value of its type, or the SQLSTATE that PostgreSQL answers.

use super::{Json, JsonValue, Numeric, NumericError, Read, SqlType, Value, ValueError, code, invalid, out_of_range};

/// Digits with a sign, within the bounds of the type.
pub fn integer(ty: &SqlType, text: &str, min: i64, max: i64) -> Read {
    let text = text.trim();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(invalid(ty, text));
    }
    match text.parse::<i64>() {
        Ok(n) if (min..=max).contains(&n) => Ok(Value::Int(n)),
        _ => Err(out_of_range(ty)),
    }
}

/// Whether the text means an infinity, and is not a number too large.
pub fn is_infinity(text: &str) -> bool {
    text.to_ascii_lowercase().contains("inf")
}

/// A float; none where the text is none.
pub fn float(text: &str) -> Option<f64> {
    text.trim().parse().ok()
}

/// A numeric that fits its column's digits.
pub fn numeric(ty: &SqlType, text: &str, precision: Option<u32>, scale: u32) -> Read {
    let number: Numeric = text.parse().map_err(|e| match e {
        NumericError::Malformed => invalid(ty, text),
        NumericError::OutOfRange => out_of_range(ty),
    })?;
    match precision {
        None => Ok(Value::Numeric(number)),
        Some(p) => number.fit(p, scale).map(Value::Numeric).ok_or_else(|| out_of_range(ty)),
    }
}

/// The value, unless it holds the character NUL, which PostgreSQL keeps nowhere.
pub fn no_nul(ty: &SqlType, value: Value) -> Read {
    let has_nul = match &value {
        Value::Json(text) => text.contains("\\u0000") && json_holds_nul(text),
        Value::Text(text) => text.contains('\0'),
        _ => false,
    };
    if has_nul {
        return Err(ValueError { code: code::UNTRANSLATABLE, message: format!("{ty} cannot hold the character NUL") });
    }
    Ok(value)
}

/// `\u0000` as an escape, not `\\u0000` as text.
fn json_holds_nul(text: &str) -> bool {
    fn holds(json: &Json) -> bool {
        match &json.value {
            JsonValue::String(s) => s.contains('\0'),
            JsonValue::Array(items) => items.iter().any(holds),
            JsonValue::Object(entries) => entries.iter().any(|(k, v)| k.name.contains('\0') || holds(v)),
            _ => false,
        }
    }
    Json::parse_lenient(text.as_bytes()).is_ok_and(|json| holds(&json))
}

/// varchar(n) and char(n): blanks past the end are cut, as the standard says; char pads.
pub fn limited(ty: &SqlType, text: &str, n: u32, pad: bool) -> Read {
    let n = n as usize;
    let length = text.chars().count();
    let text = if length > n {
        let end = text.char_indices().nth(n).map_or(text.len(), |(i, _)| i);
        if !text[end..].bytes().all(|b| b == b' ') {
            return Err(ValueError {
                code: code::TOO_LONG,
                message: format!("{length} characters are too long for {ty}"),
            });
        }
        text[..end].to_owned()
    } else if pad {
        format!("{text}{}", " ".repeat(n - length))
    } else {
        text.to_owned()
    };
    no_nul(ty, Value::Text(text))
}

/// 22008 for a well-formed date that does not exist, 22007 for anything else.
pub fn datetime(ty: &SqlType, text: &str) -> ValueError {
    let shaped = text.trim().bytes().filter(u8::is_ascii_digit).count() >= 6
        && text.trim().starts_with(|c: char| c.is_ascii_digit());
    ValueError { code: if shaped { code::DATETIME_RANGE } else { "22007" }, message: invalid(ty, text).message }
}

/// The bytes of PostgreSQL's hex text. Digits that are none, or not in pairs, are 22023 in PostgreSQL; any other text would
/// be its older form, which is not taken.
pub fn bytes(ty: &SqlType, text: &str) -> Read {
    let digits = text.strip_prefix("\\x").ok_or_else(|| invalid(ty, text))?.as_bytes();
    let nibble = |b: u8| (b as char).to_digit(16).map(|d| d as u8);
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(nibble(*high)? << 4 | nibble(*low)?),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = digits.chunks(2).map(pair).collect();
    bytes.map(Value::Bytes).ok_or_else(|| ValueError { code: "22023", ..invalid(ty, text) })
}
