//! One JSON object a line. It is sent as it stands: reading it here only finds the place of a mistake.

use brigade::data::{Json, JsonValue, Result, code, line_column};

use super::{Bad, Line, Source, source::trim_end};

/// The rows of an NDJSON file.
pub struct Ndjson {
    pub(super) source: Source,
}

impl Ndjson {
    /// Reads from the first line on.
    pub fn new(source: Source) -> Self {
        Self { source }
    }

    pub(super) fn next(&mut self) -> Result<Option<Result<Line, Bad>>> {
        let mut bytes = Vec::new();
        while self.source.next_line(&mut bytes)? {
            let line = trim_end(&bytes);
            if line.iter().any(|b| !b.is_ascii_whitespace()) {
                return Ok(Some(row(line, self.source.line)));
            }
            bytes.clear();
        }
        Ok(None)
    }
}

fn row(line: &[u8], number: u64) -> Result<Line, Bad> {
    let bad = |message: String| Bad { number, column: None, code: code::INVALID_TEXT.into(), message };
    match Json::parse(line) {
        Ok(Json { value: JsonValue::Object(_), .. }) => {
            Ok(Line { number, json: String::from_utf8_lossy(line.trim_ascii()).into_owned() })
        }
        Ok(other) => Err(bad(format!("a row is an object, and this is {}", other.kind()))),
        Err(error) => Err(bad(format!("character {}: {}", line_column(line, error.at).1, error.message))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_rows_and_mistakes_have_places() {
        let text = "\u{feff}{\"a\": 1.50}\r\n\n[1]\n{\"a\": x}\n{\"a\":\"\"}";
        let mut rows = Ndjson::new(Source::new("f", text.as_bytes(), 0));
        let mut seen = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            seen.push(match row {
                Ok(line) => (line.number, line.json),
                Err(bad) => (bad.number, bad.message),
            });
        }
        assert_eq!(seen[0], (1, "{\"a\": 1.50}".to_owned()));
        assert_eq!(seen[1], (3, "a row is an object, and this is an array".to_owned()));
        assert!(seen[2].0 == 4 && seen[2].1.starts_with("character 7: "), "{seen:?}");
        assert_eq!(seen[3], (5, "{\"a\":\"\"}".to_owned()));
    }
}
