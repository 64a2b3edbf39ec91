//! A log made anew, where its slot is gone: the one way on from a gap, and it owns that the gap is never silent. What was
//! committed meanwhile is nowhere in the WAL any more, so the log begins again behind it, and every older position is
//! BRG410: nobody who stood before the gap goes on behind it without a new snapshot.

use std::{sync::Arc, time::Duration};

use brigade_core::{
    data::{Error, Position, Result, code},
    engine::Spool,
};
use tokio_postgres::Client;

use super::{
    Ended, history,
    slot::{self, NOTE_UNFINISHED},
};
use crate::{error::from_pg, truth::PostgresTruth};

/// How long making the slot waits for transactions that run now.
const PATIENCE: Duration = Duration::from_secs(60);

/// Makes slot and spool anew. Killed in the middle, the next start says that it has to be done again.
///
/// # Errors
/// 0A000 where the slot is there and can be followed: making it anew would only lose what the log has.
pub(crate) async fn make_anew(truth: &PostgresTruth, spool: &Arc<dyn Spool>) -> Result<()> {
    make(truth, spool).await.map_err(|ended| match ended {
        Ended::Again(error) | Ended::Stopped(error) => error,
    })
}

async fn make(truth: &PostgresTruth, spool: &Arc<dyn Spool>) -> Result<(), Ended> {
    let client = truth.reach.connect().await?;
    let name = &truth.reach.slot;
    let (mut identity, origin) = slot::recognise(truth, spool, &client).await?;
    let there = slot::look(&client, name).await?;
    let goes_on = match &there {
        Some(found) => !found.is_lost && history::check(spool, &client, &identity).await.is_ok(),
        None => origin.is_none(),
    };
    if goes_on && !slot::is_unfinished(spool).await? {
        return Err(Ended::Stopped(
            Error::new(code::UNSUPPORTED, format!("the log follows replication slot {name}: it has no gap"))
                .hint("a projection is made anew by its own name"),
        ));
    }
    spool.set_note(NOTE_UNFINISHED, "since the old slot was given up").await?;
    if there.is_some() {
        drop_slot(&client, name).await?;
    }
    crate::capture::make_publication(&client, &truth.reach.publication).await.map_err(slot::named)?;
    let begins = slot::make(&client, name, PATIENCE).await?;
    let given = spool.appended().await?.unwrap_or(Position::START).max(*spool.tip().borrow());
    if identity.position_before(begins) <= given {
        identity = identity.later_than(given);
        let life = identity.life as i32;
        client.execute("INSERT INTO brigade_life (life) VALUES ($1)", &[&life]).await.map_err(from_pg)?;
        truth.is_now(&identity);
    }
    spool.begin_anew(identity.position_before(begins)).await?;
    history::note_era(spool, &identity).await?;
    if origin.is_some() {
        history::note_origin(spool, &identity, name).await?;
    }
    spool.set_note(NOTE_UNFINISHED, "").await?;
    tracing::warn!(slot = name, "the log was made anew: older positions are answered with BRG410");
    Ok(())
}

/// Drops a slot that was brigade's. A connection of a moment ago may still hold it.
async fn drop_slot(client: &Client, name: &str) -> Result<(), Ended> {
    let mut tries = 0;
    while let Err(error) = client.execute("SELECT pg_drop_replication_slot($1)", &[&name]).await {
        tries += 1;
        let is_held = error.code() == Some(&tokio_postgres::error::SqlState::OBJECT_IN_USE);
        if !is_held || tries == 40 {
            return Err(slot::named(from_pg(error)));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
