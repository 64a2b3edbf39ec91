//! The truth and the log on a real PostgreSQL. Each rule of the log that can be shown has a test that bears its name.

#[path = "main/commit.rs"]
mod commit;
#[path = "main/encrypted.rs"]
mod encrypted;
#[path = "main/log.rs"]
mod log;
#[path = "main/spool.rs"]
mod spool;
#[path = "main/words.rs"]
mod words;
#[path = "main/world.rs"]
mod world;
