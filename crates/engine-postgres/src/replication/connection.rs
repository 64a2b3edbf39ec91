//! The two connections of a session: one streams, one holds the lock and answers questions. It owns that neither is waited
//! for without an end: a server that is frozen sends no error, it sends nothing.

use std::time::Duration;

use brigade_core::data::{Error, Result, code};
use pgwire_replication::{PgWireError, ReplicationClient};
use tokio_postgres::Client;

use super::Ended;
use crate::{error::from_pg, truth::PostgresTruth};

/// How long the server may take to say that it is there.
const ANSWER_MAX: Duration = Duration::from_secs(3);

/// How often it is asked. A stream that is dead and one that has nothing to say look alike.
const PROBE_EVERY: Duration = Duration::from_secs(3);

/// Ends once the server does not answer any more, or has given the stream up.
pub(super) async fn falls_silent(client: &Client, slot: &str) -> Ended {
    loop {
        tokio::time::sleep(PROBE_EVERY).await;
        if let Err(ended) = probe(client, slot).await {
            return ended;
        }
    }
}

/// Asks whether the server is there and still streams. One that decodes a large transaction sends nothing for a while and
/// does; one that has given the stream up, behind a network that told nobody, does not.
async fn probe(client: &Client, slot: &str) -> Result<(), Ended> {
    const ASK: &str = "SELECT active_pid IS NOT NULL FROM pg_replication_slots WHERE slot_name = $1";
    let lost = |why: &str| Ended::Again(Error::new(code::UNAVAILABLE, why));
    let Ok(answer) = tokio::time::timeout(ANSWER_MAX, client.query_opt(ASK, &[&slot])).await else {
        return Err(lost(&format!("the server has not answered for {} s", ANSWER_MAX.as_secs())));
    };
    match answer.map_err(from_pg)?.map(|row| row.try_get(0)) {
        Some(Ok(true)) => Ok(()),
        _ => Err(lost("the server has given the stream up")),
    }
}

/// Begins the stream.
pub(super) async fn start(truth: &PostgresTruth) -> Result<ReplicationClient, Ended> {
    let mut stream = ReplicationClient::connect(truth.reach.replication()).await.map_err(stream_error)?;
    match tokio::time::timeout(Duration::from_secs(10), stream.wait_started()).await {
        Ok(started) => started.map_err(stream_error)?,
        Err(_) => return Err(Ended::Again(Error::new(code::UNAVAILABLE, "replication did not start within 10 s"))),
    }
    Ok(stream)
}

/// What ended a stream, and whether it helps to try again.
pub(super) fn stream_error(error: PgWireError) -> Ended {
    let stops = matches!(error, PgWireError::Auth(_) | PgWireError::MessageTooLarge { .. });
    let told = Error::new(code::UNAVAILABLE, format!("replication: {error}"));
    if stops {
        Ended::Stopped(told.hint("the role needs LOGIN and REPLICATION, and pg_hba.conf must let it in"))
    } else {
        Ended::Again(told)
    }
}

/// What ended the publisher.
pub(super) fn publisher_ended(ended: Result<Result<()>, tokio::task::JoinError>) -> Ended {
    Ended::Again(match ended {
        Ok(Ok(())) => Error::new(code::UNAVAILABLE, "publishing ended"),
        Ok(Err(error)) => error,
        Err(error) => Error::internal(format!("publishing failed: {error}")),
    })
}
