//! Users' own triggers, which a `.sqlite.sql` file or another program made.

use brigade_core::{
    data::{Error, Result, code},
    schema::Model,
};
use rusqlite::Connection;
use sqlparser::{
    dialect::SQLiteDialect,
    tokenizer::{Token, Tokenizer},
};

use super::failed;
use crate::tables::quote;

/// Users' triggers: name, table and text, oldest first.
pub(in crate::tables) fn users(conn: &Connection) -> Result<Vec<(String, String, String)>> {
    let read = || -> rusqlite::Result<Vec<(String, String, String)>> {
        conn.prepare(
            r"SELECT name, tbl_name, sql FROM sqlite_schema
              WHERE type = 'trigger' AND name NOT LIKE 'brigade\_%' ESCAPE '\' ORDER BY rowid",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect()
    };
    read().map_err(failed("read triggers"))
}

/// Makes users' triggers anew, so that they are younger than capture's BEFORE triggers: SQLite runs the newest first.
pub(super) fn remake_users(conn: &Connection) -> Result<()> {
    for (name, _, sql) in users(conn)? {
        conn.execute_batch(&format!("DROP TRIGGER {}; {sql}", quote(&name))).map_err(failed("make a trigger anew"))?;
    }
    Ok(())
}

/// Refuses users' AFTER triggers that write their own table: the order of AFTER triggers is not defined, so the log might
/// end with a stale image.
///
/// # Errors
/// 0A000 naming the trigger.
pub(in crate::tables) fn refuse_self_writing(conn: &Connection, model: &Model) -> Result<()> {
    for (name, table, sql) in users(conn)? {
        if model.tables.contains_key(&table) && writes_itself_after(&sql, &table) {
            return Err(Error::new(
                code::UNSUPPORTED,
                format!("the trigger {name} changes its own table {table} after the change"),
            )
            .hint("write it as a BEFORE trigger, or use [tables.T] touch in brigade.toml"));
        }
    }
    Ok(())
}

fn writes_itself_after(sql: &str, table: &str) -> bool {
    let Ok(tokens) = Tokenizer::new(&SQLiteDialect {}, sql).tokenize() else { return true };
    let words: Vec<String> = tokens
        .into_iter()
        .filter_map(|t| match t {
            Token::Word(w) => Some(w.value.to_lowercase()),
            Token::SemiColon => Some(";".to_owned()),
            _ => None,
        })
        .collect();
    let Some(begin) = words.iter().position(|w| w == "begin") else { return false };
    let (head, body) = words.split_at(begin);
    if !head.iter().any(|w| w == "after") {
        return false;
    }
    let table = table.to_lowercase();
    body.split(|w| w == ";").any(|statement| writes(statement, &table))
}

fn writes(statement: &[String], table: &str) -> bool {
    let after = |word: &str| {
        let at = statement.iter().position(|w| w == word)?;
        statement.get(at + 1)
    };
    let first = statement.iter().find(|w| *w != "begin").map(String::as_str);
    let target = match first {
        Some("update") if after("update").is_some_and(|w| w == "or") => {
            statement.iter().skip_while(|w| *w != "or").nth(2)
        }
        Some("update") => after("update"),
        Some("insert" | "replace") => after("into"),
        Some("delete") => after("from"),
        _ => None,
    };
    target.is_some_and(|t| t == table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_triggers_that_write_their_own_table_after_the_change() {
        for (sql, refused) in [
            ("CREATE TRIGGER a AFTER UPDATE ON t BEGIN UPDATE t SET x = 1; END", true),
            ("CREATE TRIGGER a AFTER UPDATE ON t BEGIN SELECT 1; UPDATE OR IGNORE \"T\" SET x = 1; END", true),
            ("CREATE TRIGGER a AFTER INSERT ON t BEGIN INSERT OR REPLACE INTO t VALUES(1); END", true),
            ("CREATE TRIGGER a AFTER INSERT ON t BEGIN DELETE FROM t WHERE x = 2; END", true),
            ("CREATE TRIGGER a BEFORE UPDATE ON t BEGIN UPDATE t SET x = 1; END", false),
            ("CREATE TRIGGER a AFTER UPDATE ON t BEGIN UPDATE u SET x = (SELECT 1 FROM t); END", false),
            ("CREATE TRIGGER a AFTER UPDATE OF x ON t BEGIN INSERT INTO u SELECT * FROM t; END", false),
        ] {
            assert_eq!(writes_itself_after(sql, "t"), refused, "{sql}");
        }
    }
}
