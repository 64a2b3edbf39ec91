//! `POST /transactions`: a whole transaction as data, with guards and a key that makes repeating it safe.
//!
//! [`parse`] makes it from the body, `brigade` checks and commits it, [`render`] writes the receipt. Nothing here waits but
//! reading the body and the commit itself.

mod key;
mod parse;
mod place;
mod render;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    response::Response,
};
use brigade::data::{Error, IdempotencyKey, Receipt, Result, Transaction};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

pub use key::key;
pub use parse::{Limits, parse};
pub use place::nearest;

use crate::{Server, auth::principal, body, error::Refusal};

/// Bodies above this are parsed on a thread for long work, so that others are not kept waiting.
const LONG_BODY_BYTES: usize = 128 << 10;

/// Answers `POST /transactions`.
pub async fn post(State(server): State<Arc<Server>>, request: Request) -> Result<Response, Refusal> {
    match commit(&server, request).await {
        Ok(receipt) => Ok(render::response(&receipt)),
        Err(error) => Err(Refusal::of_transaction(error)),
    }
}

async fn commit(server: &Server, request: Request) -> Result<Receipt> {
    let (parts, body) = request.into_parts();
    let principal = principal(&parts.extensions);
    let config = server.brigade.config();
    let bytes = body::read_json(server, &parts.headers, body, ("body_max", config.server.body_max)).await?;
    let key = key::key(&parts.headers)?.map(|key| IdempotencyKey {
        key,
        principal: principal.name(),
        body_hash: Sha256::digest(&bytes).into(),
        keep: config.commit.idempotency_keep,
    });
    let limits = Limits { statements_max: config.commit.statements_max, rows_max: config.commit.rows_max };
    let transaction = parse_aside(bytes, limits).await?;
    server.brigade.permit(&principal, &transaction)?;
    let receipt = server.brigade.commit(transaction, key).await?;
    server.handed_out(receipt.position);
    Ok(receipt)
}

async fn parse_aside(bytes: Bytes, limits: Limits) -> Result<Transaction> {
    if bytes.len() <= LONG_BODY_BYTES {
        return parse(&bytes, limits);
    }
    match tokio::task::spawn_blocking(move || parse(&bytes, limits)).await {
        Ok(parsed) => parsed,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Error::unavailable("shutting down", Duration::from_secs(1))
                .hint("nothing was done: it is safe to repeat")),
        },
    }
}
