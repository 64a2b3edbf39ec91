//! How the server ends: nothing new is accepted, followers are sent off, what runs is finished, and within
//! [`limits::SHUTDOWN`] the rest is cut.

use brigade::limits;
use tokio::{sync::watch, task::JoinSet, time::timeout};

/// Tells everybody that the server stops, and waits for the connections within the limit. Returns how many were cut.
pub async fn drain(stop: &watch::Sender<bool>, mut connections: JoinSet<()>) -> usize {
    stop.send_replace(true);
    let drained = timeout(limits::SHUTDOWN, async { while connections.join_next().await.is_some() {} }).await;
    let cut = connections.len();
    if drained.is_err() && cut > 0 {
        tracing::warn!(cut, "connections were cut: they did not end in time");
    }
    connections.shutdown().await;
    cut
}

/// Waits until the server stops. Where there is no server that could stop, for ever.
pub async fn told(stopping: &mut watch::Receiver<bool>) {
    if stopping.wait_for(|stopping| *stopping).await.is_err() {
        std::future::pending::<()>().await;
    }
}
