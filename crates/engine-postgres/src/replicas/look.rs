//! Is it a standby of this truth, and where is it? Looked at before the first read and again and again: a standby is promoted,
//! falls behind, goes away and comes back without asking. It owns that rows of another history are never shown as this one's.

use std::{sync::Weak, time::Instant};

use brigade_core::{
    data::{Error, Result, code},
    limits::{REPLICA_LOOK, REPLICA_LOOK_MAX, REPLICA_PAUSE_MAX},
};
use tokio::time::timeout;
use tokio_postgres::Client;

use super::{Replicas, replica::Replica};
use crate::{
    encode::lsn,
    error::{away, from_pg},
    identity::Identity,
    truth::PostgresTruth,
};

/// The receiver's timeline is shown to who may read all statistics; to others the control file's, which follows later.
const LOOK: &str = "SELECT s.system_identifier::text, d.oid::text, pg_is_in_recovery()::text, \
    coalesce(pg_last_wal_replay_lsn(), '0/0')::text, \
    greatest(c.timeline_id, r.min_recovery_end_timeline, \
        coalesce((SELECT received_tli FROM pg_stat_wal_receiver), 0))::text \
    FROM pg_control_system() s, pg_control_checkpoint() c, pg_control_recovery() r, pg_database d \
    WHERE d.datname = current_database()";

/// What a look has found.
pub(super) struct Found {
    pub replayed: u64,
    /// Why it is not used, if so.
    pub why_not: Option<String>,
    /// Whether that is so for good: it is no standby of this truth.
    pub is_foreign: bool,
}

/// Looks at it once.
pub(super) async fn look(client: &Client, primary: &Identity) -> Result<Found> {
    let row = match timeout(REPLICA_LOOK_MAX, client.query_one(LOOK, &[])).await {
        Ok(row) => row.map_err(from_pg)?,
        Err(_) => return Err(away(format!("no answer within {} ms", REPLICA_LOOK_MAX.as_millis()))),
    };
    let text = |i: usize| row.try_get::<_, &str>(i).map_err(from_pg);
    let (system, database, recovers) = (text(0)?, text(1)?, text(2)? == "true");
    let timeline: u32 = text(4)?.parse().map_err(|_| Error::internal("the timeline is no number"))?;
    let foreign = match () {
        () if system != primary.system => {
            Some(format!("it is of another cluster: system {system}, and the primary's is {}", primary.system))
        }
        () if database.parse() != Ok(primary.database) => Some("it is another database than the primary's".to_owned()),
        () if !recovers => Some("it is no standby: it takes writes".to_owned()),
        () if timeline > primary.timeline => {
            Some(format!("it is of another history: timeline {timeline}, and the primary's is {}", primary.timeline))
        }
        () => None,
    };
    let late = (timeline < primary.timeline)
        .then(|| format!("it is on timeline {timeline} still, and the primary on {}", primary.timeline));
    Ok(Found { replayed: lsn(text(3)?)?, is_foreign: foreign.is_some(), why_not: foreign.or(late) })
}

/// The first look, before anything is read. One that is away is no reason not to start.
pub(super) async fn first(replica: &Replica, primary: &Identity) -> Result<()> {
    let looked = async { look(&*replica.connect(REPLICA_LOOK_MAX).await?, primary).await };
    match looked.await {
        Ok(Found { why_not: Some(why), is_foreign: true, .. }) => {
            Err(Error::new(code::CONFIG, format!("stores.truth.replicas: {}: {why}", replica.name))
                .details(format!("primary {}:{}", primary.system, primary.database))
                .hint(
                    "name streaming standbys of the database in url (pg_basebackup -R makes one), or take this one out",
                ))
        }
        Ok(found) => {
            replica.is_now(&found);
            Ok(())
        }
        Err(error) => {
            replica.is_now(&gone(&error));
            Ok(())
        }
    }
}

fn gone(error: &Error) -> Found {
    Found { replayed: 0, why_not: Some(error.message().to_owned()), is_foreign: false }
}

/// Looks at one replica for as long as the truth is open; ever more seldom while it is away.
pub(super) async fn follow(truth: Weak<PostgresTruth>, index: usize) {
    let mut client = None;
    let mut pause = REPLICA_LOOK;
    loop {
        tokio::time::sleep(pause).await;
        let Some(truth) = truth.upgrade() else { return };
        let Some(replicas) = &truth.replicas else { return };
        let replica = &replicas.each[index];
        let looked = async {
            let known = match client.take() {
                Some(client) => client,
                None => replica.connect(REPLICA_LOOK_MAX).await?,
            };
            let found = look(&known, &truth.identity()).await?;
            client = Some(known);
            Ok::<_, Error>(found)
        };
        match looked.await {
            Ok(mut found) => {
                pause = REPLICA_LOOK;
                if found.why_not.is_none() && is_ahead(replicas, replica, found.replayed) {
                    found.why_not = Some("it has more than the primary: that one was put back".to_owned());
                }
                replica.is_now(&found);
            }
            Err(error) => {
                pause = (pause * 2).min(REPLICA_PAUSE_MAX);
                replica.is_now(&gone(&error));
            }
        }
    }
}

/// Whether the primary, asked after the last look at this one, had less than this one had then.
fn is_ahead(replicas: &Replicas, replica: &Replica, replayed: u64) -> bool {
    let mut looked = replica.looked.lock().expect("no panic under this lock");
    let last = looked.replace((Instant::now(), replayed));
    last.is_some_and(|(at, replayed)| replicas.heard.ends_before(replayed, at))
}

/// Hears of the end of the primary's WAL for as long as the truth is open, in a session of its own: where the pool's are all
/// in use, replicas are needed most.
pub(super) async fn hear(truth: Weak<PostgresTruth>) {
    let mut client = None;
    loop {
        let Some(truth) = truth.upgrade() else { return };
        let Some(replicas) = &truth.replicas else { return };
        let asked = timeout(REPLICA_LOOK_MAX, async {
            let known = match client.take() {
                Some(client) => client,
                None => truth.reach.connect().await?,
            };
            let at = Instant::now();
            let row = known.query_one("SELECT pg_current_wal_flush_lsn()::text", &[]).await.map_err(from_pg)?;
            replicas.heard.note(at, lsn(row.try_get(0).map_err(from_pg)?)?);
            client = Some(known);
            Ok::<_, Error>(())
        });
        // One that does not answer: what the replicas show grows old, and at its bound they are left out.
        if !matches!(asked.await, Ok(Ok(()))) {
            client = None;
        }
        drop(truth);
        tokio::time::sleep(REPLICA_LOOK).await;
    }
}
