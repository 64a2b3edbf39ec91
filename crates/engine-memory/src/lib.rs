//! Engines that live in the process and die with it: the simplest of each role, and so its specification.

mod copy;
mod notes;

pub use copy::MemoryCopy;
pub use notes::MemoryNotes;
