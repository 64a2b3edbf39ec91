//! One migration, in one transaction: the tables fit the model after, rows moved along, and the log says that it happened.
//!
//! Owns the promise that after an error nothing of a migration is there, and that no child row is lost when its parent's
//! table is made anew.

mod change;
mod foreign;
pub(super) mod place;
mod plan;
mod rebuild;
mod rehearsal;
mod script;

use brigade_core::{
    data::{Error, Result, code},
    engine::MigrationStep,
    schema::{Effect, Model},
};
use fail::fail_point;
use rusqlite::{Connection, ErrorCode, params};

use self::{
    place::Place,
    plan::{Plan, Planned},
};
use super::{capture, ddl, failed, name::quote, rows};
use crate::error;

pub(crate) use rebuild::REBUILT;
pub(crate) use rehearsal::rehearse;

/// Who the migration's transaction is in the log.
pub(crate) struct Stamp<'a> {
    /// Its random tag.
    pub tag: i64,
    /// The time now: microseconds since 1970 in UTC.
    pub at: i64,
    /// Called right after BEGIN IMMEDIATE, so that changes of other programs are stamped before the migration's own.
    pub begun: &'a mut dyn FnMut(&Connection) -> Result<()>,
}

/// Applies a migration: statements for all engines translated, then `.sqlite.sql` as it is. Records it, logs a schema
/// change, and stamps the transaction. Answers the sequence number of its last change.
///
/// # Errors
/// With `FILE:LINE:COLUMN` at the head of the message, where a statement is at fault. Nothing of it is there then.
pub(crate) fn migrate(conn: &mut Connection, step: &MigrationStep, stamp: Stamp<'_>) -> Result<i64> {
    capture::create_internal(conn)?;
    let plan = Plan::of(step)?;
    let enforced: bool =
        conn.pragma_query_value(None, "foreign_keys", |row| row.get(0)).map_err(failed("read foreign_keys"))?;
    if plan.rebuilds {
        plan.refuse_acting_rows()?;
        // Inside a transaction this pragma does nothing, and dropping a parent would delete its children.
        conn.pragma_update(None, "foreign_keys", false).map_err(failed("set foreign_keys"))?;
    }
    let done = transaction(conn, step, &plan, stamp);
    if plan.rebuilds {
        conn.pragma_update(None, "legacy_alter_table", false).map_err(failed("set legacy_alter_table"))?;
        conn.pragma_update(None, "foreign_keys", enforced).map_err(failed("set foreign_keys"))?;
    }
    done
}

fn transaction(conn: &Connection, step: &MigrationStep, plan: &Plan<'_>, stamp: Stamp<'_>) -> Result<i64> {
    conn.execute_batch("BEGIN IMMEDIATE").map_err(failed("begin a migration"))?;
    let done = applied(conn, step, plan, stamp).and_then(|last| {
        fail_point!("migration::recorded");
        conn.execute_batch("COMMIT").map_err(failed("commit a migration"))?;
        fail_point!("migration::committed");
        Ok(last)
    });
    if done.is_err() && !conn.is_autocommit() {
        // The error that led here says more than one of the rollback would.
        let _ = conn.execute_batch("ROLLBACK");
    }
    done
}

fn applied(conn: &Connection, step: &MigrationStep, plan: &Plan<'_>, stamp: Stamp<'_>) -> Result<i64> {
    (stamp.begun)(conn)?;
    let orphans = if plan.rebuilds { foreign::orphans(conn)? } else { Default::default() };
    let last = statements(conn, step, plan, run)?;
    if let Some(script) = &step.migration.sqlite {
        script::run(conn, script, &step.after)?;
        capture::refuse_self_writing(conn, &step.after).map_err(|e| e.context(&script.file))?;
        capture::install(conn, &step.after)?;
        refuse_unfit(conn, &step.after, &script.file)?;
    }
    if plan.rebuilds {
        foreign::refuse_new_orphans(conn, &orphans, &step.after).map_err(|e| last.error(e))?;
    }
    record(conn, step, &stamp)
}

/// Applies the statements for all engines, and lets `rows` do those that read or write rows. Answers the last one's place.
fn statements<'s>(
    conn: &Connection,
    step: &MigrationStep,
    plan: &Plan<'s>,
    rows: impl Fn(&Connection, &Planned<'_>) -> Result<()>,
) -> Result<Place<'s>> {
    let mut dress = Dress { conn, on: true };
    for planned in &plan.statements {
        match planned.effect {
            Effect::Schema => {
                dress.off(&planned.before)?;
                change::apply(conn, planned).map_err(|e| planned.place().error(e))?;
            }
            Effect::Rows => {
                dress.on(&planned.after, &planned.place())?;
                rows(conn, planned).map_err(|e| planned.place().error(e))?;
            }
            Effect::Nothing => {}
        }
    }
    let last = plan.statements.last().map(Planned::place).unwrap_or_default();
    dress.on(&step.after, &last)?;
    Ok(last)
}

/// Runs a statement that reads or writes rows. What it reads is of no use to anybody. A row that is refused is told in the
/// words of a transaction.
fn run(conn: &Connection, planned: &Planned<'_>) -> Result<()> {
    let sql = translated(planned)?;
    let drained = || -> rusqlite::Result<()> {
        let mut statement = conn.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
        Ok(())
    };
    drained().map_err(|e| refused(e, &planned.before))
}

/// An error of SQL that reads or writes rows.
fn refused(error: rusqlite::Error, model: &Model) -> Error {
    match error.sqlite_error_code() {
        _ if error::is_marked(&error) => error::of_raw(error, model),
        Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig) => {
            error::of_raw(error, model)
        }
        _ => failed("run it")(error),
    }
}

/// A statement that reads or writes rows, in SQLite's words.
fn translated(planned: &Planned<'_>) -> Result<String> {
    let translated = rows::statement(&planned.before, planned.parsed()?);
    Ok(translated.map_err(|e| planned.place().untranslatable(&e))?.text)
}

fn refuse_unfit(conn: &Connection, model: &Model, file: &str) -> Result<()> {
    match capture::check(conn, model)?.into_iter().next() {
        None => Ok(()),
        Some(problem) => Err(Error::new(code::UNSUPPORTED, format!("{file}: {problem}"))
            .hint("tables of the model are changed in the file for all engines: NNNN_name.sql")),
    }
}

fn record(conn: &Connection, step: &MigrationStep, stamp: &Stamp<'_>) -> Result<i64> {
    let migration = &step.migration;
    let write = || -> rusqlite::Result<i64> {
        conn.execute(
            "INSERT INTO brigade_migration(number, name, checksum, at) VALUES(?1, ?2, ?3, ?4)",
            params![migration.number, migration.name, migration.checksum, stamp.at],
        )?;
        conn.execute(
            "INSERT INTO brigade_log(layout, op, c0, c1) VALUES(0, 4, ?1, ?2)",
            params![migration.number, migration.name],
        )?;
        let last = conn.last_insert_rowid();
        conn.execute(
            "INSERT INTO brigade_transaction(last, tag, at, origin) VALUES(?1, ?2, ?3, 2)",
            params![last, stamp.tag, stamp.at],
        )?;
        Ok(last)
    };
    write().map_err(failed("record a migration"))
}

/// Views and capture stand on the tables: off while tables change, on while rows do.
struct Dress<'c> {
    conn: &'c Connection,
    on: bool,
}

impl Dress<'_> {
    fn off(&mut self, model: &Model) -> Result<()> {
        if self.on {
            capture::drop_all(self.conn)?;
            for name in model.views.keys() {
                self.conn
                    .execute_batch(&format!("DROP VIEW IF EXISTS {}", quote(name)))
                    .map_err(failed("drop a view"))?;
            }
            self.on = false;
        }
        Ok(())
    }

    fn on(&mut self, model: &Model, place: &Place<'_>) -> Result<()> {
        if !self.on {
            let mut views: Vec<_> = model.views.iter().collect();
            views.sort_by_key(|(_, view)| view.order);
            for (name, view) in views {
                let sql = ddl::create_view(model, name, view).map_err(|e| place.untranslatable(&e))?;
                self.conn.execute_batch(&sql).map_err(failed("make a view")).map_err(|e| place.error(e))?;
            }
        }
        capture::use_model(self.conn, model)?;
        self.on = true;
        Ok(())
    }
}
