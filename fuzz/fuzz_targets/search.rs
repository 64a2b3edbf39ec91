//! A text search: its query, and the text that it looks through. What is tried lies in its crate, where a test replays the corpus.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| brigade_core::fuzz::search(bytes));
