//! Clients that each send, wait for the answer, and send again: the load is what is waiting, never a rate.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::sample::Sample;

/// What each client does before it is measured: caches are warm and files have their size.
const WARM_UP: Duration = Duration::from_millis(500);

/// Runs `clients` at once for `time`. `ask` makes one request and returns when it is answered.
pub async fn run<C, F, A>(clients: Vec<C>, time: Duration, ask: A) -> Result<Sample>
where
    C: Send + 'static,
    A: Fn(C) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<C>> + Send + 'static,
{
    let begin = Instant::now() + WARM_UP;
    let tasks: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            let ask = ask.clone();
            tokio::spawn(async move {
                let mut times = Vec::new();
                while begin.elapsed() < time {
                    let start = Instant::now();
                    client = ask(client).await?;
                    if start >= begin {
                        times.push(start.elapsed());
                    }
                }
                anyhow::Ok(times)
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await??);
    }
    Ok(Sample::new(times, time))
}
