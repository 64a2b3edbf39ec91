//! A script becomes statements: each with its place, its text as it was written, and, where the parser knows it, its
//! meaning.
//!
//! Invariant: no semicolon inside a quote, a comment, parentheses, or the body of a function or trigger ends a statement.

use crate::data::Result;

use super::{
    SqlStatement,
    lex::{Quoting, Token, lex},
    parse::parse_at,
};

/// Splits SQL in PostgreSQL's dialect into statements. One that the parser does not know has no `parsed`; ask
/// [`super::parse`] why.
///
/// # Errors
/// 42601 for a quote or comment that does not end, 22P05 for a NUL; the message begins with `LINE:COLUMN`.
pub fn split(text: &str) -> Result<Vec<SqlStatement>> {
    let mut statements = cut("", text, Quoting::Postgres)?;
    for statement in &mut statements {
        statement.parsed = parse_at("", text, statement).ok();
    }
    Ok(statements)
}

/// Cuts a script into statements without parsing them.
pub(super) fn cut(file: &str, text: &str, quoting: Quoting) -> Result<Vec<SqlStatement>> {
    let tokens = lex(file, text, quoting)?;
    let mut statements = Vec::new();
    let mut first = 0;
    let mut body = Body::default();
    for (i, token) in tokens.iter().enumerate() {
        if token.is_symbol(b';') && body.is_outside() {
            statements.extend(statement(text, &tokens[first..i]));
            first = i + 1;
            body = Body::default();
        } else {
            body.follow(text, quoting, &tokens[first..=i]);
        }
    }
    statements.extend(statement(text, &tokens[first..]));
    Ok(statements)
}

fn statement(text: &str, tokens: &[Token]) -> Option<SqlStatement> {
    let (first, last) = (tokens.first()?, tokens.last()?);
    Some(SqlStatement { at: first.start, sql: text[first.start..last.end].to_string(), parsed: None })
}

/// Where we are inside a statement: in parentheses, or in the body of a function or trigger.
#[derive(Default)]
struct Body {
    parentheses: u32,
    has_body: bool,
    blocks: u32,
}

impl Body {
    fn is_outside(&self) -> bool {
        self.parentheses == 0 && self.blocks == 0
    }

    fn follow(&mut self, text: &str, quoting: Quoting, tokens: &[Token]) {
        let Some(token) = tokens.last() else { return };
        let made = match quoting {
            Quoting::Postgres => ["FUNCTION", "PROCEDURE"].as_slice(),
            Quoting::Sqlite => ["TRIGGER"].as_slice(),
        };
        if token.is_symbol(b'(') {
            self.parentheses += 1;
        } else if token.is_symbol(b')') {
            self.parentheses = self.parentheses.saturating_sub(1);
        } else if tokens.len() <= 4 && tokens[0].is(text, "CREATE") && made.iter().any(|word| token.is(text, word)) {
            self.has_body = true;
        } else if self.has_body && (token.is(text, "BEGIN") || self.blocks > 0 && token.is(text, "CASE")) {
            self.blocks += 1;
        } else if self.has_body && token.is(text, "END") {
            self.blocks = self.blocks.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_semicolon_of_its_own_ends_a_statement() {
        check(Quoting::Postgres, "", &[]);
        check(Quoting::Postgres, " ;; -- nothing\n /* a; /* b; */ c; */ ;", &[]);
        check(Quoting::Postgres, "a; b -- c;\n;", &["a", "b"]);
        check(Quoting::Postgres, "select ';''', \"x;\"\"y\", E'\\';'; b", &["select ';''', \"x;\"\"y\", E'\\';'", "b"]);
        check(Quoting::Postgres, "do $$ a; b $$; x$y$z; $1; c", &["do $$ a; b $$", "x$y$z", "$1", "c"]);
        check(Quoting::Postgres, "do $f$ $$;$$ $f$;b", &["do $f$ $$;$$ $f$", "b"]);
        check(Quoting::Postgres, "create rule r do (a; b); c", &["create rule r do (a; b)", "c"]);
        check(
            Quoting::Postgres,
            "create or replace function f() begin atomic a; case when 1 then 2 end; b; end; c",
            &["create or replace function f() begin atomic a; case when 1 then 2 end; b; end", "c"],
        );
        check(Quoting::Postgres, "begin; commit", &["begin", "commit"]);
        check(Quoting::Sqlite, "select [a;b], `c;`; /* /* ; */ d", &["select [a;b], `c;`", "d"]);
        check(
            Quoting::Sqlite,
            "create temp trigger t after insert on x begin select case 1 when 1 then 2 end; delete from y; end; z",
            &["create temp trigger t after insert on x begin select case 1 when 1 then 2 end; delete from y; end", "z"],
        );
        check(Quoting::Postgres, "\u{feff}a;\r\nb", &["a", "b"]);
    }

    #[track_caller]
    fn check(quoting: Quoting, text: &str, expected: &[&str]) {
        let statements = cut("f.sql", text, quoting).unwrap();
        assert_eq!(statements.iter().map(|s| s.sql.as_str()).collect::<Vec<_>>(), expected);
        for s in statements {
            assert_eq!(&text[s.at..s.at + s.sql.len()], s.sql);
        }
    }

    #[test]
    fn what_does_not_end_is_named_where_it_begins() {
        for (text, message) in [
            ("a;\n 'b", "f.sql:2:2: a string begins here and does not end"),
            ("\"b", "f.sql:1:1: a quoted name begins here and does not end"),
            ("a $x$ b $$", "f.sql:1:3: a dollar-quoted string begins here and does not end"),
            ("/* /* */", "f.sql:1:1: a comment begins here and does not end"),
            ("a \0", "f.sql:1:3: a NUL character in SQL"),
        ] {
            assert_eq!(cut("f.sql", text, Quoting::Postgres).unwrap_err().message(), message);
        }
    }
}
