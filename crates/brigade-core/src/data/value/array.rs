//! PostgreSQL's text form of arrays: braces, commas, and quotes where an element needs them.

use super::{Read, SqlType, Value, ValueError};

/// Writes it.
pub fn array_text(items: &[Value], out: &mut String) {
    out.push('{');
    for (i, item) in items.iter().enumerate() {
        out.push_str(if i > 0 { "," } else { "" });
        match item {
            Value::Null => out.push_str("NULL"),
            Value::Array(inner) => array_text(inner, out),
            other => {
                let text = other.to_text().expect("not null");
                let plain = !text.is_empty()
                    && !text.eq_ignore_ascii_case("null")
                    && !text.contains(['{', '}', ',', '"', '\\'])
                    && !text.contains(char::is_whitespace);
                if plain {
                    out.push_str(&text);
                } else {
                    out.push('"');
                    for c in text.chars() {
                        if matches!(c, '"' | '\\') {
                            out.push('\\');
                        }
                        out.push(c);
                    }
                    out.push('"');
                }
            }
        }
    }
    out.push('}');
}

/// The outer `None` is a malformed array, the inner error a malformed element.
pub fn array(of: &SqlType, text: &str) -> Option<Read> {
    let mut chars = text.trim().chars().peekable();
    let items = array_items(of, &mut chars, 0)?;
    chars.next().is_none().then(|| items.map(Value::Array))
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn array_items(of: &SqlType, chars: &mut Chars<'_>, depth: usize) -> Option<Result<Vec<Value>, ValueError>> {
    if depth > 6 || chars.next()? != '{' {
        return None;
    }
    let mut items = Vec::new();
    if chars.peek() == Some(&'}') {
        chars.next();
        return Some(Ok(items));
    }
    loop {
        while chars.peek().is_some_and(|c| c.is_ascii_whitespace()) {
            chars.next();
        }
        let item = match *chars.peek()? {
            '{' => array_items(of, chars, depth + 1)?.map(Value::Array),
            '"' => Value::from_text(of, &quoted(chars)?),
            _ => {
                let mut word = String::new();
                while !matches!(chars.peek()?, ',' | '}') {
                    match chars.next()? {
                        '\\' => word.push(chars.next()?),
                        c => word.push(c),
                    }
                }
                let word = word.trim_end();
                if word.eq_ignore_ascii_case("null") { Ok(Value::Null) } else { Value::from_text(of, word) }
            }
        };
        match item {
            Ok(value) => items.push(value),
            Err(e) => return Some(Err(e)),
        }
        match chars.next()? {
            ',' => {}
            '}' => return Some(Ok(items)),
            _ => return None,
        }
    }
}

fn quoted(chars: &mut Chars<'_>) -> Option<String> {
    chars.next();
    let mut word = String::new();
    loop {
        match chars.next()? {
            '"' => return Some(word),
            '\\' => word.push(chars.next()?),
            c => word.push(c),
        }
    }
}
