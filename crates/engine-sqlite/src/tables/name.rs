//! Names and texts inside SQL.

/// A name in double quotes.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text in single quotes. SQLite's parser ends at a NUL, so one is written as a function.
pub(crate) fn text_literal(text: &str) -> String {
    let quoted = format!("'{}'", text.replace('\'', "''"));
    if text.contains('\0') { format!("({})", quoted.replace('\0', "'||char(0)||'")) } else { quoted }
}

/// Names in double quotes with commas between.
pub(crate) fn list<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    names.into_iter().map(quote).collect::<Vec<_>>().join(", ")
}
