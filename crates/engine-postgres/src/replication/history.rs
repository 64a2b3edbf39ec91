//! Is the server's history still the one that the log was made of? A standby that took over and a backup that was put back
//! answer as the same server does, and from some place on their WAL is another one. It owns that the log never goes on over
//! such a place: what the log has and the server has not would stay in every copy, and what the server writes at places that
//! the log already has would be taken for known.

use std::{collections::VecDeque, sync::Arc};

use brigade_core::{
    data::{Position, Result, TransactionMark},
    engine::{Spool, SpoolTransaction},
};
use tokio_postgres::Client;

use super::{
    Ended,
    slot::{REBUILD, stop},
};
use crate::{encode::lsn, error::from_pg, identity::Identity};

/// The spool's note of which server, database and slot it follows.
const NOTE_ORIGIN: &str = "postgres.origin";

/// The spool's note of the era. The first eras of a server are its timelines.
const NOTE_ERA: &str = "postgres.timeline";

/// The spool's note that the server was seen to have another history, and which place showed it.
const NOTE_OTHER: &str = "postgres.other_history";

/// Transactions of the spool that are looked at together.
const PAGE: usize = 1_000;

/// Refuses another server, database or slot than the spool's own. Gives the spool's note of them, if it has any.
pub(super) async fn check_origin(
    spool: &Arc<dyn Spool>,
    identity: &Identity,
    slot: &str,
) -> Result<Option<String>, Ended> {
    let origin = origin(identity, slot);
    match spool.note(NOTE_ORIGIN).await? {
        Some(known) if known != origin => Err(stop(
            format!("the log was made of {known} and the truth is {origin} (system/database/slot)"),
            "point [stores.truth] back at the old server, or remove the folder of [stores] log and rebuild every projection",
        )),
        known => Ok(known),
    }
}

/// From now on the spool is of this server, database and slot.
pub(super) async fn note_origin(spool: &Arc<dyn Spool>, identity: &Identity, slot: &str) -> Result<()> {
    spool.set_note(NOTE_ORIGIN, &origin(identity, slot)).await
}

fn origin(identity: &Identity, slot: &str) -> String {
    format!("{}/{}/{slot}", identity.system, identity.database)
}

/// Refuses the same server where it is known before anything comes that its history is another one.
pub(super) async fn check(spool: &Arc<dyn Spool>, client: &Client, identity: &Identity) -> Result<(), Ended> {
    if let Some(seen) = spool.note(NOTE_OTHER).await?.filter(|seen| !seen.is_empty()) {
        return Err(stop(seen, REBUILD));
    }
    let known = spool.note(NOTE_ERA).await?.and_then(|era| era.parse::<u32>().ok());
    if let Some(known) = known.filter(|known| *known != identity.era()) {
        let (now, then) = (identity.timeline, known & 0xffff);
        let what = if now == then {
            format!(
                "the server is on timeline {now} as the log is, in an earlier life: it was put back to an earlier state"
            )
        } else {
            format!(
                "the server is on timeline {now} and the log is of timeline {then}: it was restored or a standby took over"
            )
        };
        return Err(stop(what, REBUILD));
    }
    let row = client.query_one("SELECT pg_current_wal_flush_lsn()::text", &[]).await.map_err(from_pg)?;
    let text: String = row.try_get(0).map_err(from_pg)?;
    let seen = spool.appended().await?.unwrap_or(Position::START).max(*spool.tip().borrow());
    if lsn(&text)? < seen.lsn() {
        return Err(stop(
            format!(
                "the server's WAL ends at {text} and the log has seen {}: the server was put back to an earlier state",
                place(seen)
            ),
            REBUILD,
        ));
    }
    Ok(())
}

/// From now on the spool is of this era, and no doubt about it is left.
pub(super) async fn note_era(spool: &Arc<dyn Spool>, identity: &Identity) -> Result<()> {
    spool.set_note(NOTE_ERA, &identity.era().to_string()).await?;
    spool.set_note(NOTE_OTHER, "").await
}

fn place(position: Position) -> String {
    format!("{:X}/{:X}", position.lsn() >> 32, position.lsn() as u32)
}

/// What the server sends again although the spool has it, as after a crash: it must be the same. Else the server was put back,
/// and has written since then as far as the spool had come. What was trimmed from the spool is not compared.
pub(super) struct Again {
    spool: Arc<dyn Spool>,
    next: VecDeque<SpoolTransaction>,
}

impl Again {
    /// All that the spool has from the slot's place on will come again.
    pub async fn begin(spool: &Arc<dyn Spool>, from: Position) -> Result<Self> {
        let next = spool.transactions_after(from, PAGE).await?.into();
        Ok(Self { spool: spool.clone(), next })
    }

    /// A transaction has come that lies where the spool has been.
    pub async fn came(&mut self, mark: &TransactionMark) -> Result<(), Ended> {
        // One that the spool has not: there was nothing in it to be kept.
        let Some(next) = self.next.front().filter(|next| next.position <= mark.position) else { return Ok(()) };
        let is_same = next.position == mark.position && Some(next.xid) == mark.xid && next.time == mark.time;
        if !is_same {
            return Err(self.is_other(next.position).await);
        }
        self.next.pop_front();
        if self.next.is_empty() {
            self.next = self.spool.transactions_after(mark.position, PAGE).await?.into();
        }
        Ok(())
    }

    /// Something has come that lies behind all that the spool has.
    pub async fn ended(&self) -> Result<(), Ended> {
        match self.next.front() {
            None => Ok(()),
            Some(missed) => Err(self.is_other(missed.position).await),
        }
    }

    async fn is_other(&self, at: Position) -> Ended {
        let what = format!(
            "the log has a transaction at {} that the server has not: it was put back to an earlier state",
            place(at)
        );
        match self.spool.set_note(NOTE_OTHER, &what).await {
            Ok(()) => stop(what, REBUILD),
            Err(error) => Ended::Again(error),
        }
    }
}
