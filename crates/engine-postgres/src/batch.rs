//! Statements sent together and answered in order: one round trip for all of them. A statement that fails inside a
//! transaction makes those behind it fail too (25P02), which is why the first error is the one that counts.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};

use deadpool_postgres::ClientWrapper;
use futures_util::StreamExt;
use tokio_postgres::{Row, Statement};

use crate::encode::Param;

/// One SQL statement with its parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job<'a> {
    pub text: &'a str,
    pub params: &'a [Param],
    /// Bytes of rows that are gathered; what comes behind is thrown away.
    bytes_max: usize,
}

impl<'a> Job<'a> {
    pub fn new(text: &'a str, params: &'a [Param]) -> Self {
        Self { text, params, bytes_max: usize::MAX }
    }

    /// The same, of which no more is gathered than this.
    pub fn bounded(self, bytes_max: usize) -> Self {
        Self { bytes_max, ..self }
    }
}

/// What a statement answered.
#[derive(Debug, Default)]
pub(crate) struct Answered {
    pub rows: Vec<Row>,
    pub affected: u64,
    /// Whether there were more rows than were to be gathered.
    pub is_cut: bool,
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<Answered, tokio_postgres::Error>> + Send + 'a>>;

/// A statement that could not be prepared: which, and why. Nothing of its round trip was sent.
pub(crate) struct Unsent {
    pub at: usize,
    pub error: tokio_postgres::Error,
}

/// Runs statements in one round trip, after preparing those that this session has not seen. Nothing is sent unless all of
/// them could be prepared.
pub(crate) async fn run(
    client: &ClientWrapper,
    jobs: &[Job<'_>],
) -> Result<Vec<Result<Answered, tokio_postgres::Error>>, Unsent> {
    let prepared = prepare(client, jobs).await?;
    let mut pending: Vec<Answer<'_>> = jobs
        .iter()
        .zip(prepared)
        .map(|(job, statement)| Box::pin(answer(client, statement, *job)) as Answer<'_>)
        .collect();
    // A query is sent when it is first polled: all are polled once, in order, before any is waited for.
    let mut done = Vec::with_capacity(pending.len());
    for future in &mut pending {
        done.push(match poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        });
    }
    let mut answers = Vec::with_capacity(pending.len());
    for (early, future) in done.into_iter().zip(pending) {
        answers.push(match early {
            Some(result) => result,
            None => future.await,
        });
    }
    Ok(answers)
}

async fn answer(client: &ClientWrapper, statement: Statement, job: Job<'_>) -> Result<Answered, tokio_postgres::Error> {
    let stream = client.query_raw(&statement, job.params).await?;
    tokio::pin!(stream);
    let (mut rows, mut bytes) = (Vec::new(), 0_usize);
    while let Some(row) = stream.next().await {
        let row = row?;
        bytes = bytes.saturating_add(row.raw_size_bytes());
        if bytes <= job.bytes_max {
            rows.push(row);
        }
    }
    Ok(Answered { rows, affected: stream.rows_affected().unwrap_or(0), is_cut: bytes > job.bytes_max })
}

async fn prepare(client: &ClientWrapper, jobs: &[Job<'_>]) -> Result<Vec<Statement>, Unsent> {
    let mut prepared = Vec::with_capacity(jobs.len());
    for (at, job) in jobs.iter().enumerate() {
        prepared.push(client.prepare_cached(job.text).await.map_err(|error| Unsent { at, error })?);
    }
    Ok(prepared)
}
