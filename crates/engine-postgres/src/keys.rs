//! Idempotency keys: one key, one effect, the same receipt. The claim and the kept receipt are rows of `brigade_idempotency`
//! in the transaction that they guard, so neither is ever there without the other's effect. They are inserted, never
//! updated or read inside it: under SERIALIZABLE a read would make strangers' keys conflict.

use std::time::Duration;

use brigade_core::data::{Error, IdempotencyKey, Receipt, Result, code};
use deadpool_postgres::ClientWrapper;
use sha2::{Digest, Sha256};

use crate::{
    batch::Job,
    commit::Failed,
    encode::{Param, literal},
    error::{from_pg, outcome_unknown},
    truth::PostgresTruth,
};

/// What a claim raises where the key has been used: the message of an error that only this crate sees.
pub(crate) const KEPT: &str = "brigade:kept";

/// What a claim raises where the key runs now.
const RUNNING: &str = "brigade:running";

/// First the lock, so that a second user is told instead of blocked (rule 20). The clock keeps the planner from raising.
const LOCK: &str = "SELECT CASE WHEN pg_try_advisory_xact_lock($1::bigint) THEN 'y' \
                    ELSE (('brigade:running' || clock_timestamp())::integer)::text END";

/// Part 0 is the claim.
const CLAIM: &str = "WITH claim AS (INSERT INTO brigade_idempotency (principal, key, part, body_hash, expires_at) \
     VALUES ($1::text, $2::text, 0, $3::bytea, now() + $4::interval) ON CONFLICT DO NOTHING RETURNING 1) \
     SELECT CASE WHEN count(*) = 1 THEN 'y' ELSE (('brigade:kept' || count(*))::integer)::text END FROM claim";

/// Part 1 is the receipt.
const KEEP: &str = "INSERT INTO brigade_idempotency (principal, key, part, receipt, expires_at) \
     VALUES ($1::text, $2::text, 1, $3::bytea, now() + $4::interval)";

const KEPT_PARTS: &str = "SELECT part, body_hash, receipt, expires_at <= now() FROM brigade_idempotency \
     WHERE principal = $1::text AND key = $2::text ORDER BY part";

const REMOVE: &str =
    "DELETE FROM brigade_idempotency WHERE principal = $1::text AND key = $2::text AND expires_at <= now()";

/// A key on its way into a transaction.
pub(crate) struct Claim {
    lock: [Param; 1],
    claim: [Param; 4],
}

impl Claim {
    pub fn new(key: &IdempotencyKey) -> Self {
        // PostgreSQL 14 reads no number of an interval past 32 bits.
        let keep = Param::text(format!("{} seconds", key.keep.as_secs_f64().min(f64::from(i32::MAX))));
        Self {
            lock: [Param::text(lock_number(key).to_string())],
            claim: [Param::text(&*key.principal), Param::text(&*key.key), Param::bytes(&key.body_hash), keep],
        }
    }

    pub fn lock(&self) -> Job<'_> {
        Job::new(LOCK, &self.lock)
    }

    pub fn claim(&self) -> Job<'_> {
        Job::new(CLAIM, &self.claim)
    }

    /// What keeps the receipt; its position is not known yet.
    pub fn keep(&self, receipt: &Receipt) -> (&'static str, [Param; 4]) {
        let [principal, key, _, keep] = self.claim.clone();
        (KEEP, [principal, key, Param::bytes(&receipt.encode()), keep])
    }
}

fn lock_number(key: &IdempotencyKey) -> i64 {
    let digest = Sha256::new()
        .chain_update(b"brigade idempotency\0")
        .chain_update(key.principal.as_bytes())
        .chain_update(b"\0")
        .chain_update(key.key.as_bytes())
        .finalize();
    i64::from_be_bytes(digest[..8].try_into().expect("eight bytes"))
}

/// An error of lock or claim.
pub(crate) fn error(error: tokio_postgres::Error) -> Error {
    let message = error.as_db_error().map(|db| db.message().to_owned()).unwrap_or_default();
    if message.contains(KEPT) {
        Error::new(code::KEY_REUSED, KEPT)
    } else if message.contains(RUNNING) {
        Error::new(code::KEY_RUNNING, "a transaction with this idempotency key is running now")
            .retry_after(Duration::from_secs(1))
    } else {
        from_pg(error)
    }
}

/// The kept receipt of a key that was used before; [`Failed::Again`] where it has expired meanwhile.
pub(crate) async fn replay(
    truth: &PostgresTruth,
    client: &ClientWrapper,
    key: &IdempotencyKey,
) -> Result<Receipt, Failed> {
    let names: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&key.principal, &key.key];
    let rows = client.query(KEPT_PARTS, &names).await.map_err(from_pg)?;
    let (Some(claim), Some(kept)) = (rows.first(), rows.get(1)) else {
        // Its transaction was removed by the upkeep between claim and look.
        return Err(Failed::Again(Error::new(code::SERIALIZATION, "the idempotency key expired just now")));
    };
    if claim.try_get::<_, bool>(3).map_err(from_pg)? {
        client.execute(REMOVE, &names).await.map_err(from_pg)?;
        return Err(Failed::Again(Error::new(code::SERIALIZATION, "the idempotency key expired just now")));
    }
    if claim.try_get::<_, &[u8]>(1).map_err(from_pg)? != key.body_hash {
        return Err(Failed::Refused(
            Error::new(code::KEY_REUSED, "this idempotency key was used with another body")
                .details(format!("key {}", literal(&key.key)))
                .hint("use a new key for a new transaction"),
        ));
    }
    let bytes: &[u8] = kept.try_get(2).map_err(from_pg)?;
    let mut receipt = Receipt::decode(bytes, truth.durability())
        .map_err(|_| Failed::Refused(Error::internal("a kept receipt cannot be read")))?;
    receipt.position = truth.newest_seen_by(client).await.map_err(|e| Failed::Refused(outcome_unknown(e.message())))?;
    Ok(receipt)
}

impl PostgresTruth {
    /// Removes keys that have expired, a few at a time so that no lock is held for long.
    pub(crate) async fn remove_expired_keys(&self) {
        const SOME: &str = "DELETE FROM brigade_idempotency WHERE ctid = ANY (ARRAY( \
            SELECT ctid FROM brigade_idempotency WHERE expires_at <= now() LIMIT 1000))";
        let Ok(session) = self.session().await else { return };
        while let Ok(1_000..) = session.client().execute(SOME, &[]).await {}
    }
}
