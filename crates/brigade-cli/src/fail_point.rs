//! Where this process dies, if a test asks for it: as abruptly as by `kill -9`, at a place that has a name.
//!
//! The places are the `fail_point!`s of the engines. They are compiled only where tests are built (the `failpoints` feature
//! comes from this crate's dev-dependencies); in every other binary there is neither a place nor a look at the environment.

use std::sync::atomic::{AtomicU64, Ordering};

/// `NAME` or `NAME@N`: dies when it comes to the place for the Nth time.
const VARIABLE: &str = "BRIGADE_FAIL_POINT";

/// Arms the place that the environment names.
///
/// # Panics
/// If it is not written as it should be: a test that kills at no place would prove nothing.
pub fn arm() {
    let Ok(wanted) = std::env::var(VARIABLE) else { return };
    let (name, times) = match wanted.rsplit_once('@') {
        Some((name, times)) => (name, times.parse().expect("NAME@N")),
        None => (&*wanted, 1),
    };
    let (shown, left) = (name.to_owned(), AtomicU64::new(times));
    let armed = fail::cfg_callback(name, move || {
        if left.fetch_sub(1, Ordering::Relaxed) == 1 {
            eprintln!("died at the fail point {shown}");
            std::process::abort();
        }
    });
    armed.expect("a fail point with a callback");
}
