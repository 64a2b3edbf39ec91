//! How fresh an answer is: a read that names a position waits for it within a bound, and every answer names the position
//! that it is at least as fresh as.

use std::{sync::Arc, time::Duration};

use axum::http::HeaderMap;
use brigade::{
    data::{Error, Position, Result, code},
    limits,
};

use crate::Server;

/// Waits for what `Brigade-After` names. Answers what the truth has now at least.
pub(super) async fn wait(server: &Arc<Server>, headers: &HeaderMap, bound: Option<Duration>) -> Result<Position> {
    let bound = bound.unwrap_or(limits::FRESH_WAIT).min(limits::FRESH_WAIT_MAX);
    for position in named(headers)? {
        server.brigade.wait_for(position, bound).await?;
    }
    Ok((*server.brigade.tip().borrow()).max(server.newest_receipt()))
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
