//! When may readers see a transaction? The slot runs ahead of visibility (rule 14): between the flush of a commit and its
//! end, and for as long as a synchronous standby does not answer, it delivers what `SELECT` does not show. So a spooled
//! transaction waits here, in order, until a snapshot taken after decoding shows it finished.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use brigade_core::{
    data::{Error, Position, Result, Seen},
    engine::Spool,
};
use fail::fail_point;
use tokio::sync::mpsc;
use tokio_postgres::Client;

use crate::error::from_pg;

/// Transactions that wait at most; past it the stream waits too. At forty bytes each.
pub(crate) const WAITING_MAX: usize = 1 << 16;

/// The pauses between two looks at a transaction that is not finished yet.
const PAUSE: (Duration, Duration) = (Duration::from_micros(200), Duration::from_millis(20));

/// A durable place in the spool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    /// Readers may see up to here …
    pub position: Position,
    /// … once this transaction is finished; none: there is nothing to wait for.
    pub xid: Option<u64>,
}

/// The server's snapshot of now.
pub(crate) async fn snapshot(client: &Client) -> Result<Seen> {
    let row = client.query_one("SELECT pg_current_snapshot()::text", &[]).await.map_err(from_pg)?;
    let text: &str = row.try_get(0).map_err(from_pg)?;
    Seen::parse(text).ok_or_else(|| Error::internal(format!("{text:?} is no snapshot")))
}

/// Publishes what comes in, in order. Ends with the channel or an error.
pub(crate) async fn publish(
    client: Arc<Client>,
    spool: Arc<dyn Spool>,
    mut items: mpsc::Receiver<Item>,
    newest_xid: Arc<AtomicU64>,
) -> Result<()> {
    let mut waiting: VecDeque<Item> = VecDeque::new();
    let mut batch = Vec::new();
    let mut pause = PAUSE.0;
    loop {
        if waiting.is_empty() {
            if items.recv_many(&mut batch, 1_024).await == 0 {
                return Ok(());
            }
            pause = PAUSE.0;
        } else if waiting.len() < WAITING_MAX {
            while let Ok(item) = items.try_recv() {
                batch.push(item);
                if batch.len() >= 1_024 {
                    break;
                }
            }
        }
        waiting.extend(batch.drain(..));
        let seen = if waiting.iter().any(|i| i.xid.is_some()) { Some(snapshot(&client).await?) } else { None };
        if let Some(seen) = &seen {
            newest_xid.store(seen.xmax, Ordering::Relaxed);
        }
        let mut upto = None;
        while let Some(item) = waiting.front().filter(|item| is_finished(item, seen.as_ref())) {
            upto = Some(item.position);
            waiting.pop_front();
        }
        match upto {
            Some(position) => {
                fail_point!("spool::publishing");
                spool.publish(position).await?;
                pause = PAUSE.0;
            }
            None => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE.1);
            }
        }
    }
}

fn is_finished(item: &Item, seen: Option<&Seen>) -> bool {
    match (item.xid, seen) {
        (None, _) => true,
        (Some(xid), Some(seen)) => seen.contains(xid),
        (Some(_), None) => false,
    }
}
