//! Engines that live in the process: the simplest of each role, and so its specification. They die with it, but for what a
//! restart must not forget: the limiter writes that down.

mod cache;
mod copy;
mod limiter;
mod notes;

pub use cache::MemoryCache;
pub use copy::MemoryCopy;
pub use limiter::{MemoryLimiter, MemoryLimiterOptions};
pub use notes::MemoryNotes;
