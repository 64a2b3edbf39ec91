//! A read that names a position sees it, or says that it could not; it never answers from before it silently.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, timeout_at};

use crate::{
    data::{Error, Position, Result, code},
    engine::Log,
};

/// How long a reader waits before the log is asked to move by itself: an idle PostgreSQL publishes nothing unasked.
const NUDGE_AFTER: Duration = Duration::from_millis(50);

/// Waits until the log has published a position.
///
/// # Errors
/// BRG412 for a position of another history, BRG410 where it is no longer retained; BRG504 after `timeout`, with the
/// log's place and lag.
pub async fn wait_for(log: &Arc<dyn Log>, position: Position, timeout: Duration) -> Result<()> {
    let deadline = Instant::now() + timeout;
    log.check(position).await?;
    let mut tip = log.tip();
    let mut reach = async |until: Instant| timeout_at(until, tip.wait_for(|tip| *tip >= position)).await.is_ok();
    if reach(deadline.min(Instant::now() + NUDGE_AFTER)).await {
        return Ok(());
    }
    log.nudge(position);
    if reach(deadline).await {
        return Ok(());
    }
    Err(not_reached("the log", position, Some(*log.tip().borrow()), None))
}

/// BRG504, the same for the log and for every projection.
pub(crate) fn not_reached(who: &str, position: Position, checkpoint: Option<Position>, lag: Option<u64>) -> Error {
    let checkpoint = checkpoint.map_or_else(|| "none".to_owned(), |p| p.to_string());
    let lag = lag.map_or_else(String::new, |lag| format!(", lag {lag} changes"));
    Error::new(code::NOT_REACHED, format!("{who} did not reach position {position} in time"))
        .details(format!("checkpoint {checkpoint}{lag}"))
        .hint("repeat the read, or read without naming a position")
        .retry_after(Duration::from_secs(1))
}
