//! Idempotency keys, kept in the same savepoint as their effect: both are there or neither is.

use brigade_core::data::{Durability, Error, IdempotencyKey, Receipt, Result, code};
use rusqlite::{Connection, OptionalExtension, params};

/// Keys removed at once, so that no group waits for it.
const EXPIRED_MAX: i64 = 500;

/// The kept receipt of a key; BRG422 where it was used with another body.
pub(super) fn find(
    conn: &Connection,
    key: &IdempotencyKey,
    now: i64,
    durability: Durability,
) -> rusqlite::Result<Option<Result<Receipt>>> {
    let kept: Option<(Vec<u8>, Vec<u8>)> = conn
        .prepare_cached(
            "SELECT body_hash, receipt FROM brigade_idempotency WHERE principal = ? AND key = ? AND expires > ?",
        )?
        .query_row(params![key.principal, key.key, now], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(kept.map(|(hash, receipt)| {
        if hash != key.body_hash {
            return Err(Error::new(code::KEY_REUSED, "the idempotency key was used with another body")
                .details(format!("key {:?}", key.key))
                .hint("use a new key for a new request"));
        }
        Receipt::decode(&receipt, durability)
            .map_err(|e| Error::internal("a kept receipt cannot be read").details(e.to_string()))
    }))
}

/// Keeps a receipt with its key. One that had expired is replaced.
pub(super) fn keep(conn: &Connection, key: &IdempotencyKey, receipt: &Receipt, now: i64) -> rusqlite::Result<()> {
    let expires = now.saturating_add(i64::try_from(key.keep.as_micros()).unwrap_or(i64::MAX));
    conn.prepare_cached(
        "INSERT OR REPLACE INTO brigade_idempotency(principal, key, body_hash, receipt, expires) VALUES(?,?,?,?,?)",
    )?
    .execute(params![key.principal, key.key, &key.body_hash[..], receipt.encode(), expires])
    .map(|_| ())
}

/// Removes some keys that have expired.
pub(super) fn expire(conn: &Connection, now: i64) -> rusqlite::Result<()> {
    let any: bool = conn
        .prepare_cached("SELECT EXISTS(SELECT 1 FROM brigade_idempotency WHERE expires <= ?)")?
        .query_row([now], |row| row.get(0))?;
    if any {
        conn.prepare_cached(
            "DELETE FROM brigade_idempotency WHERE (principal, key) IN
               (SELECT principal, key FROM brigade_idempotency WHERE expires <= ? LIMIT ?)",
        )?
        .execute(params![now, EXPIRED_MAX])?;
    }
    Ok(())
}
