//! A statement's text becomes its meaning, as PostgreSQL reads it.
//!
//! The parser has gaps; what matters of them is mended here, in the text, without moving a single character: places in
//! the parsed statement are places in the text.

use std::ops::Range;

use sqlparser::{
    ast::{self, Ident, IndexConstraint, IndexType, Statement},
    dialect::PostgreSqlDialect,
    parser::{Parser, ParserError},
    tokenizer::{Location, Span, Token as SqlToken},
};

use crate::data::{Error, Result, code, line_column};

use super::{
    SqlStatement,
    lex::{Quoting, Token, TokenKind, lex},
    place::{misplaced, offset},
    types,
};

/// Tokens of one statement between two commas of the same depth. A longer chain of operators would need more stack than
/// a thread has.
const CHAIN_TOKENS_MAX: usize = 4_000;

/// Parses one statement in PostgreSQL's dialect.
///
/// # Errors
/// 42601 whose message begins with `LINE:COLUMN` and whose details show the line with a caret.
pub fn parse(sql: &str) -> Result<Box<Statement>> {
    let statement = SqlStatement { at: 0, sql: sql.to_string(), parsed: None };
    parse_at("", sql, &statement)
}

/// Parses a statement of a script; errors name its place in the file.
pub(super) fn parse_at(file: &str, text: &str, statement: &SqlStatement) -> Result<Box<Statement>> {
    let sql = statement.sql.as_str();
    let tokens = lex(file, sql, Quoting::Postgres)?;
    if let Some(at) = too_long_a_chain(sql, &tokens) {
        let message = format!("an expression of more than {CHAIN_TOKENS_MAX} words without a comma");
        return Err(misplaced(code::SYNTAX, file, text, statement.at + at, message).hint("split it into parts"));
    }
    let mut gaps = Gaps::find(sql, &tokens);
    if let Some(at) = gaps.numbering {
        let message = "an identity column counts from 1 by 1: other options are not kept on every engine";
        let hint = "leave them out, or set them by ALTER SEQUENCE in NNNN_name.postgres.sql";
        return Err(misplaced(code::UNSUPPORTED, file, text, statement.at + at, message).hint(hint));
    }
    let mended = gaps.mend(sql);
    let mut parsed = run(&mended, whole).map_err(|e| malformed(file, text, statement, &e))?;
    if let Statement::CreateTable(table) = &mut parsed {
        for index in gaps.indexes.drain(..) {
            let constraint = index.parse(sql).map_err(|e| malformed(file, text, statement, &e))?;
            table.constraints.push(ast::TableConstraint::Index(constraint));
        }
    }
    Ok(Box::new(parsed))
}

/// Parses an expression that stands alone, as PostgreSQL's catalogue gives it.
///
/// # Errors
/// 42601 with its place in the expression.
pub fn parse_expression(sql: &str) -> Result<Box<ast::Expr>> {
    let statement = parse(&format!("SELECT {sql}"))?;
    let wrong = || Error::new(code::SYNTAX, format!("not one expression: {sql}"));
    let Statement::Query(query) = *statement else { return Err(wrong()) };
    let ast::SetExpr::Select(select) = *query.body else { return Err(wrong()) };
    match select.projection.into_iter().next() {
        Some(ast::SelectItem::UnnamedExpr(expr)) if select.from.is_empty() => Ok(Box::new(expr)),
        _ => Err(wrong()),
    }
}

fn run<T>(sql: &str, read: impl Fn(&mut Parser<'_>) -> Result<T, ParserError>) -> Result<T, ParserError> {
    let dialect = PostgreSqlDialect {};
    read(&mut Parser::new(&dialect).try_with_sql(sql)?)
}

fn whole(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    let statement = parser.parse_statement()?;
    match parser.peek_token() {
        token if token.token == SqlToken::EOF => Ok(statement),
        token => parser.expected("end of statement", token),
    }
}

/// Turns the parser's message (`Expected: …, found: … at Line: 1, Column: 5`) into ours.
fn malformed(file: &str, text: &str, statement: &SqlStatement, error: &ParserError) -> Error {
    let message = match error {
        ParserError::TokenizerError(m) | ParserError::ParserError(m) => m.as_str(),
        ParserError::RecursionLimitExceeded => "nested too deeply",
    };
    let (message, at) = match message.rfind(" at Line: ").map(|i| message.split_at(i)) {
        Some((head, tail)) => {
            let mut numbers = tail.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse::<u64>().ok());
            let (line, column) = (numbers.next().unwrap_or(1), numbers.next().unwrap_or(1));
            (head, offset(&statement.sql, line, column))
        }
        // The end of the statement has no place of its own.
        None if message.ends_with("EOF") => (message, statement.sql.len()),
        None => (message, 0),
    };
    let message = message.strip_prefix("sql parser error: ").unwrap_or(message).replace("Expected: ", "expected ");
    let message = message.replace(", found: ", ", found ").replace("found EOF", "found the end of the statement");
    misplaced(code::SYNTAX, file, text, statement.at + at, format_args!("syntax error: {message}"))
}

fn too_long_a_chain(sql: &str, tokens: &[Token]) -> Option<usize> {
    let mut depths = vec![0];
    for token in tokens {
        match token.kind {
            TokenKind::Symbol(b'(' | b'[') => depths.push(0),
            TokenKind::Symbol(b')' | b']') if depths.len() > 1 => drop(depths.pop()),
            TokenKind::Symbol(b',') => *depths.last_mut()? = 0,
            _ => {}
        }
        let chain = depths.last_mut()?;
        *chain += 1;
        if *chain > CHAIN_TOKENS_MAX && !sql.is_empty() {
            return Some(token.start);
        }
    }
    None
}

/// What the parser does not read and may be left out of its sight.
#[derive(Default)]
struct Gaps {
    blanks: Vec<Range<usize>>,
    indexes: Vec<InlineIndex>,
    /// Where an identity's options begin to mean something.
    numbering: Option<usize>,
}

impl Gaps {
    fn find(sql: &str, tokens: &[Token]) -> Self {
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
        let columns = open.start..close.end;
        self.indexes.push(InlineIndex { key: first.is(sql, "KEY"), name, method, columns });
        // The comma goes with it: the one before, or for the first element the one after.
        let comma = |i: usize| tokens.get(i).filter(|t| t.is_symbol(b','));
        let before = element.start.checked_sub(1).and_then(comma);
        let start = before.map_or(first.start, |t| t.start);
        let after = if before.is_none() { comma(element.end) } else { None };
        self.blanks.push(start..after.map_or(close.end, |t| t.end));
    }

    /// The text with blanks where the gaps were, every other character in its place.
    fn mend(&self, sql: &str) -> String {
        let hidden = |at: usize| self.blanks.iter().any(|b| b.contains(&at));
        if self.blanks.is_empty() {
            return sql.to_string();
        }
        sql.char_indices().map(|(at, c)| if hidden(at) && c != '\n' { ' ' } else { c }).collect()
    }
}

struct InlineIndex {
    key: bool,
    name: Option<Token>,
    method: Option<Token>,
    columns: Range<usize>,
}

impl InlineIndex {
    fn parse(&self, sql: &str) -> Result<IndexConstraint, ParserError> {
        let keep = |at: usize| self.columns.contains(&at);
        let alone: String = sql.char_indices().map(|(at, c)| if keep(at) || c == '\n' { c } else { ' ' }).collect();
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

/// Whether the statement begins with the first word and has the second among its next few, before any name.
pub(super) fn starts(sql: &str, tokens: &[Token], words: &[&str; 2]) -> bool {
    const BETWEEN: [&str; 9] =
        ["OR", "REPLACE", "TEMP", "TEMPORARY", "UNLOGGED", "GLOBAL", "LOCAL", "UNIQUE", "MATERIALIZED"];
    let Some((first, rest)) = tokens.split_first() else { return false };
    let second = rest.iter().find(|t| !BETWEEN.iter().any(|w| t.is(sql, w)));
    first.is(sql, words[0]) && second.is_some_and(|t| t.is(sql, words[1]))
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
