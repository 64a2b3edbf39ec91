//! A table read that goes on: all its rows, then each that enters, changes in or leaves what its filters hold, as
//! server-sent events.

use std::{sync::Arc, time::Duration};

use axum::{http::HeaderMap, response::Response};
use brigade::query::grammar;
use brigade::{
    data::{Error, Result, code, plan::Read},
    live::{Event, Live, Mark, Told},
};

use super::{Request, accept, fresh, prefer::Prefer};
use crate::{
    Server,
    auth::Standing,
    feed::{self, Format, GoesOn, Reader, Source},
    metrics::{Limit, reached},
};

/// Whether a read is to go on.
pub(super) fn is_asked(headers: &HeaderMap) -> bool {
    let lines = headers.get_all("accept").into_iter().filter_map(|value| value.to_str().ok());
    let first = lines.flat_map(|line| line.split(',')).next().unwrap_or_default();
    first.split(';').next().is_some_and(|range| range.trim().eq_ignore_ascii_case("text/event-stream"))
}

pub(super) async fn answer(server: &Arc<Server>, request: &Request) -> Result<Response> {
    accept::check_profile(&request.headers, "accept-profile")?;
    let prefer = Prefer::read(&request.headers, &server.brigade.config().rest)?;
    let asked = grammar::parse(&request.query)?;
    let read = Read { from: request.table.clone(), node: asked.node, count: prefer.count };
    let after = last_event(&request.headers)?;
    let reader = Reader::take(&server.live, "brigade_http_live_reads").ok_or_else(|| {
        reached(Limit::Live);
        Error::unavailable("too many live reads", Duration::from_secs(1))
            .details(format!("LIVE_MAX is {}", server.limits().live_max))
            .hint("let one reader serve many, or try again later")
    })?;
    let fresh = fresh::asked(server, &request.headers, prefer.wait)?;
    let position = server.brigade.wait_for_all(&fresh).await?;
    let is_resumed = after.is_some();
    let mut live = server.brigade.live_as(&request.principal, &read, after).await?;
    // What is wrong with the rows is answered with a status; who goes on may have nothing to hear for long.
    let first = if is_resumed { String::new() } else { framed(live.next().await?) };
    server.brigade.answered(position).await?;
    let standing = Standing::of(server, &request.headers, &request.principal, "/rest/v1/{table}");
    let mut response = feed::answer(server, Rows(live), Format::Sse, first, position, reader, standing);
    response.extensions_mut().insert(GoesOn);
    Ok(response)
}

/// Where a browser that lost its connection goes on.
fn last_event(headers: &HeaderMap) -> Result<Option<Mark>> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let text = value.to_str().unwrap_or("?").trim();
    if text.is_empty() {
        return Ok(None);
    }
    let mark = text.parse().map_err(|_| {
        Error::new(code::MALFORMED, "Last-Event-ID holds no place of a live read")
            .details(format!("Last-Event-ID: {text}"))
            .hint("send the id of the last event that came, or leave the header out for all rows")
    })?;
    Ok(Some(mark))
}

struct Rows(Live);

impl Source for Rows {
    async fn next(&mut self) -> Result<Option<String>> {
        self.0.next().await.map(|told| Some(framed(told)))
    }
}

fn framed(Told { mark, event }: Told) -> String {
    let mut out = String::new();
    match event {
        Event::Rows(rows) => {
            feed::event(&mut out, mark, "snapshot", |out| out.push_str(&String::from_utf8_lossy(&rows)));
        }
        Event::Row(happened, row) => feed::event(&mut out, mark, happened.as_str(), |out| out.push_str(&row)),
    }
    out
}
