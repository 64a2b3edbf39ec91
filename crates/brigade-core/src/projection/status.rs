//! What `/projections`, `/status` and `/metrics` show. Health is honest: a projection moves, or says why not.

use std::fmt;

use crate::data::Position;

/// How a projection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It applies what comes.
    Running,
    /// It is being made anew; what it had is served until then.
    Rebuilding,
    /// Someone paused it.
    Paused,
    /// Its store, or the truth, is away; it goes on by itself.
    Waiting,
    /// It does not go on by itself; `last_error` says why.
    Stopped,
}

impl State {
    /// The word in HTTP and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Rebuilding => "rebuilding",
            Self::Paused => "paused",
            Self::Waiting => "waiting",
            Self::Stopped => "stopped",
        }
    }

    /// All of them, for a gauge a state.
    pub(crate) const ALL: [Self; 5] = [Self::Running, Self::Rebuilding, Self::Paused, Self::Waiting, Self::Stopped];
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What `/projections` and `/status` show of a projection.
#[derive(Clone, Debug, PartialEq)]
pub struct ProjectionStatus {
    /// `KIND.NAME`.
    pub name: String,
    /// `copy`.
    pub kind: &'static str,
    /// `sqlite`, `memory`.
    pub engine: &'static str,
    /// `running`, `rebuilding`, `paused`, `waiting` or `stopped`.
    pub state: &'static str,
    /// How far it has applied.
    pub checkpoint: Option<Position>,
    /// Changes it has not applied.
    pub lag_changes: u64,
    /// Age of the oldest change it has not applied, in seconds; 0 when it is up to date.
    pub lag_seconds: f64,
    /// Changes it gave up on.
    pub dead_letters: u64,
    /// Its last error, while it matters.
    pub last_error: Option<String>,
}
