//! Whether another program changed what capture rests on: triggers dropped or rewritten, tables or columns gone or new.

use std::collections::{BTreeMap, BTreeSet};

use brigade_core::{
    data::Result,
    schema::{Model, Table},
};
use rusqlite::Connection;

use super::{failed, internal, stage, wanted};
use crate::tables::shape;

/// Whether every table's triggers and staging tables are there and are the generated ones.
pub(super) fn triggers_fit(conn: &Connection, model: &Model) -> Result<bool> {
    let Some(wanted) = wanted(conn, model)? else { return Ok(false) };
    let stages: BTreeSet<String> = model.tables.keys().map(|t| stage::name(t)).collect();
    let tables: BTreeSet<String> = internal::names(conn, "table")?.into_iter().collect();
    let there: BTreeSet<String> = tables.into_iter().filter(|t| t.starts_with("brigade_stage_")).collect();
    Ok(stages == there && wanted == own_triggers(conn)?)
}

fn own_triggers(conn: &Connection) -> Result<BTreeMap<String, String>> {
    let read = || -> rusqlite::Result<BTreeMap<String, String>> {
        conn.prepare(
            r"SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND name LIKE 'brigade\_%' ESCAPE '\'",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
    };
    read().map_err(failed("read triggers"))
}

/// What does not fit the model and cannot be mended by making triggers anew: a sentence each. Ask again when
/// `PRAGMA schema_version` has changed.
///
/// # Errors
/// If the store fails.
pub(crate) fn check(conn: &Connection, model: &Model) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for table in model.tables.values() {
        let there = columns(conn, &table.name)?;
        if there.is_empty() {
            problems.push(format!("the table {} is gone: another program dropped it", table.name));
        } else {
            compare(table, &there, &mut problems);
        }
    }
    Ok(problems)
}

fn compare(table: &Table, there: &[(String, String)], problems: &mut Vec<String>) {
    for column in &table.columns {
        let wanted = shape::storage(&column.ty);
        match there.iter().find(|(name, _)| *name == column.name) {
            None => {
                problems.push(format!("the column {}.{} is gone: another program dropped it", table.name, column.name))
            }
            Some((_, ty)) if ty != wanted && !(wanted == "INTEGER" && ty == "INT") => {
                problems.push(format!("the column {}.{} is {ty} and should be {wanted}", table.name, column.name));
            }
            Some(_) => {}
        }
    }
    for (name, _) in there.iter().filter(|(name, _)| table.column(name).is_none()) {
        problems.push(format!(
            "the column {}.{name} was added by another program and is not in the log: add it by a migration",
            table.name
        ));
    }
}

fn columns(conn: &Connection, table: &str) -> Result<Vec<(String, String)>> {
    let read = || -> rusqlite::Result<Vec<(String, String)>> {
        conn.prepare("SELECT name, upper(type) FROM pragma_table_xinfo(?1)")?
            .query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect()
    };
    read().map_err(failed("read a table's columns"))
}
