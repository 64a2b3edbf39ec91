//! Tables and views over HTTP, with PostgREST's conventions: existing clients work unchanged.
//!
//! This folder only parses and renders. In reading order: [`brigade::query::grammar`] turns a query string into a read,
//! [`prefer`] and [`accept`] its headers into wishes, [`get`] asks, `live` goes on asking; [`write`] makes a transaction of
//! the rows that `given` read; [`answer`] writes what came back and `refusal` what did not.

mod accept;
mod again;
mod answer;
pub mod fresh;
mod get;
mod given;
mod live;
mod prefer;
mod put;
mod range;
mod refusal;
mod rpc;
mod write;

use std::sync::Arc;

use axum::{
    Extension, Router,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
    routing::any,
};
use brigade::data::{Error, Principal};

use crate::Server;
pub use refusal::Refused;

/// The routes of tables and routines, under `/rest/v1/` and, where no other route has the name, under `/`.
pub fn routes(routes: Router<Arc<Server>>) -> Router<Arc<Server>> {
    routes
        .route("/rest/v1/{table}", any(table))
        .route("/{table}", any(table))
        .route("/rest/v1/rpc/{name}", any(routine))
        .route("/rpc/{name}", any(routine))
}

/// A request for one table, or for one routine.
struct Request {
    table: String,
    method: Method,
    query: String,
    headers: HeaderMap,
    principal: Arc<Principal>,
}

async fn table(
    State(server): State<Arc<Server>>,
    Path(table): Path<String>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    Extension(principal): Extension<Arc<Principal>>,
    body: Body,
) -> Result<Response, Refused> {
    let query = uri.query().unwrap_or_default().to_owned();
    let request = Request { table, query, method, headers, principal };
    match request.method {
        Method::GET if live::is_asked(&request.headers) => Ok(live::answer(&server, &request).await?),
        Method::GET | Method::HEAD => Ok(get::answer(&server, &request).await?),
        Method::OPTIONS => {
            Ok((StatusCode::OK, [(header::ALLOW, "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE")]).into_response())
        }
        Method::POST | Method::PATCH | Method::PUT | Method::DELETE => {
            Ok(write::answer(&server, &request, body).await?)
        }
        _ => Err(Error::new("PGRST117", format!("Unsupported HTTP method: {}", request.method)).into()),
    }
}

async fn routine(
    State(server): State<Arc<Server>>,
    Path(table): Path<String>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    Extension(principal): Extension<Arc<Principal>>,
    body: Body,
) -> Result<Response, Refused> {
    let query = uri.query().unwrap_or_default().to_owned();
    let request = Request { table, query, method, headers, principal };
    Ok(rpc::answer(&server, &request, body).await?)
}
