//! Where a mistake stands, and what was probably meant.
//!
//! Invariant: a place is always `FILE:LINE:COLUMN`, counted from 1, columns in characters; every error about a file of
//! the project begins with one.

use crate::data::{Error, line_column};

/// `FILE:LINE:COLUMN` of a byte offset; without a file's name `LINE:COLUMN`.
pub fn place(file: &str, text: &str, at: usize) -> String {
    let (line, column) = line_column(text.as_bytes(), at);
    if file.is_empty() { format!("{line}:{column}") } else { format!("{file}:{line}:{column}") }
}

/// The line of the text at a byte offset, and below it a caret under the place. A long line is cut around the place.
pub fn excerpt(text: &str, at: usize) -> String {
    let at = floor(text, at);
    let start = text[..at].rfind('\n').map_or(0, |i| i + 1);
    let end = text[at..].find('\n').map_or(text.len(), |i| at + i);
    let start = floor(text, start.max(at.saturating_sub(EXCERPT_BYTES)));
    let end = floor(text, end.min(at + EXCERPT_BYTES));
    let line = text[start..end].trim_end_matches('\r');
    let before = text[start..at].chars().map(|c| if c == '\t' { '\t' } else { ' ' });
    format!("{line}\n{}^", before.collect::<String>())
}

/// Bytes shown on either side of a place.
const EXCERPT_BYTES: usize = 120;

/// An error at a place of a file: the place at the head of the message, the line with a caret in the details.
pub fn misplaced(code: &'static str, file: &str, text: &str, at: usize, message: impl std::fmt::Display) -> Error {
    Error::new(code, format!("{}: {message}", place(file, text, at))).details(excerpt(text, at))
}

/// The candidate that was probably meant; none where nothing is near.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let far = 1 + word.chars().count() / 3;
    candidates
        .into_iter()
        .map(|c| (strsim::damerau_levenshtein(&word, &c.to_lowercase()), c))
        .filter(|&(distance, c)| distance <= far && distance < c.chars().count())
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, c)| c)
}

/// A hint that names the nearest candidate, else up to ten of them.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    if let Some(near) = nearest(word, candidates.iter().copied()) {
        return format!("did you mean \"{near}\"?");
    }
    match candidates.len() {
        0 => "there is none yet".to_string(),
        n if n <= 10 => format!("known: {}", candidates.join(", ")),
        n => format!("known: {} and {} more", candidates[..10].join(", "), n - 10),
    }
}

/// The byte offset of a line and column, both from 1, the column in characters.
pub(super) fn offset(text: &str, line: u64, column: u64) -> usize {
    let mut start = 0;
    for _ in 1..line {
        match text[start..].find('\n') {
            Some(i) => start += i + 1,
            None => return text.len(),
        }
    }
    let skip = usize::try_from(column.saturating_sub(1)).unwrap_or(usize::MAX);
    text[start..].char_indices().nth(skip).map_or(text.len(), |(i, _)| start + i)
}

/// The nearest character boundary at or before an offset.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_characters_from_one() {
        let text = "créate\n\ttable x";
        assert_eq!(place("f.sql", text, 0), "f.sql:1:1");
        assert_eq!(place("f.sql", text, text.find("table").unwrap()), "f.sql:2:2");
        assert_eq!(place("", text, 99), "2:9");
        assert_eq!(offset(text, 1, 4), 4);
        assert_eq!(offset(text, 2, 2), text.find("table").unwrap());
        assert_eq!(offset(text, 9, 9), text.len());
    }

    #[test]
    fn the_caret_stands_under_the_place() {
        assert_eq!(excerpt("a\n\tbad here\r\nc", 6), "\tbad here\n\t   ^");
        let long = "x".repeat(1000);
        assert!(excerpt(&long, 500).len() < 500);
        excerpt("é", 1);
    }

    #[test]
    fn the_nearest_word_is_near() {
        let known = ["links", "users", "touch"];
        for (word, expected) in [("linsk", Some("links")), ("USER", Some("users")), ("zzz", None), ("", None)] {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
    }
}
