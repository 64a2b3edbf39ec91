//! A statement's text becomes its meaning, as PostgreSQL reads it.
//!
//! Invariant: places in the parsed statement are places in the text as it was written, also where a gap of the parser was
//! mended (`gaps`).

mod gaps;

use sqlparser::{
    ast::{self, Statement},
    dialect::PostgreSqlDialect,
    parser::{Parser, ParserError},
    tokenizer::Token as SqlToken,
};

use crate::data::{Error, Result, code};

use super::{
    SqlStatement,
    lex::{Quoting, Token, TokenKind, lex},
    place::{misplaced, offset},
};
use gaps::Gaps;

/// Tokens of one statement between two commas of the same depth. A longer chain of operators would become a tree that
/// needs more stack than a thread has.
const CHAIN_TOKENS_MAX: usize = 600;

/// Queries joined by UNION, INTERSECT or EXCEPT, for the same reason.
const UNIONS_MAX: usize = 150;

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
    if let Some((at, message)) = too_long_a_chain(sql, &tokens) {
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

fn too_long_a_chain(sql: &str, tokens: &[Token]) -> Option<(usize, String)> {
    let mut depths = vec![0];
    let mut unions = 0;
    for token in tokens {
        match token.kind {
            TokenKind::Symbol(b'(' | b'[') => depths.push(0),
            TokenKind::Symbol(b')' | b']') if depths.len() > 1 => drop(depths.pop()),
            TokenKind::Symbol(b',') => *depths.last_mut()? = 0,
            TokenKind::Word if ["UNION", "INTERSECT", "EXCEPT"].iter().any(|w| token.is(sql, w)) => unions += 1,
            _ => {}
        }
        let chain = depths.last_mut()?;
        *chain += 1;
        if *chain > CHAIN_TOKENS_MAX {
            return Some((token.start, format!("an expression of more than {CHAIN_TOKENS_MAX} words without a comma")));
        }
        if unions > UNIONS_MAX {
            return Some((token.start, format!("more than {UNIONS_MAX} queries joined by UNION, INTERSECT or EXCEPT")));
        }
    }
    None
}

/// Whether the statement begins with the first word and has the second among its next few, before any name.
pub(super) fn starts(sql: &str, tokens: &[Token], words: &[&str; 2]) -> bool {
    const BETWEEN: [&str; 9] =
        ["OR", "REPLACE", "TEMP", "TEMPORARY", "UNLOGGED", "GLOBAL", "LOCAL", "UNIQUE", "MATERIALIZED"];
    let Some((first, rest)) = tokens.split_first() else { return false };
    let second = rest.iter().find(|t| !BETWEEN.iter().any(|w| t.is(sql, w)));
    first.is(sql, words[0]) && second.is_some_and(|t| t.is(sql, words[1]))
}
