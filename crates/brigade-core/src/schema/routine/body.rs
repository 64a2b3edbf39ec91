//! The statements of a query: where values go, and whether they may do what they do.

use std::ops::ControlFlow;

use sqlparser::ast::{Query, SetExpr, Statement, Visit, Visitor};

use crate::{
    data::{Error, Result, code},
    schema::{
        SqlStatement,
        lex::{Quoting, Token, TokenKind, lex},
        misplaced, nearest,
        parse::parse_at,
        split::cut,
    },
};

use super::{NamedQuery, Piece, QueryStatement};

/// Words that begin what no query may do.
const WORDS: [&str; 5] = ["SELECT", "WITH", "VALUES", "TABLE", "("];
const WRITES: [&str; 6] = ["INSERT", "UPDATE", "DELETE", "SELECT", "WITH", "VALUES"];

pub(super) fn read(query: &NamedQuery) -> Result<Vec<QueryStatement>> {
    let statements = cut(&query.file, &query.text, Quoting::Postgres)?;
    let wrong = |at: usize, message: String| misplaced(code::CONFIG, &query.file, &query.text, at, message);
    if statements.is_empty() {
        return Err(wrong(query.text.len(), "there is no statement in it".to_owned()));
    }
    if let ([_, second, ..], false) = (&statements[..], query.writes) {
        return Err(wrong(second.at, "a query that only reads is one statement".to_owned())
            .hint("write \"-- write\" into its head if it is to change rows, or make it two queries"));
    }
    statements.iter().map(|statement| judged(query, statement)).collect()
}

fn judged(query: &NamedQuery, statement: &SqlStatement) -> Result<QueryStatement> {
    let tokens = lex(&query.file, &statement.sql, Quoting::Postgres)?;
    let pieces = pieces(query, statement, &tokens)?;
    let allowed = if query.writes { &WRITES[..] } else { &WORDS[..] };
    let first = &tokens[0];
    let begins = |word: &&str| first.is(&statement.sql, word) || (**word == *"(" && first.is_symbol(b'('));
    let parsed = parse_at(&query.file, &query.text, statement);
    let writes_inside = parsed.as_ref().is_ok_and(|parsed| changes(parsed));
    if !allowed.iter().any(begins) || (writes_inside && !query.writes) {
        let (what, hint) = match query.writes {
            true => ("a query is made of SELECT, INSERT, UPDATE and DELETE", "move what else it does into a migration"),
            false => ("it changes rows, and its head does not say so", "write \"-- write\" into its head"),
        };
        return Err(misplaced(code::READ_ONLY, &query.file, &query.text, statement.at, what).hint(hint));
    }
    let parsed = match parsed {
        Ok(parsed) => Some(parsed),
        // What only one engine's own text says, that engine judges.
        Err(_) if query.is_own => None,
        Err(error) => return Err(error),
    };
    Ok(QueryStatement { at: statement.at, sql: statement.sql.clone(), pieces, parsed })
}

/// Cuts a statement where `:name` stands. `::` is a cast, and a colon in a text is none of ours.
fn pieces(query: &NamedQuery, statement: &SqlStatement, tokens: &[Token]) -> Result<Vec<Piece>> {
    let sql = statement.sql.as_str();
    let is_colon = |i: usize| tokens.get(i).is_some_and(|t| t.is_symbol(b':'));
    let touches = |i: usize| tokens[i].end == tokens[i + 1].start;
    let (mut pieces, mut from) = (Vec::new(), 0);
    for i in 0..tokens.len().saturating_sub(1) {
        let begins = is_colon(i) && tokens[i + 1].kind == TokenKind::Word && touches(i);
        let is_cast = i > 0 && is_colon(i - 1) && touches(i - 1);
        if !begins || is_cast {
            continue;
        }
        let name = tokens[i + 1].text(sql);
        let Some(param) = query.param(name) else {
            return Err(undeclared(query, statement.at + tokens[i].start, name));
        };
        pieces.push(Piece::Text(sql[from..tokens[i].start].to_owned()));
        pieces.push(Piece::Value(param));
        from = tokens[i + 1].end;
    }
    pieces.push(Piece::Text(sql[from..].to_owned()));
    Ok(pieces)
}

fn undeclared(query: &NamedQuery, at: usize, name: &str) -> Error {
    let error = misplaced("42P02", &query.file, &query.text, at, format!("there is no parameter {name:?}"));
    match nearest(name, query.params.iter().map(|p| p.name.as_str())) {
        Some(near) => error.hint(format!("did you mean {near:?}?")),
        None => error.hint(format!("declare it in the head: -- param {name} TYPE")),
    }
}

/// Whether a statement changes rows, also inside a WITH.
fn changes(statement: &Statement) -> bool {
    struct Finder;
    impl Visitor for Finder {
        type Break = ();

        fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
            match *query.body {
                SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    !matches!(statement, Statement::Query(_)) || statement.visit(&mut Finder).is_break()
}
