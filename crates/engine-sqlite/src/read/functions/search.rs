//! `to_tsvector(…) @@ to_tsquery(…)`: the core judges, a statement reads its query once.

use brigade_core::{
    data::{Json, plan::Syntax},
    query::words::Search,
};
use rusqlite::{Error, Result, functions::Context};

/// What the second argument holds: syntax and language before the query.
const BETWEEN: char = '\u{1f}';

/// The second argument of `brigade_search`.
pub(crate) fn asked(syntax: Syntax, language: &str, query: &str) -> String {
    format!("{}{BETWEEN}{language}{BETWEEN}{query}", syntax.as_str())
}

/// `(text, asked, is_json)`
pub(super) fn fits(context: &Context<'_>) -> Result<Option<bool>> {
    let search = context.get_or_create_aux(1, |value| -> std::result::Result<Search, Error> {
        let asked = value.as_str().map_err(|e| Error::UserFunctionError(Box::new(e)))?;
        let mut parts = asked.splitn(3, BETWEEN);
        let mut part = || parts.next().unwrap_or_default();
        let syntax = Syntax::parse(part()).unwrap_or(Syntax::Plain);
        Search::parse(syntax, part(), part()).map_err(|e| Error::UserFunctionError(Box::new(e)))
    })?;
    let Ok(text) = context.get_raw(0).as_str() else { return Ok(None) };
    if !context.get::<bool>(2)? {
        return Ok(Some(search.fits(text)));
    }
    Ok(Json::parse_lenient(text.as_bytes()).ok().map(|json| search.fits_json(&json)))
}
