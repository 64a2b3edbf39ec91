//! How a connection passes from hyper to [`Stream`]: what a request answers without end is put aside instead of being
//! handed to hyper, which would keep three buffers of 8 KiB for a reader that is idle for hours.
//!
//! Nothing that hyper still owes the peer is lost by it: hyper hears a request only once the socket has taken all of the
//! answer before it.

use std::{
    convert::Infallible,
    future::{Future, pending, poll_fn},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
};

use axum::{Router, body::Body, http::Method, response::Response};
use hyper::{Version, body::Incoming, server::conn::http1::Connection, service::HttpService};
use tower_service::Service as _;

use super::{socket::Socket, stream::Stream};
use crate::{feed::GoesOn, limiting::Peer};

/// Where the answer of one connection is put aside, with the version that its request spoke.
#[derive(Default)]
pub struct Handover(Mutex<Option<(Version, Response)>>);

impl Handover {
    /// Answers one request; one that is put aside is never answered to hyper.
    pub async fn answer(
        self: Arc<Self>,
        mut router: Router,
        peer: Peer,
        mut request: hyper::Request<Incoming>,
    ) -> Result<Response, Infallible> {
        request.extensions_mut().insert(peer);
        let (version, has_body) = (request.version(), request.method() != Method::HEAD);
        let response = router.call(request.map(Body::new)).await?;
        if !has_body || response.extensions().get::<GoesOn>().is_none() {
            return Ok(response);
        }
        *self.slot() = Some((version, response));
        pending().await
    }

    fn slot(&self) -> MutexGuard<'_, Option<(Version, Response)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves until the connection ends, or an answer is put aside.
    pub async fn serve<S>(&self, connection: &mut Connection<Socket, S>) -> hyper::Result<Option<(Version, Response)>>
    where
        S: HttpService<Incoming, ResBody = Body>,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        poll_fn(|cx| match Pin::new(&mut *connection).poll(cx) {
            Poll::Ready(ended) => Poll::Ready(ended.map(|()| None)),
            Poll::Pending => self.slot().take().map_or(Poll::Pending, |taken| Poll::Ready(Ok(Some(taken)))),
        })
        .await
    }
}

/// Takes the socket from hyper, for an answer that goes on.
pub fn take<S>(connection: Connection<Socket, S>, (version, response): (Version, Response)) -> Stream
where
    S: HttpService<Incoming, ResBody = Body>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // What the peer sent behind its request is dropped with hyper: the answer says that none follows.
    let (stream, write_timeout) = connection.into_parts().io.into_inner();
    Stream::new(stream, write_timeout, version, response)
}
