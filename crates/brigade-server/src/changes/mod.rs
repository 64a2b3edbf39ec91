//! `GET /changes`: the log, resumable from any position, as lines or as server-sent events.
//!
//! A reader is fed as fast as it takes bytes, and never faster: the next change is read when the socket has room, so one
//! chunk is all that a reader costs. One that takes nothing for as long as the limit is cut off with an error that
//! says so; it comes back with its last position.

mod ask;
mod ndjson;
mod render;
mod sse;

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, header},
    response::Response,
};
use brigade::{
    data::{Change, Error, Position, Result},
    log,
};
use bytes::Bytes;
use futures_util::stream;
use tokio::{
    sync::{OwnedSemaphorePermit, watch},
    time::{Instant, sleep_until},
};

use crate::{
    Server, error,
    error::Refusal,
    metrics::{Limit, reached},
    shutdown,
};
use ask::{Ask, Format};

/// Bytes handed to the socket at once: what a slow reader must take within the time that it has.
const PIECE_BYTES: usize = 128 << 10;

/// How long a read waits for the log to have what a receipt of this server named.
const RECEIPT_WAIT: Duration = Duration::from_secs(5);

/// Answers `GET /changes`.
pub async fn get(State(server): State<Arc<Server>>, request: Request) -> Result<Response, Refusal> {
    let ask = Ask::read(request.uri(), request.headers(), &server.brigade.model())?;
    let permit = Arc::clone(&server.followers).try_acquire_owned().map_err(|_| {
        reached(Limit::Followers);
        Error::unavailable("too many followers of the log", Duration::from_secs(1))
            .details(format!("FOLLOWERS_MAX is {}", server.limits().followers_max))
            .hint("let one reader serve many, or try again later")
    })?;
    let tip = newest(&server, ask.follow).await?;
    let reader = server.brigade.follow(ask.after, ask.tables, ask.follow).await?;
    let feed = Feed {
        reader,
        left: ask.limit.unwrap_or(u64::MAX),
        format: ask.format,
        stall: server.limits().follower_stall,
        comment: server.limits().follower_comment,
        stopping: server.stopping.clone(),
        ready: Bytes::new(),
        handed: None,
        over: false,
        _follower: Follower::new(permit),
    };
    let content_type = match ask.format {
        Format::Ndjson => "application/x-ndjson",
        Format::Sse => "text/event-stream",
    };
    let mut response = error::typed(content_type, Body::from_stream(stream::unfold(feed, Feed::next)));
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let position = HeaderValue::try_from(tip.to_string()).expect("a position is printable ASCII");
    headers.insert(error::POSITION, position);
    Ok(response)
}

/// What is newest as the request comes: nothing that was acknowledged before it is left out.
async fn newest(server: &Server, follow: bool) -> Result<Position> {
    let tip = *server.brigade.tip().borrow();
    let receipt = server.newest_receipt();
    if follow || receipt <= tip {
        return Ok(tip);
    }
    server.brigade.wait_for(receipt, RECEIPT_WAIT).await?;
    Ok(receipt)
}

/// The body of an answer: pieces of text, made when the socket has room for them.
struct Feed {
    reader: log::Follower,
    /// Changes that may still be answered.
    left: u64,
    format: Format,
    /// How long it may take nothing.
    stall: Duration,
    /// How often it gets a comment while it is quiet.
    comment: Duration,
    stopping: watch::Receiver<bool>,
    /// Text that waits for the socket.
    ready: Bytes,
    /// When the last piece was handed over.
    handed: Option<Instant>,
    over: bool,
    _follower: Follower,
}

/// Counts a follower as long as its answer lasts.
struct Follower(#[allow(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

impl Follower {
    fn new(permit: OwnedSemaphorePermit) -> Self {
        metrics::gauge!("brigade_http_followers").increment(1.0);
        Self(permit)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        metrics::gauge!("brigade_http_followers").decrement(1.0);
    }
}

type Piece = std::result::Result<Bytes, Infallible>;

impl Feed {
    /// The next piece; none at the end.
    async fn next(mut self) -> Option<(Piece, Self)> {
        if !self.over && self.handed.is_some_and(|handed| handed.elapsed() > self.stall) {
            reached(Limit::FollowerStall);
            self.cut_off(&too_slow(self.stall));
        }
        if self.ready.is_empty() {
            if self.over {
                return None;
            }
            self.refill().await;
        }
        if self.ready.is_empty() {
            return None;
        }
        let piece = self.ready.split_to(self.ready.len().min(PIECE_BYTES));
        self.handed = Some(Instant::now());
        Some((Ok(piece), self))
    }

    /// Waits for changes, for the time of a comment, or for the server's end.
    async fn refill(&mut self) {
        if self.left == 0 {
            self.over = true;
            return;
        }
        let comment = Instant::now() + self.comment;
        let mut stopping = self.stopping.clone();
        tokio::select! {
            biased;
            () = shutdown::told(&mut stopping) => {
                self.over = true;
                if self.format == Format::Sse {
                    self.ready = Bytes::from_static(sse::FAREWELL.as_bytes());
                }
            }
            read = self.reader.next() => match read {
                Ok(Some(changes)) => self.ready = self.write(&changes),
                Ok(None) => self.over = true,
                Err(error) => self.cut_off(&error::with_id(error)),
            },
            () = sleep_until(comment), if self.format == Format::Sse => {
                self.ready = Bytes::from_static(sse::COMMENT.as_bytes());
            }
        }
    }

    fn write(&mut self, changes: &[Change]) -> Bytes {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(changes.len());
        let changes = &changes[..most];
        self.left -= most as u64;
        let mut out = String::with_capacity(changes.len() * 256);
        for change in changes {
            match self.format {
                Format::Ndjson => ndjson::change(&mut out, change),
                Format::Sse => sse::change(&mut out, change),
            }
        }
        out.into()
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
