//! Why a command did not do what it was asked to, how that is shown, and which exit code it is.
//!
//! 1 means: it ran, and the answer is no (a statement was refused, a row could not be loaded). 2 means: it could not run,
//! whatever the code is: a migration with a mistake in its SQL keeps its project from opening.

use std::{io, process::ExitCode};

use brigade::data::{Error, Kind, Problem, code};
use serde_json::{Value, json};

/// What a command that ran has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// All is well.
    Yes,
    /// It ran, and the answer is no.
    No,
}

impl From<Answer> for ExitCode {
    fn from(answer: Answer) -> Self {
        Self::from(u8::from(answer == Answer::No))
    }
}

/// Why a command ended early.
#[derive(Debug)]
pub enum Failure {
    /// Something was refused or failed.
    Error(Error),
    /// The project did not open, so that the command never ran.
    NotOpened(Error),
    /// Whoever read standard output has enough (`brigade changes | head`).
    ReaderGone,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ReaderGone,
            _ => Self::Error(Error::new(code::CONFIG, error.to_string()).source(error)),
        }
    }
}

impl Failure {
    /// Says it on standard error and gives the exit code.
    pub fn report(&self, json: bool) -> ExitCode {
        let (error, exit) = match self {
            Self::Error(error) => (error, exit_code(error)),
            Self::NotOpened(error) => (error, 2),
            Self::ReaderGone => return ExitCode::SUCCESS,
        };
        if json {
            eprintln!("{}", to_json(error));
        } else {
            eprint!("{}", to_text(error));
        }
        ExitCode::from(exit)
    }
}

fn exit_code(error: &Error) -> u8 {
    match (error.kind(), error.code()) {
        (Kind::World | Kind::Internal, _) => 2,
        (_, code::CONFIG | code::MALFORMED | code::UNAUTHENTICATED | code::FORBIDDEN | code::NOT_FOUND) => 2,
        (Kind::Caller, _) => 1,
    }
}

fn to_text(error: &Error) -> String {
    let mut out = format!("error: {}\n", error.message());
    // A value of several lines stands below its name, each line from the same column on: a caret must point at its place.
    let mut line = |name: &str, value: &str| {
        let value = value.trim_end();
        match value.contains('\n') {
            true => out.push_str(&format!("  {name}:\n    {}\n", value.replace('\n', "\n    "))),
            false => out.push_str(&format!("  {name}: {value}\n")),
        }
    };
    if let Some(details) = error.get_details() {
        line("details", details);
    }
    if let Some(hint) = error.get_hint() {
        line("hint", hint);
    }
    line("code", error.code());
    let problems = error.get_problems();
    if problems.len() > 1 {
        out.push_str(&format!("  {} problems:\n", problems.len()));
        for problem in problems {
            out.push_str(&format!("    {}{} ({})\n", place(problem), problem.message, problem.code));
        }
    }
    out
}

fn place(problem: &Problem) -> String {
    match &problem.field {
        Some(field) => format!("statement {}, {field}: ", problem.statement),
        None => format!("statement {}: ", problem.statement),
    }
}

/// The shape of `http-api` errors, so that programs read one shape everywhere.
fn to_json(error: &Error) -> Value {
    let mut body = json!({
        "code": error.code(),
        "message": error.message(),
        "details": error.get_details(),
        "hint": error.get_hint(),
    });
    if !error.get_problems().is_empty() {
        body["problems"] = error
            .get_problems()
            .iter()
            .map(|p| {
                json!({"statement": p.statement, "field": p.field, "code": p.code, "message": p.message, "hint": p.hint})
            })
            .collect();
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_tell_a_no_from_could_not_run() {
        for (code, exit) in [
            ("23505", 1),
            ("42P01", 1),
            ("25006", 1),
            (code::EXPECT_FAILED, 1),
            (code::POSITION_GONE, 1),
            (code::CONFIG, 2),
            (code::MALFORMED, 2),
            (code::NOT_FOUND, 2),
            (code::UNAVAILABLE, 2),
            (code::NO_SPACE, 2),
            (code::INTERNAL, 2),
        ] {
            assert_eq!(exit_code(&Error::new(code, "x")), exit, "{code}");
        }
    }

    #[test]
    fn people_and_programs_see_the_same_facts() {
        let problem = |field: &str| Problem {
            statement: 0,
            field: Some(field.into()),
            code: "22P02".into(),
            message: "\"x\" is no integer".into(),
            hint: None,
        };
        let error = Error::problems(vec![problem("rows[0].a"), problem("rows[1].a")]).hint("write\ndigits");
        let text = to_text(&error);
        assert!(text.starts_with("error: \"x\" is no integer\n  details: statement 0, field rows[0].a\n"), "{text}");
        assert!(text.contains("  hint:\n    write\n    digits\n"), "{text}");
        assert!(text.contains("    statement 0, rows[1].a: \"x\" is no integer (22P02)\n"), "{text}");
        let json = to_json(&error);
        assert_eq!(json["code"], "22P02");
        assert_eq!(json["problems"][1]["field"], "rows[1].a");
    }
}
