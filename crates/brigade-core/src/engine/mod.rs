//! "Who does the work?" One trait per role. A method's comment is its contract; each sentence has a test in the engine
//! suite of `brigade-testing`, named after it.

mod cache;
mod checked;
mod clock;
mod copy;
mod explain;
mod limiter;
mod log;
mod read;
mod refusal;
mod routine;
mod sessions;
mod truth;

pub use cache::{Entry, EntryStore, Gone};
pub use checked::{
    Assign, CheckedAction, CheckedRow, CheckedStatement, CheckedTransaction, Conflict, Operand, Planned, Predicate,
    not_one, too_many,
};
pub use clock::{Clock, SteadyClock, SystemClock};
pub use copy::{CopyStore, Filling};
pub use explain::{Explain, PlanFormat, PlanOptions};
pub use limiter::Limiter;
pub use log::{Log, LogStatus, Spool, SpoolTransaction};
pub use read::{
    CheckedEmbed, CheckedItem, CheckedNode, CheckedOrder, CheckedRead, CheckedSearch, CheckedTest, CheckedTree,
    Expression, Form, Link, OrderBy, Output, ReadAnswer, Tables, push_cell,
};
pub use refusal::{Unexpected, column_of, expect_failed, no_such_row};
pub use routine::{Routine, RoutineCall, RoutineParam, RoutineShape, Source};
pub use sessions::Sessions;
pub use truth::{
    Applied, MigrationStep, PoolStatus, QueryResult, ReplicaReads, ReplicaStatus, Snapshot, Truth, TruthStatus,
};
