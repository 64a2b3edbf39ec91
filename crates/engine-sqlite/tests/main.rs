//! What a SQLite truth promises, from outside. Tests of the rules of `docs/` that are easy to break unnoticed carry the
//! rule in their name.

mod commits;
mod durability;
mod failing;
mod log;
mod outside;
mod query;
mod queue;
mod refusals;
mod sessions;
mod snapshot;
mod support;
