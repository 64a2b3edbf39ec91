//! Removing what nobody needs any more, in steps that keep no append waiting long; and all of it, where a log begins anew.

use brigade_core::data::{Error, Position, Result};
use fail::fail_point;
use rusqlite::params;

use super::Writer;
use crate::{side_file::store_error, spool::read::place};

/// Changes removed in one step of trimming: a few milliseconds of the writer's time.
const TRIM_STEP: i64 = 5_000;

impl Writer {
    /// From now on the log begins after `target`: readers are told so before the first change is removed.
    pub(in crate::spool) fn begin_trim(&mut self, target: Position) -> Result<()> {
        self.check_stopped()?;
        self.connection
            .execute(
                "UPDATE state SET oldest = ?1, oldest_tag = ?2,
                     trimmed_changes = (SELECT changes FROM transactions WHERE position = ?1),
                     trimmed_bytes = (SELECT bytes FROM transactions WHERE position = ?1)
                 WHERE oldest < ?1",
                params![place(target.order), target.tag as i64],
            )
            .map_err(store_error)?;
        fail_point!("spool::boundary_moved");
        Ok(())
    }

    /// Removes some changes up to `target`, oldest first, then their transactions; how many changes.
    pub(in crate::spool) fn trim_step(&mut self, target: Position) -> Result<u64> {
        let c = &self.connection;
        let step = || {
            let end = c
                .prepare_cached(
                    "SELECT max(place) FROM (SELECT place FROM changes WHERE place <= ?1 ORDER BY place LIMIT ?2)",
                )?
                .query_row(params![place(target.order), TRIM_STEP], |row| row.get::<_, Option<Vec<u8>>>(0))?;
            let Some(end) = end else { return Ok(0) };
            let removed = c.prepare_cached("DELETE FROM changes WHERE place <= ?1")?.execute([&end])?;
            fail_point!("spool::changes_removed");
            c.prepare_cached("DELETE FROM transactions WHERE position <= ?1")?.execute([&end])?;
            Ok(removed as u64)
        };
        step().map_err(store_error)
    }

    /// Removes everything and begins at a position, in one transaction of the file.
    pub(in crate::spool) fn begin_anew(&mut self, at: Position) -> Result<()> {
        self.check_stopped()?;
        if at.order <= self.tip.order {
            return Err(Error::internal(format!("a log at {} cannot begin anew at {at}", self.tip)));
        }
        let emptied = self.begin().and_then(|()| {
            self.connection
                .execute_batch("DELETE FROM changes; DELETE FROM transactions")
                .and_then(|()| {
                    self.connection.execute(
                        "UPDATE state SET tip = ?1, tip_tag = ?2, oldest = ?1, oldest_tag = ?2,
                             trimmed_changes = ?3, trimmed_bytes = ?4",
                        params![place(at.order), at.tag as i64, self.changes as i64, self.bytes as i64],
                    )
                })
                .map_err(store_error)
        });
        if let Err(e) = emptied {
            return self.give_up(e);
        }
        self.flush()?;
        self.reload()
    }
}
