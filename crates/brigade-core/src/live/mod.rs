//! "What becomes of what I have seen?" A read that goes on: all its rows first, then every row that enters, changes in or
//! leaves what its filters hold, exact with respect to the rows that came first.
//!
//! In reading order: [`Hub`] follows the log once for everybody; `judge` says what a change means for one query, by asking
//! the store that answers reads, once for all who ask the same; [`Live`] is one subscriber: its view, what it missed, then
//! what the hub says. [`Mark`] is the place where it can go on.
//!
//! Invariants: one change costs one question for each distinct query, however many subscribers it has; nothing waits for a
//! slow subscriber, and nothing is kept for it beyond [`crate::limits::LIVE_BATCHES_MAX`] batches.

mod hub;
mod judge;
mod mark;
mod refuse;
mod subscriber;

pub use hub::Hub;
pub use judge::Happened;
pub use mark::Mark;
pub use refuse::refuse;
pub use subscriber::{Event, Live, Told};
