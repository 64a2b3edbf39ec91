//! "May this write happen?" A transaction is checked against the model before it is sent, and every problem that the model
//! can know is reported at once, each with its statement and field. After that the type is the proof.

mod build;
mod check;
mod filter;
mod operand;

pub use build::{Builder, Row, filter, value};
pub use check::{Limits, check};
