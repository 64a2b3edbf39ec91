//! "May this write happen?" A transaction is checked against the model before it is sent, and every problem that the model
//! can know is reported at once, each with its statement and field. After that the type is the proof. Whether it may happen
//! for this principal is asked before, by [`permit`]: who may not touch a table learns nothing of it.

mod build;
mod check;
mod filter;
mod operand;
mod permit;

pub use build::{Builder, Row, filter, value};
pub use check::{Limits, check};
pub use permit::permit;
