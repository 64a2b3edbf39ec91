//! A query string of the table API. What is tried lies in its crate, where a test replays the corpus.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| brigade_server::fuzz::query_string(bytes));
