//! A message of the replication stream. What is tried lies in its crate, where a test replays the corpus.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| engine_postgres::fuzz::pgoutput(bytes));
