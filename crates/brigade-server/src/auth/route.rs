//! What a route asks of who asks.
//!
//! Invariant: a route that is not named here needs the role `service`, so that one added later is closed until somebody
//! says otherwise.

/// What a route asks of who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: whoever watches the process may ask whether it lives, and a session's token is looked at by its own routes.
    Nothing,
    /// A principal, whose rights the handler holds against `[access]`.
    Principal,
    /// The role `service`.
    Service,
}

/// What a route asks, by its template; `unknown` is what no route has the name of.
pub fn needs(route: &str) -> Needs {
    match route {
        "/livez" | "/readyz" | "/docs" | "/sessions/current" | "/sessions/current/touch" => Needs::Nothing,
        "/transactions" | "/cache/{name}/{key}" | "/openapi.json" | "/rest/v1/" | "unknown" => Needs::Principal,
        _ if is_table_api(route) => Needs::Principal,
        _ => Needs::Service,
    }
}

/// Whether a route, by its template, belongs to the table API, whose errors are PostgREST's: `/rest/v1/…`, and the same at `/`.
pub fn is_table_api(route: &str) -> bool {
    let mounted = route.strip_prefix("/rest/v1").unwrap_or(route);
    matches!(mounted, "/{table}" | "/rpc/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_is_closed() {
        for (route, needed) in [
            ("/livez", Needs::Nothing),
            ("/readyz", Needs::Nothing),
            ("/transactions", Needs::Principal),
            ("/rest/v1/{table}", Needs::Principal),
            ("/{table}", Needs::Principal),
            ("/rest/v1/rpc/{name}", Needs::Principal),
            ("/rpc/{name}", Needs::Principal),
            ("/cache/{name}/{key}", Needs::Principal),
            ("/limits/{name}/check", Needs::Service),
            ("/sessions", Needs::Service),
            ("/sessions/current", Needs::Nothing),
            ("/sessions/current/touch", Needs::Nothing),
            ("/changes", Needs::Service),
            ("/status", Needs::Service),
            ("/metrics", Needs::Service),
            ("/projections", Needs::Service),
            ("/projections/{name}/rebuild", Needs::Service),
            ("/admin/sql", Needs::Service),
            ("/admin/keys/{id}", Needs::Service),
            ("/openapi.json", Needs::Principal),
            ("/rest/v1/", Needs::Principal),
            ("/docs", Needs::Nothing),
            ("/whatever/comes", Needs::Service),
        ] {
            assert_eq!(needs(route), needed, "{route}");
        }
    }
}
