//! GET and HEAD of a table.

use std::sync::Arc;

use axum::{http::Method, response::Response};
use brigade::data::{Result, plan::Read};
use brigade::query::grammar;

use super::{
    Request,
    accept::{self, Accepted},
    answer, fresh,
    prefer::Prefer,
    range,
};
use crate::Server;

pub(super) async fn answer(server: &Arc<Server>, request: &Request) -> Result<Response> {
    let accepted = Accepted::read(&request.headers, server.brigade.config().rest.plan)?;
    accept::check_profile(&request.headers, "accept-profile")?;
    let prefer = Prefer::read(&request.headers, &server.brigade.config().rest)?;
    let mut asked = grammar::parse(&request.query)?;
    if request.method == Method::GET {
        range::apply(&request.headers, &mut asked.node)?;
    }
    let read = Read { from: request.table.clone(), node: asked.node, count: prefer.count };
    let fresh = fresh::asked(server, &request.headers, prefer.wait)?;
    if let Some(how) = accepted.plan() {
        let plan = server.brigade.explain(&request.principal, &read, accepted.form(), how, &fresh).await?;
        return Ok(answer::plan(plan, accepted));
    }
    let found = server.brigade.read_fresh(&request.principal, &read, accepted.form(), &fresh).await?;
    answer::rows(found, &read, accepted, &prefer)
}
