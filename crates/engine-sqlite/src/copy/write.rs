//! The one writer of a copy. Each call is one SQLite transaction of its own: all of it, or nothing.

use std::collections::HashMap;

use brigade_core::data::{Change, Checkpoint, Error, Key, Layout, Op, Result, Row};
use fail::fail_point;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::{bytes_of, checkpoint_of, layout_from};
use crate::{layout_bytes, side_file::store_error};

/// Rows of an old generation removed in one step.
const DISCARD_STEP: i64 = 5_000;

/// Stands for all rows of a table among those staged. The bytes of a key are never empty.
const ALL_ROWS: &[u8] = &[];

pub(super) struct Writer {
    connection: Connection,
    /// Tables of the live generation by name.
    live: HashMap<String, i64>,
    staging: bool,
}

/// Where changes go.
#[derive(Clone, Copy)]
enum Into {
    Rows,
    Staged,
}

impl Writer {
    pub(super) fn open(connection: Connection) -> Result<Self> {
        connection.pragma_update(None, "synchronous", "normal").map_err(store_error)?;
        connection.execute("DELETE FROM staged", []).map_err(store_error)?;
        let mut writer = Self { connection, live: HashMap::new(), staging: false };
        writer.discard_others()?;
        writer.reload()?;
        Ok(writer)
    }

    fn reload(&mut self) -> Result<()> {
        let tables = |c: &Connection| {
            c.prepare_cached("SELECT name, id FROM tables WHERE generation = (SELECT live FROM state)")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<_>>()
        };
        self.live = tables(&self.connection).map_err(store_error)?;
        Ok(())
    }

    pub(super) fn checkpoint(&self) -> Result<Option<Checkpoint>> {
        self.connection.query_row("SELECT position, tag, seen FROM state", [], checkpoint_of).map_err(store_error)
    }

    pub(super) fn layouts(&self) -> Result<Vec<Layout>> {
        let list = |c: &Connection| {
            c.prepare_cached("SELECT layout FROM tables WHERE generation = (SELECT live FROM state) ORDER BY name")?
                .query_map([], |row| row.get(0))?
                .collect::<rusqlite::Result<Vec<Vec<u8>>>>()
        };
        list(&self.connection).map_err(store_error)?.iter().map(|bytes| layout_from(bytes)).collect()
    }

    pub(super) fn apply(&mut self, changes: &[Change], checkpoint: Option<&Checkpoint>) -> Result<()> {
        if changes.is_empty() && checkpoint.is_none() {
            return Ok(());
        }
        let into = if self.staging || checkpoint.is_none() { Into::Staged } else { Into::Rows };
        let applied = self.in_transaction(|t, live| {
            write_changes(t, live, changes, into)?;
            let Some(checkpoint) = checkpoint else {
                fail_point!("copy::part_staged");
                return Ok(());
            };
            if matches!(into, Into::Staged) {
                merge(t)?;
                fail_point!("copy::merged");
            }
            fail_point!("copy::rows_written");
            set_checkpoint(t, checkpoint)?;
            fail_point!("copy::checkpoint_written");
            Ok(())
        });
        fail_point!("copy::applied");
        self.staging = applied.is_ok() && checkpoint.is_none();
        if applied.is_err() {
            // All since the last checkpoint comes again; what is left of it here would only be merged twice.
            self.connection.execute("DELETE FROM staged", []).map_err(store_error)?;
        }
        applied
    }

    pub(super) fn put(&mut self, table: &str, rows: &[(Key, Option<Row>)]) -> Result<()> {
        self.in_transaction(|t, live| {
            let id = live.get(table).copied().ok_or_else(|| no_table(table))?;
            rows.iter().try_for_each(|(key, row)| write_row(t, Into::Rows, id, key, row.as_ref()))
        })
    }

    pub(super) fn begin_fill(&mut self) -> Result<i64> {
        self.discard_others()?;
        self.connection.query_row("SELECT live + 1 FROM state", [], |row| row.get(0)).map_err(store_error)
    }

    /// Notes a table of a generation and returns its number.
    pub(super) fn table(&mut self, generation: i64, layout: &Layout) -> Result<i64> {
        self.connection
            .query_row(
                "INSERT INTO tables (generation, name, layout) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET layout = ?3 RETURNING id",
                params![generation, layout.table, layout_bytes::encode(layout)],
                |row| row.get(0),
            )
            .map_err(store_error)
    }

    pub(super) fn fill_rows(&mut self, table: i64, layout: &Layout, rows: &[Row]) -> Result<()> {
        self.in_transaction(|t, _| {
            rows.iter().try_for_each(|row| {
                let key = layout.key_of(row).ok_or_else(|| keyless(&layout.table))?;
                write_row(t, Into::Rows, table, &key, Some(row))
            })?;
            fail_point!("copy::rows_filled");
            Ok(())
        })
    }

    pub(super) fn fill_changes(&mut self, tables: &HashMap<String, i64>, changes: &[Change]) -> Result<()> {
        self.in_transaction(|t, _| write_changes(t, tables, changes, Into::Rows))
    }

    pub(super) fn swap(&mut self, generation: i64, checkpoint: &Checkpoint) -> Result<()> {
        self.in_transaction(|t, _| {
            t.execute("UPDATE state SET live = ?1", [generation]).map_err(store_error)?;
            t.execute("DELETE FROM staged", []).map_err(store_error)?;
            set_checkpoint(t, checkpoint)?;
            fail_point!("copy::swap_written");
            Ok(())
        })?;
        fail_point!("copy::swapped");
        self.staging = false;
        self.reload()
    }

    /// Removes a step of what belongs to no live generation; whether there is more.
    pub(super) fn discard_step(&mut self) -> Result<bool> {
        let others = "SELECT id FROM tables WHERE generation <> (SELECT live FROM state)";
        let step = || {
            let Some(id) = self.connection.prepare_cached(others)?.query_map([], |row| row.get(0))?.next() else {
                return Ok(false);
            };
            let id: i64 = id?;
            let removed = self
                .connection
                .prepare_cached(
                    "DELETE FROM rows WHERE table_id = ?1
                     AND key IN (SELECT key FROM rows WHERE table_id = ?1 ORDER BY key LIMIT ?2)",
                )?
                .execute([id, DISCARD_STEP])?;
            fail_point!("copy::rows_discarded");
            if removed == 0 {
                self.connection.execute("DELETE FROM tables WHERE id = ?1", [id])?;
            }
            Ok(true)
        };
        step().map_err(store_error)
    }

    fn discard_others(&mut self) -> Result<()> {
        while self.discard_step()? {}
        Ok(())
    }

    fn in_transaction<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>, &HashMap<String, i64>) -> Result<T>,
    ) -> Result<T> {
        let t = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(store_error)?;
        let result = work(&t, &self.live)?;
        t.commit().map_err(store_error)?;
        Ok(result)
    }
}

fn write_changes(c: &Connection, tables: &HashMap<String, i64>, changes: &[Change], into: Into) -> Result<()> {
    for change in changes.iter().filter(|change| change.op != Op::Schema) {
        let table = &change.layout.table;
        let id = tables.get(table).copied().ok_or_else(|| no_table(table))?;
        if change.op == Op::Truncate {
            truncate(c, into, id)?;
        } else {
            let key = change.key().ok_or_else(|| keyless(table))?;
            write_row(c, into, id, &key, change.after.as_ref())?;
        }
    }
    Ok(())
}

fn write_row(c: &Connection, into: Into, table: i64, key: &Key, row: Option<&Row>) -> Result<()> {
    let (key, row) = (bytes_of(key), row.map(|row| bytes_of(row)));
    let written = match (into, row) {
        (Into::Rows, Some(row)) => c
            .prepare_cached("INSERT OR REPLACE INTO rows VALUES (?1, ?2, ?3)")
            .and_then(|mut s| s.execute(params![table, key, row])),
        (Into::Rows, None) => c
            .prepare_cached("DELETE FROM rows WHERE table_id = ?1 AND key = ?2")
            .and_then(|mut s| s.execute(params![table, key])),
        (Into::Staged, row) => c
            .prepare_cached("INSERT OR REPLACE INTO staged VALUES (?1, ?2, ?3)")
            .and_then(|mut s| s.execute(params![table, key, row])),
    };
    written.map(|_| ()).map_err(store_error)
}

fn truncate(c: &Connection, into: Into, table: i64) -> Result<()> {
    let done = match into {
        Into::Rows => c.execute("DELETE FROM rows WHERE table_id = ?1", [table]),
        Into::Staged => c
            .execute("DELETE FROM staged WHERE table_id = ?1", [table])
            .and_then(|_| c.execute("INSERT INTO staged VALUES (?1, ?2, NULL)", params![table, ALL_ROWS])),
    };
    done.map(|_| ()).map_err(store_error)
}

/// Takes what was staged into the rows.
fn merge(c: &Connection) -> Result<()> {
    c.execute_batch(
        "DELETE FROM rows WHERE table_id IN (SELECT table_id FROM staged WHERE key = x'');
         DELETE FROM rows WHERE (table_id, key) IN (SELECT table_id, key FROM staged WHERE row IS NULL);
         INSERT OR REPLACE INTO rows SELECT table_id, key, row FROM staged WHERE row IS NOT NULL;
         DELETE FROM staged;",
    )
    .map_err(store_error)
}

fn set_checkpoint(c: &Connection, checkpoint: &Checkpoint) -> Result<()> {
    let seen = checkpoint.seen.as_ref().map(ToString::to_string);
    c.prepare_cached("UPDATE state SET position = ?1, tag = ?2, seen = ?3")
        .and_then(|mut s| {
            s.execute(params![checkpoint.position.order.to_be_bytes(), checkpoint.position.tag as i64, seen])
        })
        .map(|_| ())
        .map_err(store_error)
}

fn no_table(table: &str) -> Error {
    Error::internal(format!("the copy was not filled with table {table}")).hint("rebuild it")
}

fn keyless(table: &str) -> Error {
    Error::internal(format!("table {table} has no primary key: a copy cannot hold it"))
}
