//! A record or a layout of the spool. What is tried lies in its crate, where a test replays the corpus.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| engine_sqlite::fuzz::spool(bytes));
