//! An error becomes a status and the four keys that every error body has.
//!
//! The code alone decides the status. Faults of our own get an id that stands in the answer and in the log, so that a
//! report can be found again.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use brigade::data::{Error, Kind, Problem, code};

use crate::json::{Object, list};

/// The method is not one of this route's.
pub const METHOD: &str = "BRG405";
/// The body did not arrive in time.
pub const TIMEOUT: &str = "BRG408";
/// The body is of a type that the route does not take.
pub const MEDIA_TYPE: &str = "BRG415";

/// An error on its way out.
#[derive(Debug)]
pub struct Refusal {
    error: Error,
    with_problems: bool,
}

impl Refusal {
    /// Of `POST /transactions`, whose error bodies always have `problems`.
    pub fn of_transaction(error: Error) -> Self {
        Self { error, with_problems: true }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, with_problems: false }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error = with_id(self.error);
        let mut out = String::with_capacity(256);
        write(&mut out, &error, self.with_problems);
        let mut response = json(out);
        *response.status_mut() = status(error.code());
        if matches!(error.code(), code::PRIVILEGE | code::FORBIDDEN) {
            response.extensions_mut().insert(Denied);
        }
        let headers = response.headers_mut();
        if let Some(after) = retry_after(&error) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds(after)));
        }
        if response.status() == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// The answer to a request that reached no handler: on the table API its errors have a header too.
pub fn answer(route: &str, error: Error) -> Response {
    if crate::auth::is_table_api(route) {
        return crate::rest::Refused::from(error).into_response();
    }
    Refusal::from(error).into_response()
}

/// Goes with an answer that a right was missing.
#[derive(Clone, Copy, Debug)]
pub struct Denied;

/// An answer of JSON.
pub fn json(text: String) -> Response {
    typed("application/json", Body::from(text))
}

/// An answer of some type.
pub fn typed(content_type: &'static str, body: Body) -> Response {
    with_type(HeaderValue::from_static(content_type), body)
}

/// An answer of a type that is made as it is asked for.
pub fn with_type(content_type: HeaderValue, body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// Where an answer names the position that it is at least as fresh as.
pub const POSITION: HeaderName = HeaderName::from_static("brigade-position");

/// Writes the four keys, and `problems` where there are some or there must be.
pub fn write(out: &mut String, error: &Error, with_problems: bool) {
    let mut object = Object::begin(out);
    object.text("code", error.code()).text("message", error.message());
    match error.get_details() {
        // The candidates of an ambiguous embed are a list, which clients read.
        Some(candidates) if error.code() == "PGRST201" => object.plain("details", candidates),
        details => object.text_or_null("details", details),
    };
    object.text_or_null("hint", error.get_hint());
    match error.get_problems() {
        [] if !with_problems => {}
        // What the body, a limit or only the database found comes alone, and may not name its statement.
        [] if error.kind() == Kind::Caller => list(object.key("problems"), [error], write_alone),
        problems => list(object.key("problems"), problems, write_problem),
    }
    object.end();
}

fn write_problem(out: &mut String, problem: &Problem) {
    let mut object = Object::begin(out);
    object
        .plain("statement", problem.statement)
        .text_or_null("field", problem.field.as_deref())
        .text("code", &problem.code)
        .text("message", &problem.message)
        .text_or_null("hint", problem.hint.as_deref());
    object.end();
}

fn write_alone(out: &mut String, error: &Error) {
    let mut object = Object::begin(out);
    object
        .plain("statement", "null")
        .plain("field", "null")
        .text("code", error.code())
        .text("message", error.message())
        .text_or_null("hint", error.get_hint());
    object.end();
}

/// A fault of our own is logged under an id, which goes into the details.
pub fn with_id(error: Error) -> Error {
    if error.kind() != Kind::Internal {
        return error;
    }
    let id = format!("{:016x}", rand::random::<u64>());
    let mut causes = String::new();
    let mut cause = std::error::Error::source(&error);
    while let Some(source) = cause {
        causes = format!("{causes}: {source}");
        cause = source.source();
    }
    tracing::error!(id, code = error.code(), details = error.get_details(), "{error}{causes}");
    let details = error.get_details().map_or_else(|| format!("id {id}"), |known| format!("id {id}: {known}"));
    error.details(details).hint("the log has more under this id")
}

/// A limit of `limits.rs` is exceeded.
pub fn limit(name: &str, max: usize, given: usize, what: &str) -> Error {
    Error::new(code::LIMIT, format!("{given} {what} are more than the {max} that are allowed"))
        .details(format!("{name} is {max}"))
        .hint("send it in several parts")
}

/// The status of a code: the table of our own codes, and PostgREST's for SQLSTATE.
pub fn status(code: &str) -> StatusCode {
    if let Some(number) = code.strip_prefix("PGRST") {
        return status_of_rest(number);
    }
    if let Some(number) = code.strip_prefix("BRG") {
        return match number {
            "CFG" => StatusCode::BAD_REQUEST,
            "420" => StatusCode::CONFLICT,
            "504" => StatusCode::SERVICE_UNAVAILABLE,
            _ => number
                .parse()
                .ok()
                .and_then(|n| StatusCode::from_u16(n).ok())
                .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        };
    }
    let number = match code {
        "23503" | "23505" | "40001" | "40P01" => 409,
        "42P01" | "42883" => 404,
        "42501" => 403,
        "PGRST301" | "PGRST302" | "PGRST303" => 401,
        "25006" => 405,
        "25001" => 400,
        "53100" => 507,
        "57014" | "57P01" | "57P02" | "57P03" => 503,
        "42P17" => 500,
        "P0001" => 400,
        _ => match code.get(..2).unwrap_or_default() {
            "08" | "53" => 503,
            "0L" | "0P" | "28" => 403,
            "54" => 413,
            "09" | "25" | "2D" | "38" | "39" | "3B" | "40" | "55" | "57" | "58" | "F0" | "HV" | "P0" | "XX" => 500,
            _ => 400,
        },
    };
    StatusCode::from_u16(number).expect("a status of the table above")
}

/// The status of a code of PostgREST's own.
fn status_of_rest(number: &str) -> StatusCode {
    let status = match number {
        "000" | "001" | "002" => 503,
        "003" => 504,
        "101" | "105" | "117" => 405,
        "103" => 416,
        "106" | "107" | "116" => 406,
        "111" | "112" | "121" | "300" | "X00" => 500,
        "125" | "126" | "202" | "205" => 404,
        "201" | "203" => 300,
        "301" | "302" | "303" => 401,
        _ => 400,
    };
    StatusCode::from_u16(status).expect("a status of the table above")
}

/// How long to wait, where the error says so or where the code promises the header.
fn retry_after(error: &Error) -> Option<Duration> {
    let promised =
        matches!(error.code(), code::KEY_RUNNING | code::RATE_LIMITED | code::UNAVAILABLE | code::NOT_REACHED)
            || status(error.code()) == StatusCode::SERVICE_UNAVAILABLE;
    error.get_retry_after().or_else(|| promised.then_some(Duration::from_secs(1)))
}

/// Whole seconds, rounded up, one at least.
fn seconds(after: Duration) -> u64 {
    (after.as_secs() + u64::from(after.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests;
