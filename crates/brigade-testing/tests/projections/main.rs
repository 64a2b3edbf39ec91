//! The copy and spool suites on their engines, and everything that a projection promises, on a truth in memory.

mod engines;
mod running;
mod spooling;
mod verifying;
mod world;
