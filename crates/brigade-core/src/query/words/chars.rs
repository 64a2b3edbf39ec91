//! What a character is to the splitter: PostgreSQL asks the C library, this asks Unicode's tables. Everything that is ASCII
//! is the same on both.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

/// Whether it can begin a word.
pub(super) fn is_letter(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphabetic();
    }
    // Digits of other scripts are letters to the C library, which knows ten digits alone.
    c.is_alphabetic() || c.general_category() == GeneralCategory::DecimalNumber
}

/// Whether it is a letter or one of the ten digits.
pub(super) fn is_word(c: char) -> bool {
    is_letter(c) || c.is_ascii_digit()
}

/// Whether it belongs to the character before it: an accent that stands for itself, a vowel sign.
pub(super) fn is_mark(c: char) -> bool {
    use GeneralCategory::{EnclosingMark, NonspacingMark, SpacingMark};
    !c.is_ascii() && matches!(c.general_category(), NonspacingMark | SpacingMark | EnclosingMark)
}

/// Whether it is a blank; one that keeps two words together is none.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() && !matches!(c, '\u{a0}' | '\u{2007}' | '\u{202f}' | '\u{85}')
}

/// A text in small letters, one for one.
pub(super) fn lower(text: &str, out: &mut String) {
    out.clear();
    out.extend(text.chars().map(|c| match c.is_ascii() {
        true => c.to_ascii_lowercase(),
        false => c.to_lowercase().next().unwrap_or(c),
    }));
}
