//! Answers that go on: what a follower of the log and a live read have in common.
//!
//! A reader is fed as fast as it takes bytes, and never faster: the next piece is made when the socket has room, so one
//! portion is all that a reader costs. One that takes nothing for as long as the limit is cut off with an error that says so;
//! it comes back with its last place.

mod ndjson;
mod sse;

use std::{convert::Infallible, future::Future, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::Response,
};
use brigade::data::{Error, Position, Result};
use bytes::Bytes;
use futures_util::stream;
use tokio::{
    sync::{OwnedSemaphorePermit, watch},
    time::{Instant, sleep_until},
};

use crate::{
    Server,
    auth::Standing,
    error,
    metrics::{Limit, reached},
    shutdown,
};

pub use sse::event;

/// Bytes handed to the socket at once: what a slow reader must take within the time that it has.
const PIECE_BYTES: usize = 128 << 10;

/// How what is told is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Ndjson,
    /// Server-sent events.
    Sse,
}

/// Where what is told comes from.
pub trait Source: Send + 'static {
    /// What comes next, framed; none at the end. It waits for as long as nothing happens, and is dropped while it waits.
    fn next(&mut self) -> impl Future<Output = Result<Option<String>>> + Send;
}

/// Marks, among an answer's extensions, one that is expected to last: its connection may be taken from hyper.
#[derive(Clone, Copy)]
pub struct GoesOn;

/// The answer that a source feeds, for as long as somebody takes it and may have it. `first` comes before what the source says.
pub fn answer(
    server: &Server,
    source: impl Source,
    format: Format,
    first: String,
    position: Position,
    reader: Reader,
    standing: Option<Standing>,
) -> Response {
    let feed = Feed {
        source,
        format,
        stall: server.limits().follower_stall,
        comment: server.limits().follower_comment,
        stopping: server.stopping.clone(),
        standing,
        checked: Instant::now(),
        ready: first.into(),
        handed: None,
        over: false,
        _reader: reader,
    };
    let content_type = match format {
        Format::Ndjson => "application/x-ndjson",
        Format::Sse => "text/event-stream",
    };
    let mut response = error::typed(content_type, Body::from_stream(stream::unfold(feed, Feed::next)));
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(position) = HeaderValue::try_from(position.to_string()) {
        headers.insert(error::POSITION, position);
    }
    response
}

/// Counts a reader as long as its answer lasts, and holds its place among those there may be.
pub struct Reader {
    gauge: &'static str,
    _place: OwnedSemaphorePermit,
}

impl Reader {
    /// A place, where there is one.
    pub fn take(places: &Arc<tokio::sync::Semaphore>, gauge: &'static str) -> Option<Self> {
        let place = Arc::clone(places).try_acquire_owned().ok()?;
        metrics::gauge!(gauge).increment(1.0);
        Some(Self { gauge, _place: place })
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        metrics::gauge!(self.gauge).decrement(1.0);
    }
}

/// The body of an answer: pieces of text, made when the socket has room for them.
struct Feed<S> {
    source: S,
    format: Format,
    /// How long it may take nothing.
    stall: Duration,
    /// How often it gets a comment while it is quiet, and how often it is asked whether it may go on.
    comment: Duration,
    standing: Option<Standing>,
    /// When that was last asked.
    checked: Instant,
    stopping: watch::Receiver<bool>,
    /// Text that waits for the socket.
    ready: Bytes,
    /// When the last piece was handed over.
    handed: Option<Instant>,
    over: bool,
    _reader: Reader,
}

type Piece = std::result::Result<Bytes, Infallible>;

impl<S: Source> Feed<S> {
    /// The next piece; none at the end.
    async fn next(mut self) -> Option<(Piece, Self)> {
        if !self.over && self.handed.is_some_and(|handed| handed.elapsed() > self.stall) {
            reached(Limit::FollowerStall);
            self.cut_off(&too_slow(self.stall));
        }
        while self.ready.is_empty() {
            if self.over {
                return None;
            }
            match self.may_go_on().await {
                Ok(()) => self.refill().await,
                Err(error) => self.cut_off(&error::with_id(error)),
            }
        }
        let piece = self.ready.split_to(self.ready.len().min(PIECE_BYTES));
        self.handed = Some(Instant::now());
        Some((Ok(piece), self))
    }

    async fn may_go_on(&mut self) -> Result<()> {
        let Some(standing) = self.standing.as_ref().filter(|_| self.checked.elapsed() >= self.comment) else {
            return Ok(());
        };
        self.checked = Instant::now();
        standing.check().await
    }

    /// Waits for the source, for the time of a comment, or for the server's end.
    async fn refill(&mut self) {
        let now = Instant::now();
        let quiet_since = if self.standing.is_some() { now.min(self.checked) } else { now };
        let comment = quiet_since + self.comment;
        let mut stopping = self.stopping.clone();
        tokio::select! {
            biased;
            () = shutdown::told(&mut stopping) => {
                self.over = true;
                if self.format == Format::Sse {
                    self.ready = Bytes::from_static(sse::FAREWELL.as_bytes());
                }
            }
            read = self.source.next() => {
                // It may have been waited for until after the moment to ask again.
                match self.may_go_on().await.and(read) {
                    Ok(Some(text)) => self.ready = text.into(),
                    Ok(None) => self.over = true,
                    Err(error) => self.cut_off(&error::with_id(error)),
                }
            }
            () = sleep_until(comment) => if self.format == Format::Sse {
                self.ready = Bytes::from_static(sse::COMMENT.as_bytes());
            }
        }
    }

    /// Ends with an error, behind the record that was begun: half a record would be worse than none.
    fn cut_off(&mut self, error: &Error) {
        let begun = std::mem::take(&mut self.ready);
        let mut out = String::new();
        let ends: &[u8] = match self.format {
            Format::Ndjson => {
                ndjson::error(&mut out, error);
                b"\n"
            }
            Format::Sse => {
                sse::error(&mut out, error);
                b"\n\n"
            }
        };
        let rest = begun.windows(ends.len()).position(|bytes| bytes == ends).map_or(0, |at| at + ends.len());
        self.ready = [&begun[..rest], out.as_bytes()].concat().into();
        self.over = true;
    }
}

fn too_slow(stall: Duration) -> Error {
    Error::unavailable("the reader is too slow", Duration::from_secs(1))
        .details(format!("it took nothing for {} s", stall.as_secs_f64()))
        .hint("read again after the last position that came")
}
