//! Capture: every change of every table is written into the log in the same transaction, whoever makes it.
//!
//! Owns the promise that nothing passes unlogged: REPLACE, cascades, changed keys, and programs that know nothing of
//! brigade. The triggers are one set for each table, generated from the model; nobody edits them.

mod internal;
mod layout;
mod order;
mod own;
mod stage;
mod triggers;
mod watch;

use std::collections::BTreeMap;

use brigade_core::{
    data::Result,
    schema::{Model, Table},
};
use rusqlite::Connection;

pub(crate) use internal::create_internal;
pub(crate) use layout::read_layout;
pub(super) use order::{refuse_self_writing, users};
pub(crate) use own::install_writer_marker;
pub(crate) use stage::clear_stages;
pub(crate) use watch::check;

use super::failed;

/// Makes capture fit a model: layouts, the log's width, staging tables and triggers. What fits already stays, so that
/// opening a store changes nothing. One transaction of its own, or part of the open one. Answers whether it changed
/// anything.
///
/// # Errors
/// If the store fails, or a table has more columns than an image can hold.
pub(crate) fn use_model(conn: &Connection, model: &Model) -> Result<bool> {
    if watch::triggers_fit(conn, model)? {
        return Ok(false);
    }
    install(conn, model)?;
    Ok(true)
}

/// Makes capture anew for every table of the model.
///
/// # Errors
/// As [`use_model`].
pub(super) fn install(conn: &Connection, model: &Model) -> Result<()> {
    conn.execute_batch("SAVEPOINT brigade_capture").map_err(failed("begin capture"))?;
    let done = installed(conn, model);
    let end =
        if done.is_ok() { "RELEASE brigade_capture" } else { "ROLLBACK TO brigade_capture; RELEASE brigade_capture" };
    conn.execute_batch(end).map_err(failed("end capture"))?;
    done
}

fn installed(conn: &Connection, model: &Model) -> Result<()> {
    drop_all(conn)?;
    let width = model.tables.values().map(|t| t.columns.len()).max().unwrap_or(0);
    internal::widen(conn, width)?;
    let mut sets = Vec::new();
    for table in model.tables.values() {
        stage::create(conn, table)?;
        sets.push(triggers::of(model, table, layout::id(conn, table)?));
    }
    for trigger in sets.iter().flat_map(|s| &s.before) {
        conn.execute_batch(&trigger.sql).map_err(failed("make a trigger"))?;
    }
    order::remake_users(conn)?;
    for trigger in sets.iter().flat_map(|s| &s.after) {
        conn.execute_batch(&trigger.sql).map_err(failed("make a trigger"))?;
    }
    Ok(())
}

/// Takes capture away, before tables are changed. The log and the layouts stay.
///
/// # Errors
/// If the store fails.
pub(super) fn drop_all(conn: &Connection) -> Result<()> {
    for name in internal::names(conn, "trigger")? {
        conn.execute_batch(&format!("DROP TRIGGER {}", super::quote(&name))).map_err(failed("drop a trigger"))?;
    }
    stage::drop_all(conn)
}

/// The triggers a model wants, by name.
fn wanted(conn: &Connection, model: &Model) -> Result<Option<BTreeMap<String, String>>> {
    let mut out = BTreeMap::new();
    for table in model.tables.values() {
        let Some(layout) = layout::newest(conn, table)? else { return Ok(None) };
        let set = triggers::of(model, table, layout);
        out.extend(set.before.into_iter().chain(set.after).map(|t| (t.name, t.sql)));
    }
    Ok(Some(out))
}

/// The name under which a table's rows can be reached by rowid: one that no column has.
pub(crate) fn rowid(table: &Table) -> &'static str {
    ["rowid", "_rowid_", "oid"]
        .into_iter()
        .find(|name| !table.columns.iter().any(|c| c.name.eq_ignore_ascii_case(name)))
        .unwrap_or("rowid")
}
