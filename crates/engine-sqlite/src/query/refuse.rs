//! What raw SQL may not do: end or nest brigade's transaction, change settings or other files, change the schema (that is
//! for migrations), or touch brigade's own tables.

use brigade_core::data::{Error, Result, code};
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

/// SQLite's question for every step of a statement that is prepared. What a trigger does is not the statement's own doing.
pub(super) fn authorize(context: AuthContext<'_>) -> Authorization {
    use AuthAction as A;
    let own = |table: &str| {
        let own = table.len() >= 8 && table.as_bytes()[..8].eq_ignore_ascii_case(b"brigade_");
        own && context.accessor.is_none()
    };
    let refused = match context.action {
        A::Insert { table_name } | A::Delete { table_name } | A::Update { table_name, .. } => {
            own(table_name)
                || table_name.eq_ignore_ascii_case("sqlite_schema")
                || table_name.eq_ignore_ascii_case("sqlite_master")
        }
        A::Read { .. } | A::Select | A::Recursive => false,
        A::Function { function_name } => function_name.eq_ignore_ascii_case("load_extension"),
        _ => true,
    };
    if refused { Authorization::Deny } else { Authorization::Allow }
}

/// Refuses by its words what SQLite's question does not tell, with an error that says more than "not authorized".
pub(super) fn by_words(sql: &str) -> Result<()> {
    let words = words(sql);
    let Some(first) = words.first().map(String::as_str) else {
        return Err(Error::new(code::SYNTAX, "there is no statement to run"));
    };
    let pair = |a: &str, b: &str| words.windows(2).any(|w| w[0] == a && w[1] == b);
    match first {
        "begin" | "commit" | "end" | "rollback" | "savepoint" | "release" => {
            Err(Error::new(code::TRANSACTION_STATE, format!("{} is not for raw SQL", first.to_uppercase()))
                .hint("each statement is a transaction of its own; POST /transactions takes several"))
        }
        "create" | "alter" | "drop" | "reindex" | "vacuum" | "analyze" => {
            Err(Error::new(code::PRIVILEGE, format!("{} is not for raw SQL", first.to_uppercase()))
                .hint("write a migration"))
        }
        "pragma" | "attach" | "detach" => {
            Err(Error::new(code::PRIVILEGE, format!("{} is not for raw SQL", first.to_uppercase()))
                .hint("brigade's connections keep their own settings"))
        }
        _ if pair("or", "rollback") || pair("conflict", "rollback") || pair("raise", "rollback") => {
            Err(Error::new(code::TRANSACTION_STATE, "ROLLBACK as a conflict's answer is not for raw SQL")
                .hint("use ABORT, which is the default"))
        }
        _ => Ok(()),
    }
}

/// The words outside strings, quoted names and comments, in lower case.
fn words(sql: &str) -> Vec<String> {
    let mut words = Vec::new();
    scan(sql, |word| words.push(word.to_ascii_lowercase()));
    words
}

/// Calls `word` for every word.
fn scan(sql: &str, mut word: impl FnMut(&str)) {
    let bytes = sql.as_bytes();
    let until = |from: usize, end: &str| sql[from..].find(end).map_or(sql.len(), |at| from + at + end.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &sql[at..];
        let next = match bytes[at] {
            _ if rest.starts_with("--") => until(at, "\n"),
            _ if rest.starts_with("/*") => until(at + 2, "*/"),
            quote @ (b'\'' | b'"' | b'`') => until(
                at + 1,
                if quote == b'\'' {
                    "'"
                } else if quote == b'"' {
                    "\""
                } else {
                    "`"
                },
            ),
            b'[' => until(at + 1, "]"),
            c if c.is_ascii_alphanumeric() || c == b'_' || c >= 0x80 => {
                let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').map_or(sql.len(), |n| at + n.max(1));
                let end = (end..=sql.len()).find(|&e| sql.is_char_boundary(e)).unwrap_or(sql.len());
                word(&sql[at..end]);
                end
            }
            _ => at + 1,
        };
        at = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_by_words_outside_strings_and_comments() {
        for (sql, expected) in [
            ("SELECT 'begin', \"or rollback\" -- commit\n", None),
            ("  /* x */ BEGIN", Some(code::TRANSACTION_STATE)),
            ("INSERT OR /* y */ ROLLBACK INTO t VALUES(1)", Some(code::TRANSACTION_STATE)),
            ("CREATE TABLE t(a)", Some(code::PRIVILEGE)),
            ("PRAGMA writable_schema = 1", Some(code::PRIVILEGE)),
            ("ATTACH 'x' AS y", Some(code::PRIVILEGE)),
            ("SELECT größe FROM t WHERE a LIKE '%–%'", None),
            ("– é", None),
            (" ; -- end", Some(code::SYNTAX)),
        ] {
            assert_eq!(by_words(sql).err().map(|e| e.code().to_owned()).as_deref(), expected, "{sql}");
        }
    }
}
