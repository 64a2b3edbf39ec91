//! A table made anew: create, copy, drop, rename. Foreign keys are off, so no child follows its parent into the drop.

use brigade_core::{
    data::{Error, Result, SqlType, Value, code},
    schema::{Column, Model, Table},
};
use rusqlite::{Connection, OptionalExtension as _, functions::FunctionFlags};

use super::change::Rebuild;
use crate::{
    encode,
    tables::{capture, ddl, failed, name::list, quote},
};

/// What the name of a table begins with while it is made.
pub(crate) const REBUILT: &str = "brigade_rebuild_";

/// The name of a table while it is made.
pub(super) fn name(table: &str) -> String {
    format!("{REBUILT}{table}")
}

/// Makes tables anew and drops others. Users' triggers, and indexes that no model knows, are kept.
pub(super) fn all(conn: &Connection, rebuilds: &[Rebuild], drops: &[String], after: &Model) -> Result<()> {
    let triggers = capture::users(conn)?;
    for (name, _, _) in &triggers {
        run(conn, &format!("DROP TRIGGER {}", quote(name)))?;
    }
    conn.pragma_update(None, "legacy_alter_table", true).map_err(failed("set legacy_alter_table"))?;
    for rebuild in rebuilds {
        one(conn, rebuild, after)?;
    }
    conn.pragma_update(None, "legacy_alter_table", false).map_err(failed("set legacy_alter_table"))?;
    for table in drops {
        run(conn, &format!("DROP TABLE {}", quote(table)))?;
    }
    for (name, table, sql) in triggers.iter().filter(|(_, table, _)| !drops.contains(table)) {
        conn.execute_batch(sql).map_err(|e| {
            Error::new(code::UNSUPPORTED, format!("the trigger {name} does not fit the table {table} any more"))
                .hint("drop it in the .sqlite.sql file of an earlier migration")
                .source(e)
        })?;
    }
    Ok(())
}

fn one(conn: &Connection, rebuild: &Rebuild, after: &Model) -> Result<()> {
    let (old, new) = (&*rebuild.old, &*rebuild.new);
    let counter = counter(conn, &new.name)?;
    let indexes = foreign_indexes(conn, old)?;
    run(conn, &rebuild.create)?;
    copy(conn, rebuild, after)?;
    run(conn, &format!("DROP TABLE {}", quote(&new.name)))?;
    run(conn, &format!("ALTER TABLE {} RENAME TO {}", quote(&name(&new.name)), quote(&new.name)))?;
    if let (Some(counter), Some(_)) = (counter, ddl::numbering(new)) {
        keep_counter(conn, &new.name, counter)?;
    }
    indexes.iter().try_for_each(|sql| run(conn, sql))
}

fn copy(conn: &Connection, rebuild: &Rebuild, after: &Model) -> Result<()> {
    let (old, new) = (&*rebuild.old, &*rebuild.new);
    let mut names = Vec::new();
    let mut values = Vec::new();
    for (at, column) in new.columns.iter().enumerate().filter(|(_, c)| c.generated.is_none()) {
        let Some(from) = old.column(&column.name) else { continue };
        let plain = quote(&column.name);
        names.push(column.name.as_str());
        values.push(match rebuild.using.get(&column.name) {
            Some(using) => using.clone(),
            None if ddl::same_storage(&old.columns[from].ty, &column.ty) => plain,
            None => {
                let function = format!("brigade_convert_{at}");
                converter(conn, &function, &old.columns[from].ty, column)?;
                format!("{function}({plain})")
            }
        });
    }
    let sql = format!(
        "INSERT INTO {}({}) SELECT {} FROM {}",
        quote(&name(&new.name)),
        list(names),
        values.join(", "),
        quote(&new.name)
    );
    conn.execute_batch(&sql).map_err(|e| super::refused(e, after))
}

/// Changes values of one type into another by PostgreSQL's text form, as its assignment cast would.
fn converter(conn: &Connection, function: &str, from: &SqlType, column: &Column) -> Result<()> {
    let (from, to, name) = (from.clone(), column.ty.clone(), column.name.clone());
    conn.create_scalar_function(function, 1, FunctionFlags::SQLITE_UTF8, move |context| {
        let refused = |message: String| rusqlite::Error::UserFunctionError(message.into());
        let value = encode::from_sql(context.get_raw(0), &from).map_err(|e| refused(e.to_string()))?;
        let Some(text) = value.to_text() else { return Ok(rusqlite::types::Value::Null) };
        let value = Value::from_text(&to, &text).map_err(|e| crate::functions::refused(&name, e.code))?;
        let owned = match encode::to_sql(&value, &to).map_err(|e| refused(e.to_string()))? {
            rusqlite::types::ToSqlOutput::Owned(owned) => owned,
            rusqlite::types::ToSqlOutput::Borrowed(borrowed) => {
                borrowed.try_into().map_err(|_| refused("a text is no UTF-8".to_owned()))?
            }
            _ => return Err(refused("a value of this type cannot be converted".to_owned())),
        };
        Ok(owned)
    })
    .map_err(failed("make a function"))
}

/// Where numbering stands, so that a number of a removed row never comes back.
fn counter(conn: &Connection, table: &str) -> Result<Option<i64>> {
    let there: bool = conn
        .query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_sequence'", [], |row| row.get(0))
        .map_err(failed("read the schema"))?;
    if !there {
        return Ok(None);
    }
    conn.query_row("SELECT seq FROM sqlite_sequence WHERE name = ?1", [table], |row| row.get(0))
        .optional()
        .map_err(failed("read a counter"))
}

fn keep_counter(conn: &Connection, table: &str, counter: i64) -> Result<()> {
    let write = || -> rusqlite::Result<()> {
        conn.execute("DELETE FROM sqlite_sequence WHERE name = ?1", [table])?;
        conn.execute("INSERT INTO sqlite_sequence(name, seq) VALUES(?1, ?2)", rusqlite::params![table, counter])?;
        Ok(())
    };
    write().map_err(failed("keep a counter"))
}

/// Indexes that a `.sqlite.sql` file or another program made.
fn foreign_indexes(conn: &Connection, table: &Table) -> Result<Vec<String>> {
    let read = || -> rusqlite::Result<Vec<(String, String)>> {
        conn.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?1 AND sql IS NOT NULL")?
            .query_map([&table.name], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect()
    };
    let all = read().map_err(failed("read indexes"))?;
    Ok(all.into_iter().filter(|(name, _)| !table.indexes.iter().any(|i| i.name == *name)).map(|(_, sql)| sql).collect())
}

/// Names the table as users know it.
fn run(conn: &Connection, sql: &str) -> Result<()> {
    conn.execute_batch(sql).map_err(failed("make a table anew"))
}
