//! `~` and `~*`: regular expressions in time that grows with the text alone, whatever the pattern.
//!
//! The syntax is that of Rust's `regex`, which has no look-around and no back-references; where PostgreSQL means
//! something else, `docs/differences.md` says so.

use regex::{Regex, RegexBuilder};
use rusqlite::{Error, Result, functions::Context};

/// Bytes that a compiled pattern may take.
const SIZE_MAX: usize = 1 << 20;

/// `(text, pattern, fold)`
pub(super) fn matches(context: &Context<'_>) -> Result<Option<bool>> {
    let fold: bool = context.get(2)?;
    let regex = context.get_or_create_aux(1, |value| -> std::result::Result<Regex, Error> {
        let pattern = value.as_str().map_err(|e| Error::UserFunctionError(Box::new(e)))?;
        let built = RegexBuilder::new(pattern).case_insensitive(fold).size_limit(SIZE_MAX).build();
        built.map_err(|_| Error::UserFunctionError("brigade:pattern:2201B".into()))
    })?;
    Ok(context.get_raw(0).as_str().ok().map(|text| regex.is_match(text)))
}
