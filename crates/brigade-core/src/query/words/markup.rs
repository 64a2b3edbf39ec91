//! Tags and entities, which are no words. The text of a script or a style is none either.

use super::chars;

/// How long a tag is that a text begins with.
pub(super) fn tag(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let begin = match bytes.get(1)? {
        b'!' if matches!(bytes.get(2), Some(b'D' | b'd')) => 2,
        b'?' if matches!(bytes.get(2), Some(b'x' | b'X')) => 2,
        b'!' | b'?' => return None,
        b'/' => 2,
        _ => 1,
    };
    let end = begin + name(&text[begin..])?;
    match bytes.get(end)? {
        b'>' => Some(end + 1),
        b'/' => (bytes.get(end + 1) == Some(&b'>')).then_some(end + 2),
        b if b.is_ascii_whitespace() => attributes(&text[end..]).map(|length| end + length),
        _ => None,
    }
}

/// How long the name is that a text begins with.
fn name(text: &str) -> Option<usize> {
    let first = text.chars().next()?;
    let length = text.find(|c| !is_of_name(c)).unwrap_or(text.len());
    (first.is_ascii_alphabetic() || matches!(first, ':' | '_')).then_some(length)
}

fn is_of_name(c: char) -> bool {
    chars::is_word(c) || matches!(c, ':' | '_' | '.' | '-')
}

/// How far it is to the end of a tag, from behind its name.
fn attributes(text: &str) -> Option<usize> {
    let (mut quote, mut is_escaped) = (None, false);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(_), _) if is_escaped => is_escaped = false,
            (Some(_), '\\') => is_escaped = true,
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '>') => return Some(at + 1),
            (None, '"' | '\'') => quote = Some(c),
            (None, c) if c.is_ascii_alphanumeric() || chars::is_space(c) || "=-_#/:.&?%~".contains(c) => {}
            (None, _) => return None,
        }
    }
    None
}

/// Whether a text begins with a tag, even one that is never ended, behind which nothing is seen, or all is seen again.
pub(super) fn hides(text: &str) -> Option<bool> {
    let is_tag = |name: &&str| {
        let begin = text.as_bytes().get(1..=name.len()).is_some_and(|b| b.eq_ignore_ascii_case(name.as_bytes()));
        begin && text.as_bytes().get(name.len() + 1).is_some_and(|&b| b == b'>' || b.is_ascii_whitespace())
    };
    let hides = ["script", "style"].iter().any(is_tag);
    (hides || ["/script", "/style"].iter().any(is_tag)).then_some(hides)
}

/// How long an entity is: `&amp;`, `&#160;`, `&#xA0;`.
pub(super) fn entity(text: &str) -> Option<usize> {
    let digits = |begin: usize, fits: fn(&u8) -> bool| {
        let length = text.bytes().skip(begin).take_while(fits).count();
        (length > 0).then_some(begin + length)
    };
    let end = match (text.as_bytes().get(1)?, text.as_bytes().get(2)) {
        (b'#', Some(b'x' | b'X')) => digits(3, u8::is_ascii_hexdigit)?,
        (b'#', _) => digits(2, u8::is_ascii_digit)?,
        _ => 1 + name(&text[1..])?,
    };
    text[end..].starts_with(';').then_some(end + 1)
}
