//! Requests that may be sent again: the key of a write is bound to all that says what is written and how it is answered.

use brigade::data::{IdempotencyKey, Result};
use sha2::{Digest as _, Sha256};

use super::Request;
use crate::{Server, transactions};

/// The key that a request gives, if it does. `path` is what it writes to.
///
/// # Errors
/// BRG400 for one that is no key.
pub(super) fn key(server: &Server, request: &Request, path: &str, bytes: &[u8]) -> Result<Option<IdempotencyKey>> {
    Ok(transactions::key(&request.headers)?.map(|key| IdempotencyKey {
        key,
        principal: request.principal.name(),
        body_hash: hash(request, path, bytes),
        keep: server.brigade.config().commit.idempotency_keep,
    }))
}

fn hash(request: &Request, path: &str, bytes: &[u8]) -> [u8; 32] {
    let lines =
        |name: &str| request.headers.get_all(name).into_iter().map(|v| v.as_bytes()).collect::<Vec<_>>().join(&b',');
    let shape = [lines("content-type"), lines("prefer"), lines("accept")];
    let named = [request.method.as_str(), path, &request.query];
    let mut hash = Sha256::new();
    for part in named.iter().map(|part| part.as_bytes()).chain(shape.iter().map(Vec::as_slice)).chain([bytes]) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}
