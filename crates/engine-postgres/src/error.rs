//! What PostgreSQL and its driver say becomes brigade's one error. The SQLSTATE stays the code; only a store that is away
//! gets a code of brigade's own, because then nobody answered with one.

use std::time::Duration;

use brigade_core::data::{Error, code};
use deadpool_postgres::PoolError;
use tokio_postgres::error::{DbError, SqlState};

/// How long a caller waits before it repeats a call to a store that is away.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The mend of a certificate that is not trusted.
pub(crate) const CERTIFICATE_HINT: &str = "the server's certificate is not for this host, or of no authority that is \
    trusted: name the file of its authority in [stores.truth] tls_ca, and the host as the certificate has it";

/// SQLSTATEs that mean "nobody is there to answer": connection exceptions, a server that stops or starts, none left.
fn is_away(state: &SqlState) -> bool {
    state.code().starts_with("08") || matches!(state.code(), "57P01" | "57P02" | "57P03" | "53300")
}

/// An error of the driver.
pub(crate) fn from_pg(error: tokio_postgres::Error) -> Error {
    match error.as_db_error() {
        Some(db) if is_away(db.code()) => away(db.message()).source(error),
        Some(db) => from_db(db),
        None if error.code().is_some_and(is_away) || is_connection(&error) => unreached(error),
        None => Error::internal(describe(&error)).source(error),
    }
}

/// No connection: why, and the mend where somebody must do something.
fn unreached(error: tokio_postgres::Error) -> Error {
    let why = describe(&error);
    let distrusted = why.contains("invalid peer certificate");
    let told = away(why).source(error);
    if distrusted { told.hint(CERTIFICATE_HINT) } else { told }
}

/// An error that the server reported: code, message, detail and hint in PostgreSQL's own words. A row that fails is not
/// shown (SQLite does not know it whole, and the caller may not be allowed to read it): its place is.
pub(crate) fn from_db(db: &DbError) -> Error {
    let mut error = Error::new(db.code().code().to_owned(), db.message().to_owned());
    let places = [("table", db.table()), ("column", db.column()), ("constraint", db.constraint())];
    let place: Vec<String> = places.iter().filter_map(|(what, name)| name.map(|n| format!("{what} {n}"))).collect();
    let shows_row = matches!(db.code().code(), code::NOT_NULL | code::CHECK);
    error = match db.detail().filter(|_| !shows_row) {
        Some(detail) => error.details(detail),
        None if place.is_empty() => error,
        None => error.details(place.join(", ")),
    };
    match db.hint() {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// An error of the pool: no connection could be had.
pub(crate) fn from_pool(error: PoolError) -> Error {
    match error {
        PoolError::Backend(error) => unreached(error),
        PoolError::Closed => away("closed"),
        PoolError::Timeout(_) => away("no connection within the time limit")
            .hint("the server does not answer, or every connection is in use: see pool_max in [stores.truth]"),
        PoolError::PostCreateHook(error) => away(error.to_string()),
        PoolError::NoRuntimeSpecified => Error::internal("the pool has no runtime"),
    }
}

/// The truth cannot be reached; nothing happened.
pub(crate) fn away(why: impl AsRef<str>) -> Error {
    Error::unavailable(format!("postgresql is not reachable: {}", why.as_ref()), RETRY_AFTER)
        .details("nothing was written; it is safe to repeat")
}

/// The connection was lost after COMMIT was sent.
pub(crate) fn outcome_unknown(why: impl AsRef<str>) -> Error {
    Error::unavailable(format!("postgresql went away during the commit: {}", why.as_ref()), RETRY_AFTER)
        .details("the outcome is unknown: the transaction may have been committed")
        .hint("repeat it with the same idempotency key; without one, look first")
}

/// Whether the connection itself failed, as opposed to a statement.
pub(crate) fn is_connection(error: &tokio_postgres::Error) -> bool {
    if error.is_closed() {
        return true;
    }
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(e) = cause {
        if e.is::<std::io::Error>() {
            return true;
        }
        cause = e.source();
    }
    error.as_db_error().is_some_and(|db| is_away(db.code()))
}

/// Whether the whole transaction may be run once more: nothing of it happened, and the cause has passed.
pub(crate) fn is_repeatable(error: &Error) -> bool {
    error.code() == code::SERIALIZATION
        || error.code() == "40P01"
        || (error.code() == code::UNSUPPORTED && error.message().contains("cached plan"))
}

/// The driver's message with its causes, without repeating them.
pub(crate) fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(e) = cause {
        let more = e.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = e.source();
    }
    text
}
