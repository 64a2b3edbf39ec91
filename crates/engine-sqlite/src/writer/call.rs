//! A routine that writes, on the writer's connection: its statements run as those of any transaction do, so that what they
//! change is captured, shares a group's commit, and can be taken back.

use brigade_core::{
    data::{Error, Result, StatementResult},
    engine::CheckedRead,
};
use rusqlite::params_from_iter;

use super::state::State;
use crate::read;

/// Runs all of its statements; each has the time that a statement may take.
pub(super) fn run(state: &State, call: &CheckedRead) -> Result<StatementResult> {
    let source = call.source.as_ref().ok_or_else(|| Error::internal("a call without a routine"))?;
    for pieces in &source.before {
        let (text, bound) = read::plain(pieces, source)?;
        timed(state, || {
            let mut statement = state.conn.prepare_cached(&text).map_err(|e| state.failed(e))?;
            let mut rows = statement.query(params_from_iter(bound)).map_err(|e| state.failed(e))?;
            while rows.next().map_err(|e| state.failed(e))?.is_some() {}
            Ok(())
        })?;
    }
    timed(state, || read::called(&state.conn, call, source, &|e| state.failed(e)))
}

fn timed<T>(state: &State, work: impl FnOnce() -> Result<T>) -> Result<T> {
    state.limit_time(true);
    let done = work();
    state.limit_time(false);
    done
}
