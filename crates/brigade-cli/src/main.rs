//! crates/brigade-cli
fn main() {}
