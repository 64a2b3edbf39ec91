//! `cargo xtask`: the commands of the people who work on brigade, in the language of the rest, with nothing to install.

mod check;
mod clients;
mod fuzz;
mod install;
mod links;
mod postgres;
mod redis;
mod run;
mod test;

use std::process::ExitCode;

use anyhow::Context;

const USAGE: &str = "usage: cargo xtask COMMAND

  check [PART…]   what must hold before a change is taken; all parts unless some are named:
                  format clippy imports headers paths docs tests
  test [ARGS…]    gets the servers that tests need, then runs every test; ARGS go to `cargo test`
  crash [ARGS…]   power cuts at every write of the real server, with FULL and with NORMAL (nightly; needs strace)
  fuzz [TARGET…] [--seconds N]
                  invents input for what strangers write, a minute each (needs a nightly compiler and cargo-fuzz)
  postgres [VERSION…]
                  what concerns PostgreSQL, on other versions than the distribution's (nightly; needs npm)
  links           makes apps/smo1/seed anew from its source
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("", arguments.as_slice()),
    };
    let result = match command {
        "check" => check::run(rest),
        "test" => test::run(rest),
        "crash" => crash(rest),
        "fuzz" => fuzz::run(rest),
        "postgres" => postgres::run(rest),
        "links" => links::run(),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The recorder lies in `bench`, which has SQLite and the library at hand; xtask stays quick to build.
fn crash(arguments: &[String]) -> anyhow::Result<()> {
    let strace = || run::output(&mut run::command(&["strace", "--version"]));
    if strace().is_err() {
        install::package("strace")?;
        strace().context("cargo xtask crash needs strace")?;
    }
    let line = ["cargo", "run", "--quiet", "--release", "--package", "bench", "--", "crash"];
    run::run(run::command(&line).args(arguments))
}
