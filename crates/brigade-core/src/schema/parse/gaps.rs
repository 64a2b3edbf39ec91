//! What the parser does not read, and MySQL's index inside CREATE TABLE, which PostgreSQL does not read either.
//!
//! Invariant: a gap is mended by blanks in its place; no other character moves.

use std::{borrow::Cow, ops::Range};

use sqlparser::{
    ast::{Ident, IndexConstraint, IndexType},
    parser::{Parser, ParserError},
    tokenizer::{Location, Span, Token as SqlToken},
};

use crate::{
    data::line_column,
    schema::{
        SqlStatement,
        lex::{Quoting, Token, TokenKind, lex},
        types,
    },
};

use super::{run, starts};

/// What the parser does not read and may be left out of its sight.
#[derive(Default)]
pub(super) struct Gaps {
    blanks: Vec<Range<usize>>,
    pub(super) indexes: Vec<InlineIndex>,
    /// Where an identity's options begin to mean something.
    pub(super) numbering: Option<usize>,
}

impl Gaps {
    pub(super) fn find(sql: &str, tokens: &[Token]) -> Self {
        let mut gaps = Self::default();
        let table = starts(sql, tokens, &["CREATE", "TABLE"]) || starts(sql, tokens, &["ALTER", "TABLE"]);
        if !table {
            return gaps;
        }
        for i in 0..tokens.len() {
            gaps.named_not_null(sql, &tokens[i..]);
            gaps.identity(sql, &tokens[i..]);
        }
        if starts(sql, tokens, &["CREATE", "TABLE"]) {
            for element in elements(tokens) {
                gaps.inline_index(sql, tokens, element);
            }
        }
        gaps
    }

    /// `CONSTRAINT name NOT NULL`: the name means nothing before PostgreSQL 18.
    fn named_not_null(&mut self, sql: &str, tokens: &[Token]) {
        if let [constraint, name, not, null, ..] = tokens
            && constraint.is(sql, "CONSTRAINT")
            && matches!(name.kind, TokenKind::Word | TokenKind::Name)
            && (not.is(sql, "NOT") && null.is(sql, "NULL") || not.is(sql, "NULL"))
        {
            self.blanks.push(constraint.start..name.end);
        }
    }

    /// `AS IDENTITY (START WITH 1 INCREMENT BY 1 …)`: options that say what is so anyway.
    fn identity(&mut self, sql: &str, tokens: &[Token]) {
        let [a, identity, open, rest @ ..] = tokens else { return };
        if !a.is(sql, "AS") || !identity.is(sql, "IDENTITY") || !open.is_symbol(b'(') {
            return;
        }
        let Some(close) = rest.iter().position(|t| t.is_symbol(b')')) else { return };
        let mut options = &rest[..close];
        while let Some((first, mut after)) = options.split_first() {
            let word = first.text(sql).to_ascii_uppercase();
            if let [with, tail @ ..] = after
                && (with.is(sql, "WITH") || with.is(sql, "BY"))
            {
                after = tail;
            }
            let value = after.first().map_or("", |t| t.text(sql)).to_ascii_uppercase();
            let harmless = match word.as_str() {
                "START" | "INCREMENT" | "MINVALUE" => value == "1",
                "NO" => matches!(value.as_str(), "MINVALUE" | "MAXVALUE" | "CYCLE"),
                "CACHE" => true,
                _ => false,
            };
            if !harmless {
                self.numbering = Some(first.start);
                return;
            }
            options = after.get(1..).unwrap_or(&[]);
        }
        self.blanks.push(open.start..rest[close].end);
    }

    /// `INDEX name (columns)` inside CREATE TABLE, which is MySQL's. A column may be called `index` or `key`, too.
    fn inline_index(&mut self, sql: &str, tokens: &[Token], element: Range<usize>) {
        let parts = &tokens[element.clone()];
        let Some((first, rest)) = parts.split_first() else { return };
        if !first.is(sql, "INDEX") && !first.is(sql, "KEY") {
            return;
        }
        let (name, rest) = match rest {
            [name, rest @ ..] if matches!(name.kind, TokenKind::Word | TokenKind::Name) && !name.is(sql, "USING") => {
                (Some(*name), rest)
            }
            rest => (None, rest),
        };
        let (method, rest) = match rest {
            [using, method, rest @ ..] if using.is(sql, "USING") => (Some(*method), rest),
            rest => (None, rest),
        };
        let is_type = name.is_some_and(|n| n.kind == TokenKind::Word && types::is_known(n.text(sql)));
        let (Some(open), Some(close)) = (rest.first(), rest.last()) else { return };
        if is_type || !open.is_symbol(b'(') || !close.is_symbol(b')') {
            return;
        }
        // The comma goes with it: the one before, or where that is gone already the one after.
        let comma = |i: usize| tokens.get(i).filter(|t| t.is_symbol(b','));
        let before = element.start.checked_sub(1).and_then(comma).filter(|t| !self.hides(t.start));
        let after = if before.is_none() { comma(element.end) } else { None };
        let blank = before.map_or(first.start, |t| t.start)..after.map_or(close.end, |t| t.end);
        self.blanks.push(blank.clone());
        let columns = open.start..close.end;
        self.indexes.push(InlineIndex { key: first.is(sql, "KEY"), name, method, columns, blank });
    }

    fn hides(&self, at: usize) -> bool {
        self.blanks.iter().any(|b| b.contains(&at))
    }

    /// The text with blanks where the gaps were, every other character in its place.
    pub(super) fn mend(&self, sql: &str) -> String {
        if self.blanks.is_empty() { sql.to_string() } else { blanked(sql, |at| self.hides(at)) }
    }
}

/// The text with blanks instead of what is hidden; lines stay.
fn blanked(sql: &str, hidden: impl Fn(usize) -> bool) -> String {
    sql.char_indices().map(|(at, c)| if hidden(at) && c != '\n' { ' ' } else { c }).collect()
}

impl SqlStatement {
    /// The statement as PostgreSQL takes it: as it was written, but MySQL's indexes inside CREATE TABLE become CREATE INDEX
    /// behind it, in the same text. What stands before them keeps its line and column.
    pub fn for_postgres(&self) -> Cow<'_, str> {
        let sql = self.sql.as_str();
        let tokens = lex("", sql, Quoting::Postgres).unwrap_or_default();
        let gaps = Gaps::find(sql, &tokens);
        let Some(open) = tokens.iter().position(|t| t.is_symbol(b'(')).filter(|_| !gaps.indexes.is_empty()) else {
            return Cow::Borrowed(sql);
        };
        // The name stands before the parenthesis: one token, or SCHEMA . NAME.
        let qualified = open >= 3 && tokens[open - 2].is_symbol(b'.');
        let table = &sql[tokens[if qualified { open - 3 } else { open - 1 }].start..tokens[open - 1].end];
        let mut out = blanked(sql, |at| gaps.indexes.iter().any(|i| i.blank.contains(&at)));
        for index in &gaps.indexes {
            let name = index.name.map_or("", |t| t.text(sql));
            let method = index.method.map_or(String::new(), |t| format!(" USING {}", t.text(sql)));
            out += &format!(";\nCREATE INDEX {name} ON {table}{method} {}", &sql[index.columns.clone()]);
        }
        Cow::Owned(out)
    }
}

pub(super) struct InlineIndex {
    key: bool,
    name: Option<Token>,
    method: Option<Token>,
    columns: Range<usize>,
    blank: Range<usize>,
}

impl InlineIndex {
    pub(super) fn parse(&self, sql: &str) -> Result<IndexConstraint, ParserError> {
        let alone = blanked(sql, |at| !self.columns.contains(&at));
        let columns = run(&alone, |parser| {
            parser.expect_token(&SqlToken::LParen)?;
            let columns = parser.parse_comma_separated(Parser::parse_create_index_expr)?;
            parser.expect_token(&SqlToken::RParen)?;
            Ok(columns)
        })?;
        Ok(IndexConstraint {
            display_as_key: self.key,
            name: self.name.map(|t| ident(sql, t)),
            index_type: self.method.map(|t| IndexType::Custom(ident(sql, t))),
            columns,
            index_options: Vec::new(),
        })
    }
}

fn ident(sql: &str, token: Token) -> Ident {
    let text = token.text(sql);
    let (line, column) = line_column(sql.as_bytes(), token.start);
    let at = Location { line: line as u64, column: column as u64 };
    let quoted = token.kind == TokenKind::Name;
    let value = if quoted { text[1..text.len() - 1].replace("\"\"", "\"") } else { text.to_string() };
    Ident { value, quote_style: quoted.then_some('"'), span: Span { start: at, end: at } }
}

/// Ranges of tokens between the commas of the first parentheses.
fn elements(tokens: &[Token]) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let Some(open) = tokens.iter().position(|t| t.is_symbol(b'(')) else { return out };
    let mut start = open + 1;
    let mut depth = 1;
    for (i, token) in tokens.iter().enumerate().skip(start) {
        match token.kind {
            TokenKind::Symbol(b'(') => depth += 1,
            TokenKind::Symbol(b')') => depth -= 1,
            _ => {}
        }
        if depth == 0 || depth == 1 && token.is_symbol(b',') {
            out.push(start..i);
            start = i + 1;
        }
        if depth == 0 {
            break;
        }
    }
    out
}
