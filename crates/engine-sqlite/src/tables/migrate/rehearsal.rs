//! Migrations tried on a store without rows, in memory: what cannot be kept is known before anything is applied.
//!
//! Owns the promise that a plan is not called pending where applying it would say that SQLite cannot keep it. Statements that
//! read or write rows are translated and not run: which rows there are is known only to the store itself.

use brigade_core::{data::Result, engine::MigrationStep};
use rusqlite::Connection;

use super::{capture, plan::Plan, statements, translated};
use crate::tables::failed;

/// Tries migrations, given all from the first one on.
///
/// # Errors
/// That of the first statement which SQLite cannot keep, with `FILE:LINE:COLUMN` at the head of the message.
pub(crate) fn rehearse(steps: &[MigrationStep]) -> Result<()> {
    let conn = Connection::open_in_memory().map_err(failed("open a database in memory"))?;
    conn.pragma_update(None, "foreign_keys", false).map_err(failed("set foreign_keys"))?;
    capture::install_writer_marker(&conn)?;
    capture::create_internal(&conn)?;
    for step in steps {
        let plan = Plan::of(step)?;
        if plan.rebuilds {
            plan.refuse_acting_rows()?;
        }
        statements(&conn, step, &plan, |_, planned| translated(planned).map(|_| ()))?;
    }
    Ok(())
}
