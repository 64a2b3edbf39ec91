//! May the slot be followed? Everything that would make the log wrong or silent is looked for first, and answered with
//! the exact mend. A slot that is gone is never made again in silence: what was committed meanwhile would be missing.

use std::{sync::Arc, time::Duration};

use brigade_core::{
    data::{Error, Position, Result, code},
    engine::Spool,
};
use sha2::{Digest, Sha256};
use tokio_postgres::Client;

use super::{Ended, history};
use crate::{encode::lsn, error::from_pg, identity::Identity, truth::PostgresTruth};

/// The spool's note that the log is being made anew: between the new slot and the emptied spool there is a moment in
/// which both look whole and do not belong together.
pub(super) const NOTE_UNFINISHED: &str = "postgres.unfinished";

/// The mend of a log that cannot go on without a gap.
pub(super) const REBUILD: &str = "run `brigade rebuild log`: it makes slot and log anew, and every projection with them; whoever follows \
    the log from an older position is told so with BRG410 and takes a new snapshot";

/// What following needs to know.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    pub identity: Identity,
    /// Where the slot stands: what commits from there on comes, some of it again.
    pub confirmed: u64,
}

pub(super) fn stop(message: impl Into<String>, hint: impl Into<String>) -> Ended {
    Ended::Stopped(Error::new(code::UNAVAILABLE, message).hint(hint))
}

/// Takes the lock, checks server and slot, and makes what a new spool needs.
pub(crate) async fn prepare(truth: &PostgresTruth, spool: &Arc<dyn Spool>, client: &Client) -> Result<Ready, Ended> {
    let reach = &truth.reach;
    let (identity, known) = recognise(truth, spool, client).await?;
    if is_unfinished(spool).await? {
        return Err(stop("the log was being made anew and that did not end", "run `brigade rebuild log` again"));
    }
    history::check(spool, client, &identity).await?;
    crate::capture::make_publication(client, &reach.publication).await.map_err(named)?;
    let confirmed = match find(client, &reach.slot).await? {
        Some(confirmed) => confirmed,
        None if known.is_none() => make(client, &reach.slot, Duration::ZERO).await?,
        None => {
            return Err(stop(
                format!("replication slot {} is gone: what was committed since then is not in the log", reach.slot),
                REBUILD,
            ));
        }
    };
    history::note_era(spool, &identity).await?;
    if known.is_none() {
        spool.publish(identity.position_before(confirmed)).await?;
        spool.flush().await?;
        history::note_origin(spool, &identity, &reach.slot).await?;
    }
    Ok(Ready { identity, confirmed })
}

/// Takes the lock, and finds the server to be able and the one that the spool is of. Gives the spool's note of it, if any.
pub(super) async fn recognise(
    truth: &PostgresTruth,
    spool: &Arc<dyn Spool>,
    client: &Client,
) -> Result<(Identity, Option<String>), Ended> {
    let reach = &truth.reach;
    lock(client, &reach.slot).await?;
    let identity = Identity::read(client).await?;
    check_server(client, &reach.database).await?;
    let known = history::check_origin(spool, &identity, &reach.slot).await?;
    truth.is_now(&identity);
    Ok((identity, known))
}

pub(super) async fn is_unfinished(spool: &Arc<dyn Spool>) -> Result<bool> {
    Ok(spool.note(NOTE_UNFINISHED).await?.is_some_and(|note| !note.is_empty()))
}

/// Rule 23: one process follows. The lock lives as long as this session.
async fn lock(client: &Client, slot: &str) -> Result<(), Ended> {
    let digest = Sha256::digest(format!("brigade log {slot}"));
    let number = i64::from_be_bytes(digest[..8].try_into().expect("eight bytes"));
    // A connection of a moment ago, perhaps of this very process, may not have ended yet on the server.
    for _ in 0..20 {
        let row = client.query_one("SELECT pg_try_advisory_lock($1)", &[&number]).await.map_err(from_pg)?;
        if row.try_get(0).map_err(from_pg)? {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    const HOLDER: &str = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1 \
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
        AND ((classid::bigint << 32) | objid::bigint) = $1";
    let row = client.query_opt(HOLDER, &[&number]).await.map_err(from_pg)?;
    let pid = row.and_then(|r| r.try_get::<_, i32>(0).ok()).map_or_else(|| "unknown".to_owned(), |p| p.to_string());
    Err(stop(
        format!("another brigade follows slot {slot} (server process {pid})"),
        "stop that one: a truth with an embedded log has one process",
    ))
}

async fn check_server(client: &Client, database: &str) -> Result<(), Ended> {
    const ASK: &str = "SELECT current_setting('wal_level'), r.rolreplication OR r.rolsuper, current_user::text, \
        has_database_privilege(current_database(), 'CREATE') FROM pg_roles r WHERE r.rolname = current_user";
    let row = client.query_one(ASK, &[]).await.map_err(from_pg)?;
    let level: String = row.try_get(0).map_err(from_pg)?;
    let user: String = row.try_get(2).map_err(from_pg)?;
    if level != "logical" {
        return Err(stop(
            format!("wal_level is {level}, and the log needs logical"),
            "run ALTER SYSTEM SET wal_level = 'logical' as a superuser and restart the server",
        ));
    }
    if !row.try_get::<_, bool>(1).map_err(from_pg)? {
        return Err(stop(
            format!("role {user} may not replicate"),
            format!("run ALTER ROLE {} REPLICATION as a superuser", crate::encode::quote(&user)),
        ));
    }
    if !row.try_get::<_, bool>(3).map_err(from_pg)? {
        return Err(stop(
            format!("role {user} may not make a publication in database {database}"),
            format!(
                "run GRANT CREATE ON DATABASE {} TO {}",
                crate::encode::quote(database),
                crate::encode::quote(&user)
            ),
        ));
    }
    Ok(())
}

/// A slot that is there.
pub(super) struct Found {
    pub is_lost: bool,
    active_pid: Option<i32>,
    confirmed: Option<String>,
}

/// The slot, if it is there; one of the same name that is somebody else's stops.
pub(super) async fn look(client: &Client, slot: &str) -> Result<Option<Found>, Ended> {
    const ASK: &str = "SELECT plugin::text, database::text = current_database(), active_pid, \
        confirmed_flush_lsn::text, wal_status FROM pg_replication_slots WHERE slot_name = $1";
    let Some(row) = client.query_opt(ASK, &[&slot]).await.map_err(from_pg)? else { return Ok(None) };
    let plugin: Option<String> = row.try_get(0).map_err(from_pg)?;
    let is_here: Option<bool> = row.try_get(1).map_err(from_pg)?;
    if plugin.as_deref() != Some("pgoutput") || is_here != Some(true) {
        return Err(stop(
            format!("replication slot {slot} is of another plugin or database"),
            "name another one in [stores.truth] slot",
        ));
    }
    Ok(Some(Found {
        is_lost: row.try_get::<_, Option<String>>(4).map_err(from_pg)?.as_deref() == Some("lost"),
        active_pid: row.try_get(2).map_err(from_pg)?,
        confirmed: row.try_get(3).map_err(from_pg)?,
    }))
}

/// Where the slot stands, if it is there and can be followed.
async fn find(client: &Client, slot: &str) -> Result<Option<u64>, Ended> {
    let Some(found) = look(client, slot).await? else { return Ok(None) };
    if found.is_lost {
        return Err(stop(
            format!("replication slot {slot} is invalidated: the server has removed WAL that it needed"),
            format!("raise max_slot_wal_keep_size on the server, then {REBUILD}"),
        ));
    }
    if let Some(pid) = found.active_pid {
        // Often brigade's own connection of a moment ago, which the server has not given up yet.
        return Err(Ended::Again(
            Error::new(code::UNAVAILABLE, format!("replication slot {slot} is held by server process {pid}"))
                .hint(format!("stop that reader, or run SELECT pg_terminate_backend({pid})")),
        ));
    }
    Ok(Some(lsn(&found.confirmed.unwrap_or_default())?))
}

/// Makes a slot and gives the place where it begins. That waits for the transactions that are running now, for at most
/// `patience`; none: however long they are.
pub(super) async fn make(client: &Client, slot: &str, patience: Duration) -> Result<u64, Ended> {
    let limit = format!("SET statement_timeout = {}", patience.as_millis());
    client.batch_execute(&limit).await.map_err(from_pg)?;
    let sql = "SELECT lsn::text FROM pg_create_logical_replication_slot($1, 'pgoutput')";
    let row = client.query_one(sql, &[&slot]).await.map_err(|e| named(from_pg(e)))?;
    client.batch_execute("RESET statement_timeout").await.map_err(from_pg)?;
    let place: String = row.try_get(0).map_err(from_pg)?;
    Ok(lsn(&place)?)
}

/// What only somebody with rights can mend stops; the rest is tried again.
pub(super) fn named(error: Error) -> Ended {
    match error.code() {
        "42501" => Ended::Stopped(error),
        "53400" => Ended::Stopped(error.hint("raise max_replication_slots and restart the server")),
        _ => Ended::Again(error),
    }
}

/// The place up to which the spool holds everything, for skipping what comes again.
pub(crate) fn lsn_of(position: Option<Position>) -> u64 {
    position.map_or(0, |p| p.lsn())
}
