//! A text that is cast to a number. SQLite's own cast makes 0 of what is none; PostgreSQL refuses it, and so does this: by
//! stock functions alone, since any program may come to evaluate it.

use sqlparser::ast::Expr;

/// What is blank around a number.
const BLANKS: &str = "char(9, 10, 11, 12, 13, 32)";

/// Digits with at most one sign, up to what certainly fits, or what comes back as it was.
pub(super) fn integer_of(text: &str, from: &Expr) -> String {
    let inner = format!("trim({text}, {BLANKS})");
    let digits = format!("ltrim({inner}, '+-')");
    let refused = refused(text, from);
    format!(
        "(CASE WHEN CAST(CAST({inner} AS INTEGER) AS TEXT) = {inner} OR ({digits} <> '' AND {digits} NOT GLOB '*[^0-9]*' \
         AND length({inner}) - length({digits}) < 2 AND length({digits}) < 19) THEN CAST({inner} AS INTEGER) \
         ELSE {refused} END)"
    )
}

/// Numbers as JSON writes them.
pub(super) fn real_of(text: &str, from: &Expr) -> String {
    let inner = format!("trim({text}, {BLANKS})");
    let refused = refused(text, from);
    format!(
        "(CASE WHEN json_valid({inner}) THEN CASE WHEN json_type({inner}) IN ('integer', 'real') \
         THEN CAST({inner} AS REAL) ELSE {refused} END ELSE {refused} END)"
    )
}

/// Null of a null; else an error that says which column and SQLSTATE. It rests on the row, or it would be evaluated for none.
fn refused(text: &str, from: &Expr) -> String {
    let name = match from {
        Expr::Identifier(name) => name.value.replace(['\'', ':'], " "),
        _ => "a number".to_owned(),
    };
    format!("json_extract('{{}}', substr({text}, 1, 0) || 'brigade:{name}:22P02')")
}
