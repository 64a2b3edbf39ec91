//! `.sqlite.sql` files: SQLite's own SQL, run as it is, inside the migration's transaction.

use brigade_core::{
    data::{Error, Result, code, line_column},
    schema::{Model, Script},
};
use rusqlite::{Batch, Connection, fallible_iterator::FallibleIterator as _};
use sqlparser::{
    dialect::SQLiteDialect,
    tokenizer::{Token, Tokenizer},
};

use crate::tables::failed;

/// Words that begin statements which would end the transaction or reach outside it.
const REFUSED: [&str; 10] =
    ["begin", "commit", "end", "rollback", "savepoint", "release", "attach", "detach", "vacuum", "pragma"];

/// Runs a script. SQLite itself finds the ends of statements, so triggers may be in it.
pub(super) fn run(conn: &Connection, script: &Script, model: &Model) -> Result<()> {
    let mut batch = Batch::new(conn, &script.text);
    let mut from = 0;
    loop {
        let mut statement = match batch.next() {
            Ok(Some(statement)) => statement,
            Ok(None) => return Ok(()),
            Err(e) => return Err(failed("read it")(e).context(place(script, from))),
        };
        let sql = statement.expanded_sql().unwrap_or_default();
        let at = script.text[from..].find(sql.trim()).map_or(from, |i| from + i);
        from = at + sql.trim().len().min(script.text.len() - at);
        refuse(&sql).map_err(|e| e.context(place(script, at)))?;
        let mut drain = || -> rusqlite::Result<()> {
            let mut rows = statement.query([])?;
            while rows.next()?.is_some() {}
            Ok(())
        };
        drain().map_err(|e| super::refused(e, model).context(place(script, at)))?;
    }
}

fn place(script: &Script, at: usize) -> String {
    let text = &script.text[at..];
    let at = at + (text.len() - text.trim_start_matches([';', ' ', '\n', '\r', '\t']).len());
    let (line, column) = line_column(script.text.as_bytes(), at);
    format!("{}:{line}:{column}", script.file)
}

fn refuse(sql: &str) -> Result<()> {
    let words: Vec<String> = Tokenizer::new(&SQLiteDialect {}, sql)
        .tokenize()
        .unwrap_or_default()
        .into_iter()
        .filter_map(|t| match t {
            Token::Word(w) => Some(w.value.to_lowercase()),
            _ => None,
        })
        .collect();
    let first = words.first().map(String::as_str).unwrap_or_default();
    if REFUSED.contains(&first) {
        return Err(Error::new(
            code::TRANSACTION_STATE,
            format!("{} cannot stand in a migration", first.to_uppercase()),
        )
        .hint("each migration is one transaction of brigade's own"));
    }
    let whole = words.windows(2).any(|w| matches!(w[0].as_str(), "or" | "conflict" | "raise") && w[1] == "rollback");
    if whole {
        return Err(Error::new(
            code::TRANSACTION_STATE,
            "ROLLBACK on a conflict would undo the transactions of others",
        )
        .hint("use ABORT"));
    }
    Ok(())
}
