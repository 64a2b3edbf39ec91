//! Keywords that nobody knows: a typing mistake is told as one, never as a thing that only PostgreSQL can do.

use crate::data::{Error, code};

use super::{
    SqlStatement,
    lex::{Quoting, Token, lex},
    place::{misplaced, nearest},
};

/// How statements begin.
const STATEMENTS: &str = "ALTER ANALYZE BEGIN CALL CLUSTER COMMENT COMMIT COPY CREATE DELETE DO DROP GRANT IMPORT INSERT \
    LOCK MERGE REFRESH REINDEX REVOKE SECURITY SELECT SET TRUNCATE UPDATE VACUUM VALUES WITH";

/// What CREATE, ALTER and DROP may be followed by in PostgreSQL.
const OBJECTS: &str = "ACCESS AGGREGATE CAST COLLATION CONSTRAINT CONVERSION DATABASE DEFAULT DOMAIN EVENT EXTENSION \
    FOREIGN FUNCTION GLOBAL GROUP INDEX LANGUAGE LARGE LOCAL MATERIALIZED OPERATOR OR OWNED POLICY PROCEDURAL PROCEDURE \
    PUBLICATION RECURSIVE REPLACE ROLE ROUTINE RULE SCHEMA SEQUENCE SERVER STATISTICS SUBSCRIPTION SYSTEM TABLE \
    TABLESPACE TEMP TEMPORARY TEXT TRANSFORM TRIGGER TRUSTED TYPE UNIQUE UNLOGGED USER VIEW";

/// Words between CREATE, ALTER or DROP and the object: the one behind them is looked at.
const BETWEEN: &str = "OR REPLACE GLOBAL LOCAL TEMP TEMPORARY UNLOGGED UNIQUE";

/// The first word of a statement that stands where a keyword must, and is none.
pub(super) struct Misspelt<'s> {
    word: &'s str,
    at: usize,
    known: &'static str,
}

impl<'s> Misspelt<'s> {
    pub(super) fn find(sql: &'s str) -> Option<Self> {
        let tokens = lex("", sql, Quoting::Postgres).ok()?;
        let (first, rest) = tokens.split_first()?;
        let one_of = |token: &Token, words: &str| words.split(' ').any(|word| token.is(sql, word));
        let of = |token: &Token, known| Some(Self { word: token.text(sql), at: token.start, known });
        if !one_of(first, STATEMENTS) {
            return of(first, STATEMENTS);
        }
        if !one_of(first, "CREATE ALTER DROP") {
            return None;
        }
        let object = rest.iter().find(|token| !one_of(token, BETWEEN))?;
        if one_of(object, OBJECTS) { None } else { of(object, OBJECTS) }
    }

    /// Says so in PostgreSQL's words, with the nearest keyword where one is near.
    pub(super) fn error(&self, file: &str, text: &str, statement: &SqlStatement) -> Error {
        let message = format_args!("syntax error at or near {:?}", self.word);
        let error = misplaced(code::SYNTAX, file, text, statement.at + self.at, message);
        match nearest(self.word, self.known.split(' ')) {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None => error,
        }
    }
}
