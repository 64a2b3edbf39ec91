//! `GET /changes`: the log, resumable from any position, as lines or as server-sent events.

mod ask;
mod render;

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    response::Response,
};
use brigade::{
    data::{Change, Error, Position, Result},
    log,
};

use crate::{
    Server,
    auth::{self, Standing},
    error::Refusal,
    feed::{self, Format, GoesOn, Reader, Source},
    metrics::{Limit, reached},
};
use ask::Ask;
use render::write_change;

/// How long a read waits for the log to have what a receipt of this server named.
const RECEIPT_WAIT: Duration = Duration::from_secs(5);

/// Answers `GET /changes`.
pub async fn get(State(server): State<Arc<Server>>, request: Request) -> Result<Response, Refusal> {
    let ask = Ask::read(request.uri(), request.headers(), &server.brigade.model())?;
    let reader = Reader::take(&server.followers, "brigade_http_followers").ok_or_else(|| {
        reached(Limit::Followers);
        Error::unavailable("too many followers of the log", Duration::from_secs(1))
            .details(format!("FOLLOWERS_MAX is {}", server.limits().followers_max))
            .hint("let one reader serve many, or try again later")
    })?;
    let tip = newest(&server, ask.follow).await?;
    let follower = server.brigade.follow(ask.after, ask.tables, ask.follow).await?;
    let changes = Changes { follower, left: ask.limit.unwrap_or(u64::MAX), format: ask.format };
    let principal = auth::principal(request.extensions());
    let standing = Standing::of(&server, request.headers(), &principal, "/changes");
    let mut response = feed::answer(&server, changes, ask.format, String::new(), tip, reader, standing);
    if ask.follow {
        response.extensions_mut().insert(GoesOn);
    }
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

/// Changes as they come, as many as were asked for.
struct Changes {
    follower: log::Follower,
    /// Changes that may still be answered.
    left: u64,
    format: Format,
}

impl Source for Changes {
    async fn next(&mut self) -> Result<Option<String>> {
        if self.left == 0 {
            return Ok(None);
        }
        Ok(self.follower.next().await?.map(|changes| self.write(&changes)))
    }
}

impl Changes {
    fn write(&mut self, changes: &[Change]) -> String {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(changes.len());
        let changes = &changes[..most];
        self.left -= most as u64;
        let mut out = String::with_capacity(changes.len() * 256);
        for change in changes {
            match self.format {
                Format::Ndjson => {
                    write_change(&mut out, change);
                    out.push('\n');
                }
                Format::Sse => feed::event(&mut out, change.position, "change", |out| write_change(out, change)),
            }
        }
        out
    }
}
