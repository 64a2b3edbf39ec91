//! The binary `brigade`: parse, run, exit code. Results go to standard output, everything else to standard error.

mod access;
mod arguments;
mod command;
mod fail_point;
mod failure;
mod load;
mod output;
mod place;
mod progress;

use std::process::ExitCode;

use failure::Failure;

/// A transaction is allocated by the thread that reads it and freed by the one that writes it, where glibc's allocator
/// spends a tenth of a commit. It stands in for C's too, so SQLite has it as well.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Gives memory out by the small page. The allocator asks for huge ones, and many small things that live long, as connections,
/// then hold twice the memory that they use.
#[cfg(target_os = "linux")]
fn use_small_pages() {
    // A kernel that refuses costs memory alone.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

#[cfg(not(target_os = "linux"))]
fn use_small_pages() {}

fn main() -> ExitCode {
    use_small_pages();
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let arguments = arguments::parse();
    output::start_tracing(arguments.log_json);
    if fail::has_failpoints() {
        fail_point::arm();
    }
    let json = arguments.json;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::from(error).report(json),
    };
    let outcome = runtime.block_on(command::run(arguments));
    // Tasks that still run belong to connections that were given their time; waiting longer gives nobody anything.
    runtime.shutdown_background();
    match outcome {
        Ok(answer) => answer.into(),
        Err(failure) => failure.report(json),
    }
}
