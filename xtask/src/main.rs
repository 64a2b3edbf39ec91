//! `cargo xtask`: the commands of the people who work on brigade, in the language of the rest, with nothing to install.

mod check;
mod links;
mod postgres;
mod run;
mod test;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask COMMAND

  check [PART…]   what must hold before a change is taken; all parts unless some are named:
                  format clippy imports headers paths docs tests
  test [ARGS…]    gets the servers that tests need, then runs every test; ARGS go to `cargo test`
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
