//! `GET /openapi.json` and `GET /docs`: what this server answers, described from the model in force and its routes, for
//! programs and for people. Who asks is shown what is open to it and nothing else.
//!
//! In reading order: `routes.json` holds what does not depend on the model; `tables` describes each relation and `routines`
//! what can be called, with the types of `types`; `page.html` shows the same to people.

mod routines;
mod tables;
mod types;

use std::sync::Arc;

use axum::{
    extract::{Extension, State},
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use brigade::data::Principal;
use serde_json::{Map, Value, json};

use crate::{
    Server,
    auth::{Needs, needs},
    error::typed,
};

/// Paths, parameters and answers that every project has.
const ROUTES: &str = include_str!("routes.json");

const PAGE: &str = include_str!("page.html");

/// The media type that clients of PostgREST ask for.
pub const MEDIA_TYPE: &str = "application/openapi+json";

/// Answers `GET /openapi.json`.
pub async fn get(State(server): State<Arc<Server>>, Extension(principal): Extension<Arc<Principal>>) -> Response {
    answer(&server, &principal, "application/json").await
}

/// Answers `GET /rest/v1/`: where clients of PostgREST look for it.
pub async fn root(State(server): State<Arc<Server>>, Extension(principal): Extension<Arc<Principal>>) -> Response {
    answer(&server, &principal, MEDIA_TYPE).await
}

async fn answer(server: &Server, principal: &Principal, media_type: &'static str) -> Response {
    let mut response = typed(media_type, document(server, principal).await.to_string().into());
    // Another principal may see another one, and a migration changes it.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Answers `GET /docs`: the page alone; it asks for the document itself, with the key that its reader gives it.
pub async fn page() -> Response {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'";
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, policy)];
    (headers, PAGE).into_response()
}

/// The document, as far as it is open to a principal.
async fn document(server: &Server, principal: &Principal) -> Value {
    let config = server.brigade.config();
    let has_auth = config.auth.is_some();
    let mut document: Value = serde_json::from_str(ROUTES).unwrap_or_default();
    document["info"]["title"] = json!(config.name);
    document["info"]["version"] = json!(env!("CARGO_PKG_VERSION"));
    let may_operate = !has_auth || principal.is_service();
    let paths = object(&mut document["paths"]);
    paths.retain(|path, _| may_operate || needs(path) != Needs::Service);
    let (relations, grants) = (server.brigade.relations(), config.access.of(principal));
    let mut schemas = Map::new();
    for relation in relations.names().filter_map(|name| relations.get(name)) {
        tables::describe(relation, relations.model(), grants, paths, &mut schemas);
    }
    for name in server.brigade.routine_names(principal) {
        // What cannot be asked for now is left out; the document is for people and generators, and never fails.
        let found = server.brigade.routines(principal, &name).await.unwrap_or_default();
        if let Some(routine) = found.first() {
            routines::describe(routine, relations.model(), paths);
        }
    }
    object(&mut document["components"]["schemas"]).extend(schemas);
    if has_auth {
        document["security"] = json!([{"bearer": []}, {"apikey": []}]);
    } else if let Some(components) = document["components"].as_object_mut() {
        components.remove("securitySchemes");
    }
    document
}

/// An object of the document, made where there is none.
fn object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("an object now")
}
