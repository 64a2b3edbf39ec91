//! One statement of raw SQL, in a transaction of its own. What it may not do is refused by the server (a read-only
//! transaction) where the server can, and by the first word where it cannot.

use brigade_core::{
    data::{Error, Result, Value, code},
    engine::QueryResult,
};
use futures_util::StreamExt;
use tokio_postgres::SimpleQueryMessage;

use crate::{catalog::sql_type, encode::decode, error::from_pg, pool::Session, truth::PostgresTruth};

/// Words that end, begin or nest transactions.
const CONTROL: [&str; 9] = ["BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE", "PREPARE"];

/// Words that leave something behind in the session, or speak another protocol.
const SESSION: [&str; 9] =
    ["SET", "RESET", "DISCARD", "LISTEN", "UNLISTEN", "DEALLOCATE", "DECLARE", "COPY", "EXECUTE"];

/// The first word, in upper case, behind blanks and comments.
pub(crate) fn first_word(sql: &str) -> String {
    let mut rest = sql.trim_start();
    loop {
        if let Some(comment) = rest.strip_prefix("--") {
            rest = comment.split_once('\n').map_or("", |(_, r)| r).trim_start();
        } else if let Some(comment) = rest.strip_prefix("/*") {
            let (mut depth, mut at, bytes) = (1, 0, comment.as_bytes());
            while depth > 0 && at < bytes.len() {
                match bytes.get(at..at + 2) {
                    Some(b"/*") => (depth, at) = (depth + 1, at + 2),
                    Some(b"*/") => (depth, at) = (depth - 1, at + 2),
                    _ => at += 1,
                }
            }
            rest = comment.get(at..).unwrap_or("").trim_start();
        } else {
            break;
        }
    }
    rest.chars().take_while(|c| c.is_ascii_alphabetic() || *c == '_').collect::<String>().to_ascii_uppercase()
}

/// The word, if a statement is transaction control.
pub(crate) fn transaction_control(sql: &str) -> Option<String> {
    Some(first_word(sql)).filter(|word| CONTROL.contains(&word.as_str()))
}

/// Runs it.
pub(crate) async fn query(truth: &PostgresTruth, sql: &str, write: bool, rows_max: usize) -> Result<QueryResult> {
    if let Some(word) = transaction_control(sql) {
        return Err(Error::new(code::TRANSACTION_STATE, format!("{word} is transaction control")).hint(
            "a statement runs in a transaction of its own; several that belong together go through POST /transactions",
        ));
    }
    let word = first_word(sql);
    if SESSION.contains(&word.as_str()) {
        return Err(Error::new(code::UNSUPPORTED, format!("{word} is about a session, and sessions are shared"))
            .hint("use psql for it"));
    }
    let mut session = truth.session().await?;
    session.begin();
    let result = run(&mut session, sql, write, rows_max).await;
    // What was written by hand may have left anything behind in the session: it is closed, not reused.
    if !write {
        session.roll_back().await;
        if session.client().batch_execute("SELECT pg_advisory_unlock_all()").await.is_err() {
            session.begin();
        }
    }
    result
}

async fn run(session: &mut Session, sql: &str, write: bool, rows_max: usize) -> Result<QueryResult> {
    let client = session.client();
    let begin = if write { "BEGIN ISOLATION LEVEL SERIALIZABLE" } else { "BEGIN READ ONLY" };
    client.batch_execute(begin).await.map_err(from_pg)?;
    // Preparing refuses more than one statement, and tells the columns' types.
    let statement = client.prepare(sql).await.map_err(from_pg)?;
    let types: Vec<_> = statement.columns().iter().map(|c| sql_type(c.type_())).collect();
    let columns = statement.columns().iter().map(|c| c.name().to_owned()).collect();
    if !statement.params().is_empty() {
        return Err(Error::new("42P02", "there is no parameter $1").hint("write the value into the statement"));
    }
    let mut result = QueryResult { columns, rows: Vec::new(), affected: None };
    let stream = client.simple_query_raw(sql).await.map_err(from_pg)?;
    tokio::pin!(stream);
    while let Some(message) = stream.next().await {
        match message.map_err(from_pg)? {
            SimpleQueryMessage::Row(row) if result.rows.len() < rows_max => {
                let values: Vec<Value> = types.iter().enumerate().map(|(i, ty)| decode(ty, row.get(i))).collect();
                result.rows.push(values);
            }
            SimpleQueryMessage::CommandComplete(n) => result.affected = write.then_some(n),
            _ => {}
        }
    }
    if write {
        client.batch_execute("COMMIT").await.map_err(from_pg)?;
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_is_found_behind_comments() {
        for (sql, word) in [
            ("select 1", "SELECT"),
            ("  -- begin\n /* commit /* nested */ */ Update t", "UPDATE"),
            ("/* open", ""),
            ("(select 1)", ""),
            ("commit;", "COMMIT"),
        ] {
            assert_eq!(first_word(sql), word, "{sql}");
        }
        assert_eq!(transaction_control("end"), Some("END".to_owned()));
        assert_eq!(transaction_control("select 'commit'"), None);
    }
}
