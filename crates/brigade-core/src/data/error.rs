//! One error for every layer: a stable code, what, where, and how to mend it.
//!
//! The code decides everything that callers do with an error (HTTP status, exit code, whether to repeat);
//! no layer matches on message text.

use std::{borrow::Cow, error::Error as StdError, fmt, sync::Arc, time::Duration};

/// What every fallible function of brigade returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The stable codes. SQLSTATE where PostgreSQL has one for the mistake, else `BRGnnn`.
pub mod code {
    /// Body or parameters malformed.
    pub const MALFORMED: &str = "BRG400";
    /// No, unknown or expired credentials.
    pub const UNAUTHENTICATED: &str = "BRG401";
    /// Known, and not allowed.
    pub const FORBIDDEN: &str = "BRG403";
    /// No such thing under this name.
    pub const NOT_FOUND: &str = "BRG404";
    /// An `expect` did not hold.
    pub const EXPECT_FAILED: &str = "BRG409";
    /// The position is no longer retained.
    pub const POSITION_GONE: &str = "BRG410";
    /// The position belongs to another history, or lies ahead of this one.
    pub const OTHER_HISTORY: &str = "BRG412";
    /// A limit of `limits.rs` is exceeded.
    pub const LIMIT: &str = "BRG413";
    /// The same idempotency key is running now.
    pub const KEY_RUNNING: &str = "BRG420";
    /// The idempotency key was used with another body.
    pub const KEY_REUSED: &str = "BRG422";
    /// Too often: a rate limit.
    pub const RATE_LIMITED: &str = "BRG429";
    /// Our fault.
    pub const INTERNAL: &str = "BRG500";
    /// Overloaded, shutting down, writer stopped, store unreachable.
    pub const UNAVAILABLE: &str = "BRG503";
    /// A named position was not reached in time.
    pub const NOT_REACHED: &str = "BRG504";
    /// No space: nothing was written.
    pub const NO_SPACE: &str = "BRG507";
    /// brigade.toml, a migration or the command line is wrong; nothing was started.
    pub const CONFIG: &str = "BRGCFG";

    /// A value that cannot be read as its column's type.
    pub const INVALID_TEXT: &str = "22P02";
    /// A character the store cannot hold (NUL).
    pub const UNTRANSLATABLE: &str = "22P05";
    /// A number outside its column's range.
    pub const OUT_OF_RANGE: &str = "22003";
    /// A text longer than its column.
    pub const TOO_LONG: &str = "22001";
    /// A date or time outside its range.
    pub const DATETIME_RANGE: &str = "22008";
    /// A null in a NOT NULL column.
    pub const NOT_NULL: &str = "23502";
    /// A broken foreign key.
    pub const FOREIGN_KEY: &str = "23503";
    /// A duplicate of a unique key.
    pub const UNIQUE: &str = "23505";
    /// A broken CHECK.
    pub const CHECK: &str = "23514";
    /// A value given for a generated column.
    pub const GENERATED: &str = "428C9";
    /// No such column.
    pub const UNKNOWN_COLUMN: &str = "42703";
    /// No such table.
    pub const UNKNOWN_TABLE: &str = "42P01";
    /// `on` names no unique constraint.
    pub const NO_CONFLICT_TARGET: &str = "42P10";
    /// Malformed SQL.
    pub const SYNTAX: &str = "42601";
    /// Something this engine cannot do.
    pub const UNSUPPORTED: &str = "0A000";
    /// Not allowed to this role.
    pub const PRIVILEGE: &str = "42501";
    /// A serialization failure that remained after the bounded retries.
    pub const SERIALIZATION: &str = "40001";
    /// A statement ran longer than its limit.
    pub const CANCELED: &str = "57014";
    /// A write in a read-only statement.
    pub const READ_ONLY: &str = "25006";
    /// A statement that may not stand inside a transaction of brigade's.
    pub const TRANSACTION_STATE: &str = "25001";
}

/// How a caller should treat an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The caller is wrong: repeating the same call fails the same way.
    Caller,
    /// The world failed (store away, overloaded, no space): repeating later may succeed.
    World,
    /// brigade is wrong.
    Internal,
}

/// One of several problems found at once in a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Index of the statement in the transaction.
    pub statement: usize,
    /// Path inside the statement, as `rows[0].amount`.
    pub field: Option<String>,
    /// The stable code.
    pub code: Cow<'static, str>,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
}

/// An error with a stable code.
#[derive(Clone, Debug)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    code: Cow<'static, str>,
    message: String,
    details: Option<String>,
    hint: Option<String>,
    problems: Vec<Problem>,
    retry_after: Option<Duration>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error with a code of [`code`] (or any SQLSTATE) and a message: lower case, no full stop.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code: code.into(),
            message: message.into(),
            details: None,
            hint: None,
            problems: Vec::new(),
            retry_after: None,
            source: None,
        }))
    }

    /// brigade's own fault.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(code::INTERNAL, message)
    }

    /// A store or the writer is away; the call may be repeated after `retry_after`.
    pub fn unavailable(message: impl Into<String>, retry_after: Duration) -> Self {
        let mut error = Self::new(code::UNAVAILABLE, message);
        error.0.retry_after = Some(retry_after);
        error
    }

    /// The problems of a transaction, all at once. The first one gives code, message and hint.
    ///
    /// # Panics
    /// If `problems` is empty.
    pub fn problems(problems: Vec<Problem>) -> Self {
        let first = problems.first().expect("at least one problem");
        let mut error = Self::new(first.code.clone(), first.message.clone());
        error.0.hint.clone_from(&first.hint);
        error.0.details = first.field.as_ref().map(|f| format!("statement {}, field {f}", first.statement));
        error.0.problems = problems;
        error
    }

    /// Adds where exactly, or further facts.
    #[must_use]
    pub fn details(mut self, details: impl Into<String>) -> Self {
        self.0.details = Some(details.into());
        self
    }

    /// Adds how to mend it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Says which statement of a transaction it is of, and which field. What is known of it already stays, and so does an
    /// error of the world, which is of no statement. Hint and message are taken as they are now.
    #[must_use]
    pub fn in_statement(mut self, statement: usize, field: Option<String>) -> Self {
        if self.0.problems.is_empty() && self.kind() == Kind::Caller {
            let Inner { code, message, hint, .. } = &*self.0;
            let (code, message, hint) = (code.clone(), message.clone(), hint.clone());
            self.0.problems = vec![Problem { statement, field, code, message, hint }];
        }
        self
    }

    /// Adds how long to wait before repeating.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }

    /// Attaches the cause.
    #[must_use]
    pub fn source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    /// Puts `context: ` before the message.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.0.message = format!("{context}: {}", self.0.message);
        self
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Where exactly, or further facts.
    pub fn get_details(&self) -> Option<&str> {
        self.0.details.as_deref()
    }

    /// How to mend it.
    pub fn get_hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// All problems known at once, for a transaction that was refused by the check.
    pub fn get_problems(&self) -> &[Problem] {
        &self.0.problems
    }

    /// How long to wait before repeating, where repeating makes sense.
    pub fn get_retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// How a caller should treat this error.
    pub fn kind(&self) -> Kind {
        match self.code() {
            code::INTERNAL => Kind::Internal,
            code::UNAVAILABLE
            | code::NOT_REACHED
            | code::NO_SPACE
            | code::KEY_RUNNING
            | code::RATE_LIMITED
            | code::SERIALIZATION
            | code::CANCELED
            | "40P01" => Kind::World,
            c if c.starts_with("53") || c.starts_with("08") || c.starts_with("57") => Kind::World,
            c if c.starts_with("XX") || c.starts_with("58") => Kind::Internal,
            _ => Kind::Caller,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|s| s.as_ref() as &(dyn StdError + 'static))
    }
}
