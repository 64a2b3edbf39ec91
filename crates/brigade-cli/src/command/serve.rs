//! `serve`: opens a project and answers HTTP until it is told to stop, and then ends within ten seconds.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use brigade::{
    Brigade, OpenOptions, Project,
    data::{Error, Result, code},
};
use brigade_server::ServerOptions;
use serde_json::json;
use tokio::sync::watch;

use super::json_line;
use crate::{
    failure::{Answer, Failure},
    output,
    place::Place,
};

/// How long stopping may take after a signal; what then still runs is cut off, which the stores survive.
const STOPPING: Duration = Duration::from_millis(9_500);

/// Serves a project.
pub async fn run(place: &Place, listen: &str, json: bool) -> Result<Answer, Failure> {
    // Bound first: an address that is taken is found before anything is opened, created or migrated.
    let listener = match Project::read(&place.project).map_err(Failure::NotOpened)?.config.auth {
        Some(_) => brigade_server::bind_network(listen).await?,
        None => brigade_server::bind(listen).await?,
    };
    let mut signals = Signals::listen()?;
    let options = OpenOptions { project: place.project.clone(), data: place.data.clone(), migrate: true, run: true };
    let brigade = tokio::select! {
        opened = Brigade::open(options) => opened.map_err(Failure::NotOpened)?,
        () = signals.next() => return Ok(Answer::Yes),
    };
    let url = format!("http://{}", reached_at(listener.local_addr()?));
    brigade.announce(&url)?;
    say_ready(&url, json)?;

    let options = ServerOptions::with_token(brigade.admin_token());
    let (told, mut stopping) = watch::channel(false);
    let stop = async move {
        signals.next().await;
        output::note("stopping");
        told.send_replace(true);
    };
    let late = async {
        let _ = stopping.wait_for(|told| *told).await;
        tokio::time::sleep(STOPPING).await;
    };
    let served = async {
        let served = brigade_server::serve(brigade.clone(), listener, options, stop).await;
        brigade.close().await;
        served
    };
    tokio::select! {
        served = served => served?,
        () = late => tracing::warn!("what took too long to end was cut off"),
    }
    Ok(Answer::Yes)
}

/// Where commands on this machine find it: one that listens on every address is found on the loopback one.
fn reached_at(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    address
}

/// The one line that programs wait for, and for people something to try.
fn say_ready(url: &str, json: bool) -> Result<(), Failure> {
    if json {
        return json_line(&json!({"listening": url}));
    }
    output::line(format!("listening on {url}"))?;
    output::note(format!("try: curl -s {url}/status"));
    Ok(())
}

/// SIGTERM and SIGINT.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    /// From here on these signals end nothing by themselves.
    fn listen() -> Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let refused =
                |e: std::io::Error| Error::new(code::CONFIG, format!("signals cannot be listened to: {e}")).source(e);
            let terminate = signal(SignalKind::terminate()).map_err(refused)?;
            let interrupt = signal(SignalKind::interrupt()).map_err(refused)?;
            Ok(Self { terminate, interrupt })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Waits for one.
    async fn next(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_reached_at_the_loopback_one() {
        for (listens, reached) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("192.0.2.1:80", "192.0.2.1:80"),
            ("127.0.0.2:80", "127.0.0.2:80"),
        ] {
            assert_eq!(reached_at(listens.parse().unwrap()).to_string(), reached);
        }
    }
}
