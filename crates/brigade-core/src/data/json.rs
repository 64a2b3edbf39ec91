//! JSON with places and exact digits: what a request's mistake is pointed out with, and what jsonb keeps.
//!
//! Numbers stay text, so that no digit is lost on the way to a numeric column. Parsing is `jiter`'s; this file only
//! keeps positions, refuses duplicate keys, and normalises as jsonb does.

use std::fmt::Write as _;

use jiter::{Jiter, JiterError, JiterErrorType, JsonErrorType, Peek};

use super::Numeric;

/// How deep arrays and objects may nest: past it, a request is refused.
const DEPTH_MAX: usize = 128;

/// A JSON value with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Json {
    /// Byte offset of its first character in the text.
    pub at: usize,
    /// What it is.
    pub value: JsonValue,
}

/// What a JSON value is.
#[derive(Clone, Debug, PartialEq)]
pub enum JsonValue {
    /// null
    Null,
    /// true or false
    Bool(bool),
    /// A number, as it was written.
    Number(String),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object; keys in the order written, none twice.
    Object(Vec<(JsonKey, Json)>),
}

/// A key of an object with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonKey {
    /// Byte offset of its opening quote.
    pub at: usize,
    /// The key.
    pub name: String,
}

/// Why a text is no JSON, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// Byte offset.
    pub at: usize,
    /// What is wrong.
    pub message: String,
}

impl Json {
    /// Reads one JSON value. The same key twice in an object is an error.
    ///
    /// # Errors
    /// With the byte offset of the mistake.
    pub fn parse(text: &[u8]) -> Result<Self, JsonError> {
        Self::read(text, false)
    }

    /// Reads one JSON value as jsonb does: of the same key twice the last one stays.
    ///
    /// # Errors
    /// With the byte offset of the mistake.
    pub fn parse_lenient(text: &[u8]) -> Result<Self, JsonError> {
        Self::read(text, true)
    }

    fn read(text: &[u8], last_key_wins: bool) -> Result<Self, JsonError> {
        let mut reader = Reader { jiter: Jiter::new(text), last_key_wins };
        let peek = reader.jiter.peek().map_err(|e| error(&e))?;
        let value = reader.value(peek, 0)?;
        reader.jiter.finish().map_err(|e| error(&e))?;
        Ok(value)
    }

    /// A value without a place, for Rust callers.
    pub fn new(value: JsonValue) -> Self {
        Self { at: 0, value }
    }

    /// The value of a key of an object.
    pub fn get(&self, name: &str) -> Option<&Self> {
        match &self.value {
            JsonValue::Object(entries) => entries.iter().find(|(k, _)| k.name == name).map(|(_, v)| v),
            _ => None,
        }
    }

    /// The text, of a string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            JsonValue::String(text) => Some(text),
            _ => None,
        }
    }

    /// What it is, in a word, for messages.
    pub fn kind(&self) -> &'static str {
        match self.value {
            JsonValue::Null => "null",
            JsonValue::Bool(_) => "a boolean",
            JsonValue::Number(_) => "a number",
            JsonValue::String(_) => "a string",
            JsonValue::Array(_) => "an array",
            JsonValue::Object(_) => "an object",
        }
    }

    /// Writes it without blanks, digits as they were written.
    pub fn to_compact(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, false);
        out
    }

    /// Writes it as PostgreSQL's jsonb does: keys by length then bytes, one blank after `,` and `:`, numbers plain.
    /// `None` where a number has more digits than numeric can hold.
    pub fn to_jsonb(&self) -> Option<String> {
        let mut out = String::new();
        self.write(&mut out, true).then_some(out)
    }

    fn write(&self, out: &mut String, jsonb: bool) -> bool {
        let comma = if jsonb { ", " } else { "," };
        match &self.value {
            JsonValue::Null => out.push_str("null"),
            JsonValue::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
            JsonValue::Number(digits) if jsonb => match digits.parse::<Numeric>() {
                Ok(number) => write!(out, "{number}").expect("writing to a string"),
                Err(_) => return false,
            },
            JsonValue::Number(digits) => out.push_str(digits),
            JsonValue::String(text) => escape_json(text, out),
            JsonValue::Array(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    out.push_str(if i > 0 { comma } else { "" });
                    if !item.write(out, jsonb) {
                        return false;
                    }
                }
                out.push(']');
            }
            JsonValue::Object(entries) => {
                let mut entries: Vec<_> = entries.iter().collect();
                if jsonb {
                    entries.sort_by(|(a, _), (b, _)| {
                        a.name.len().cmp(&b.name.len()).then_with(|| a.name.as_bytes().cmp(b.name.as_bytes()))
                    });
                }
                out.push('{');
                for (i, (key, value)) in entries.into_iter().enumerate() {
                    out.push_str(if i > 0 { comma } else { "" });
                    escape_json(&key.name, out);
                    out.push_str(if jsonb { ": " } else { ":" });
                    if !value.write(out, jsonb) {
                        return false;
                    }
                }
                out.push('}');
            }
        }
        true
    }
}

/// Writes a JSON string with its quotes.
pub fn escape_json(text: &str, out: &mut String) {
    out.push('"');
    let mut start = 0;
    for (i, byte) in text.bytes().enumerate() {
        let escaped = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x08 => "\\b",
            0x0c => "\\f",
            0..0x20 => "",
            _ => continue,
        };
        out.push_str(&text[start..i]);
        if escaped.is_empty() {
            write!(out, "\\u{byte:04x}").expect("writing to a string");
        } else {
            out.push_str(escaped);
        }
        start = i + 1;
    }
    out.push_str(&text[start..]);
    out.push('"');
}

/// Line and column (both from 1, columns in characters) of a byte offset.
pub fn line_column(text: &[u8], at: usize) -> (usize, usize) {
    let before = &text[..at.min(text.len())];
    let line_start = before.iter().rposition(|&b| b == b'\n').map_or(0, |i| i + 1);
    let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
    let column = before[line_start..].iter().filter(|&&b| b & 0xC0 != 0x80).count() + 1;
    (line, column)
}

struct Reader<'j> {
    jiter: Jiter<'j>,
    last_key_wins: bool,
}

impl Reader<'_> {
    fn value(&mut self, peek: Peek, depth: usize) -> Result<Json, JsonError> {
        let at = self.jiter.current_index();
        if depth > DEPTH_MAX {
            return Err(JsonError { at, message: format!("nested more than {DEPTH_MAX} deep") });
        }
        let value = match peek {
            Peek::Null => self.jiter.known_null().map(|()| JsonValue::Null),
            Peek::True | Peek::False => self.jiter.known_bool(peek).map(JsonValue::Bool),
            Peek::String => self.jiter.known_str().map(|s| JsonValue::String(s.to_owned())),
            Peek::Array => return self.array(at, depth),
            Peek::Object => return self.object(at, depth),
            _ => self
                .jiter
                .known_number_bytes(peek)
                .map(|digits| JsonValue::Number(String::from_utf8_lossy(digits).into_owned())),
        };
        Ok(Json { at, value: value.map_err(|e| error(&e))? })
    }

    fn array(&mut self, at: usize, depth: usize) -> Result<Json, JsonError> {
        let mut items = Vec::new();
        let mut next = self.jiter.known_array().map_err(|e| error(&e))?;
        while let Some(peek) = next {
            items.push(self.value(peek, depth + 1)?);
            next = self.jiter.array_step().map_err(|e| error(&e))?;
        }
        Ok(Json { at, value: JsonValue::Array(items) })
    }

    fn object(&mut self, at: usize, depth: usize) -> Result<Json, JsonError> {
        let mut entries: Vec<(JsonKey, Json)> = Vec::new();
        let mut next = self.jiter.known_object().map_err(|e| error(&e))?.map(str::to_owned);
        while let Some(name) = next {
            // The parser stands behind the key and its colon; the key began that much earlier, blanks aside.
            let key_at = self.jiter.current_index().saturating_sub(name.len() + 3);
            let peek = self.jiter.peek().map_err(|e| error(&e))?;
            let value = self.value(peek, depth + 1)?;
            let twice = entries.len() < 16 && entries.iter().any(|(k, _)| k.name == name);
            if twice && !self.last_key_wins {
                return Err(JsonError { at: key_at, message: format!("the key {name:?} is there twice") });
            }
            entries.push((JsonKey { at: key_at, name }, value));
            next = self.jiter.next_key().map_err(|e| error(&e))?.map(str::to_owned);
        }
        self.unique(&mut entries)?;
        Ok(Json { at, value: JsonValue::Object(entries) })
    }

    /// Long objects, and jsonb's rule that the last of the same keys stays.
    fn unique(&self, entries: &mut Vec<(JsonKey, Json)>) -> Result<(), JsonError> {
        if entries.len() <= 1 || (entries.len() <= 16 && !self.last_key_wins) {
            return Ok(());
        }
        let mut seen = std::collections::HashMap::with_capacity(entries.len());
        for (i, (key, _)) in entries.iter().enumerate() {
            if seen.insert(key.name.clone(), i).is_some() && !self.last_key_wins {
                return Err(JsonError { at: key.at, message: format!("the key {:?} is there twice", key.name) });
            }
        }
        let mut i = 0;
        entries.retain(|(key, _)| {
            i += 1;
            seen[&key.name] == i - 1
        });
        Ok(())
    }
}

fn error(error: &JiterError) -> JsonError {
    let message = match &error.error_type {
        JiterErrorType::JsonError(JsonErrorType::LoneLeadingSurrogateInHexEscape) => {
            "half a surrogate pair in a \\u escape".to_owned()
        }
        other => other.to_string(),
    };
    JsonError { at: error.index, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_digits_and_normalises_as_jsonb() {
        let text = r#"{"bb": 1.50, "a": [1e2, -0, "x\u00e9\n"], "b": {}, "ab": null}"#;
        let json = Json::parse(text.as_bytes()).unwrap();
        assert_eq!(json.to_compact(), "{\"bb\":1.50,\"a\":[1e2,-0,\"xé\\n\"],\"b\":{},\"ab\":null}");
        assert_eq!(json.to_jsonb().unwrap(), "{\"a\": [100, 0, \"xé\\n\"], \"b\": {}, \"ab\": null, \"bb\": 1.50}");
        assert_eq!(Json::parse_lenient(b"{\"a\":1,\"b\":2,\"a\":3}").unwrap().to_compact(), "{\"b\":2,\"a\":3}");
    }

    #[test]
    fn names_the_place_of_a_mistake() {
        for (text, line, column) in
            [("{\"a\": 1,\n \"a\": 2}", 2, 2), ("{\"a\": nul}", 1, 10), ("[1, 2", 1, 6), ("", 1, 1), ("{} x", 1, 4)]
        {
            let e = Json::parse(text.as_bytes()).unwrap_err();
            assert_eq!(line_column(text.as_bytes(), e.at), (line, column), "{text}: {e:?}");
        }
        for bad in [&b"\"\\ud800\""[..], b"\"\\udc00\"", b"\"\xff\"", b"NaN", b"01", b"1.", b"\"\x01\""] {
            assert!(Json::parse(bad).is_err(), "{bad:?}");
        }
        let deep = "[".repeat(200);
        assert!(Json::parse(deep.as_bytes()).unwrap_err().message.contains("deep"));
        let many: String = (0..40).map(|i| format!("\"k{}\":1,", i % 39)).collect();
        assert!(Json::parse(format!("{{{}}}", many.trim_end_matches(',')).as_bytes()).is_err());
    }
}
