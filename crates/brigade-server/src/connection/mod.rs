//! Sockets: which address may be listened on, how connections are taken, and what none of them may do to the others.
//!
//! HTTP/1.1 by hyper directly, one task a connection and none a request; an answer that goes on is taken from hyper
//! (`handover`) and written by `stream`. Heads, idling and writes have time limits; connections have a number.

mod handover;
mod socket;
mod stream;

use std::{
    future::Future,
    net::{IpAddr, SocketAddr},
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use brigade::{
    Brigade,
    data::{Error, Result, code},
};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioTimer;
use tokio::{
    net::{TcpListener, TcpStream, lookup_host},
    sync::{Semaphore, watch},
    task::JoinSet,
};

use crate::{
    Server, ServerLimits, ServerOptions,
    limiting::Peer,
    metrics::{self, Limit},
    routes, shutdown,
};
use handover::Handover;
use socket::Socket;
use stream::Stream;

/// Listens on a loopback address, as `127.0.0.1:8080`, `localhost:0`, `[::1]:8080`.
///
/// # Errors
/// BRGCFG for an address of the network, a port in use, or what is no address.
pub async fn bind(address: &str) -> Result<TcpListener> {
    listen(address, require_loopback).await
}

/// Listens on any address: for a project with `[auth]`, which [`serve`] makes sure of.
///
/// # Errors
/// BRGCFG for a port in use, or what is no address.
pub async fn bind_network(address: &str) -> Result<TcpListener> {
    listen(address, |_| Ok(())).await
}

async fn listen(address: &str, allow: fn(&SocketAddr) -> Result<()>) -> Result<TcpListener> {
    // Whoever binds is about to open a project: from here on everything it records is counted.
    metrics::install();
    let malformed = |e: std::io::Error| {
        Error::new(code::CONFIG, format!("cannot listen on {address}: {e}")).hint("write HOST:PORT, as 127.0.0.1:8080")
    };
    let resolved: Vec<SocketAddr> = lookup_host(address).await.map_err(malformed)?.collect();
    resolved.iter().try_for_each(allow)?;
    TcpListener::bind(&resolved[..]).await.map_err(|e| match e.kind() {
        std::io::ErrorKind::AddrInUse => {
            Error::new(code::CONFIG, format!("cannot listen on {address}: the port is in use"))
                .hint("stop the other program, or choose another port with --listen")
        }
        _ => malformed(e),
    })
}

fn require_loopback(address: &SocketAddr) -> Result<()> {
    let ip = match address.ip() {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4),
        v4 => v4,
    };
    if ip.is_loopback() {
        return Ok(());
    }
    Err(Error::new(code::CONFIG, format!("refusing to listen on {address} without authentication"))
        .details("whoever reaches the address could read and write everything")
        .hint("listen on 127.0.0.1, or say in [auth] of brigade.toml whose word is believed"))
}

/// Serves a project until `stop` resolves; then finishes what runs and returns within [`brigade::limits::SHUTDOWN`]. The project
/// stays open: closing it is the caller's.
///
/// # Errors
/// BRGCFG where the listener is bound to an address of the network and the project has no `[auth]`, or where `[auth]` names a
/// file that holds no key.
pub async fn serve(
    brigade: Brigade,
    listener: TcpListener,
    options: ServerOptions,
    stop: impl Future<Output = ()>,
) -> Result<()> {
    let address = listener.local_addr().map_err(|e| Error::internal("the listener has no address").source(e))?;
    let (stopping, told) = watch::channel(false);
    let server = Server::new(brigade, options, told.clone())?;
    if server.authenticator.is_none() {
        require_loopback(&address)?;
    }
    let recorder = server.recorder.clone();
    let limits = server.limits().clone();
    metrics::publish_limits(&limits);
    let router = routes(server);
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let mut connections = JoinSet::new();
    let mut upkeep = tokio::time::interval(metrics::UPKEEP);
    let mut stop = pin!(stop);
    loop {
        // A place first: without one nobody is accepted.
        let accepted = async {
            if places.available_permits() == 0 {
                metrics::reached(Limit::Connections);
            }
            let place = Arc::clone(&places).acquire_owned().await;
            (listener.accept().await, place)
        };
        tokio::select! {
            () = &mut stop => break,
            (accepted, place) = accepted => match accepted {
                Ok((stream, peer)) => {
                    let connection = connection((stream, Peer(peer)), router.clone(), limits.clone(), told.clone());
                    connections.spawn(async move {
                        let _counted = (place, metrics::Open::new());
                        // In a box: what only hyper needs is given back before an answer goes on.
                        let goes_on = Box::pin(connection).await;
                        if let Some(stream) = goes_on {
                            stream.run().await;
                        }
                    });
                }
                Err(error) => {
                    // Out of files, or a peer that is gone already: the next one may do better.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
            _ = upkeep.tick() => recorder.upkeep(),
        }
    }
    drop(listener);
    shutdown::drain(&stopping, connections).await;
    Ok(())
}

/// Serves one connection to its end, or until an answer goes on.
async fn connection(
    (stream, peer): (TcpStream, Peer),
    router: Router,
    limits: ServerLimits,
    mut stopping: watch::Receiver<bool>,
) -> Option<Stream> {
    // Small answers must not wait for the acknowledgement of earlier ones.
    let _ = stream.set_nodelay(true);
    let handover = Arc::new(Handover::default());
    let socket = Socket::new(stream, limits.write_timeout);
    let service = service_fn(|request| Arc::clone(&handover).answer(router.clone(), peer, request));
    // Never `pipeline_flush`: with it hyper takes an answer of any size into memory, whether or not the peer reads.
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .serve_connection(socket, service);
    let ended = tokio::select! {
        biased;
        ended = handover.serve(&mut connection) => Some(ended),
        () = shutdown::told(&mut stopping) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            Pin::new(&mut connection).graceful_shutdown();
            handover.serve(&mut connection).await
        }
    };
    match ended {
        Ok(taken) => taken.map(|taken| handover::take(connection, taken)),
        Err(error) => {
            note(&error);
            None
        }
    }
}

/// What peers do wrong is theirs; it is worth a line only to who looks for it.
fn note(error: &hyper::Error) {
    if error.is_timeout() {
        metrics::reached(Limit::HeadTimeout);
    }
    tracing::debug!(%error, "a connection ended early");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn listens_on_loopback_alone() {
        for (address, taken) in [
            ("127.0.0.1:0", true),
            ("localhost:0", true),
            ("127.0.0.2:0", true),
            ("0.0.0.0:0", false),
            ("[::]:0", false),
            ("192.0.2.1:80", false),
            ("nonsense", false),
            ("127.0.0.1:99999", false),
        ] {
            let bound = bind(address).await;
            assert_eq!(bound.is_ok(), taken, "{address}: {bound:?}");
            if let Err(error) = bound {
                assert_eq!(error.code(), code::CONFIG);
            }
        }
        let first = bind("127.0.0.1:0").await.unwrap();
        let again = bind(&first.local_addr().unwrap().to_string()).await.unwrap_err();
        assert!(again.message().contains("in use"), "{again}");
    }
}
