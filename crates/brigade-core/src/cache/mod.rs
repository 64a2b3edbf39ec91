//! What a cache is without an engine: how keys are made of a row's values and read back, and when an entry that is about to
//! expire is loaded again.

mod early;
mod fences;
mod template;

pub use early::is_due;
pub use fences::Fences;
pub use template::{Mistake, Prefix, Template};
