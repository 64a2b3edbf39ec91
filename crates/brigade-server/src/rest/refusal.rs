//! Errors of the table API: the four keys, PostgREST's statuses, and the code in a header, since HEAD has no body.

use axum::{
    http::{HeaderName, HeaderValue},
    response::{IntoResponse, Response},
};
use brigade::data::Error;

use crate::error::Refusal;

/// Names the error where there is no body.
const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// An error on its way to a client of the table API.
#[derive(Debug)]
pub struct Refused(Error);

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = HeaderValue::try_from(format!("brigade; error={}", self.0.code())).ok();
        let mut response = Refusal::from(self.0).into_response();
        if let Some(status) = status {
            response.headers_mut().insert(PROXY_STATUS, status);
        }
        response
    }
}
