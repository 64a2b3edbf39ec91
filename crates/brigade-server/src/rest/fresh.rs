//! How fresh an answer is: a read that names a position waits for it within a bound, and every answer names the position
//! that it is at least as fresh as.

use std::time::Duration;

use axum::http::HeaderMap;
use brigade::{
    Fresh,
    data::{Error, Position, Result, code},
    limits,
};

use crate::Server;

/// What `Brigade-After` and `Prefer: wait` ask for.
pub fn asked(server: &Server, headers: &HeaderMap, bound: Option<Duration>) -> Result<Fresh> {
    let wait = bound.unwrap_or(limits::FRESH_WAIT).min(limits::FRESH_WAIT_MAX);
    Ok(Fresh { after: named(headers)?, wait, known: server.newest_receipt() })
}

fn named(headers: &HeaderMap) -> Result<Vec<Position>> {
    let mut positions = Vec::new();
    for value in headers.get_all("brigade-after") {
        let text = value.to_str().unwrap_or("?");
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let position = part.parse().map_err(|_| {
                Error::new(code::MALFORMED, "Brigade-After holds no position")
                    .details(format!("Brigade-After: {part}"))
                    .hint("send what a Brigade-Position header said")
            })?;
            positions.push(position);
        }
    }
    Ok(positions)
}
