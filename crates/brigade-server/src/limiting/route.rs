//! Which limit a request meets, and who is counted.
//!
//! Invariant: however a path is written, it meets the limit of what it leads to: percent signs are decoded first, and a
//! table is the same at `/rest/v1/TABLE` and at `/TABLE`.

use std::collections::BTreeMap;

use axum::{
    extract::Request,
    http::{Method, StatusCode},
    response::Response,
};
use brigade::{
    Brigade, Limit,
    data::{Credential, Principal, Result},
    limit::{Quota, Verdict, encode},
    schema::{ENDPOINT, Network, RouteLimit},
};

use super::{
    Peer,
    address::identifier,
    headers::{refusal, write},
};
use crate::{auth::is_table_api, error};

/// Where the table API lies, beside `/`.
const TABLES: &str = "/rest/v1";

/// The limits of all routes.
pub struct RouteLimits {
    /// The more exact ones first.
    limits: Vec<(RouteLimit, Limit)>,
    trusted: Vec<Network>,
}

/// A request before its limit.
pub struct Met {
    limit: Limit,
    identifier: String,
    tier: Option<String>,
    variables: BTreeMap<String, String>,
}

/// A request that was admitted: what the headers of its answer tell.
pub struct Passage {
    limit: Limit,
    quota: Quota,
    verdict: Verdict,
}

impl RouteLimits {
    /// As `[server.limits]` says.
    pub fn open(brigade: &Brigade) -> Result<Self> {
        let config = &brigade.config().server;
        let find = |route: &RouteLimit| Ok((route.clone(), brigade.limit(&route.limit)?));
        let mut limits: Vec<(RouteLimit, Limit)> = config.limits.iter().map(find).collect::<Result<_>>()?;
        limits.sort_by_key(|(route, _)| std::cmp::Reverse(rank(route)));
        Ok(Self { limits, trusted: config.trusted_proxies.clone() })
    }

    /// The limit that a request meets, and who is counted there. Nothing is counted yet.
    pub fn meet(&self, route: &str, request: &Request, principal: Option<&Principal>) -> Option<Met> {
        let (pattern, limit) = self.find(route, request.method(), request.uri().path())?;
        let peer = request.extensions().get::<Peer>();
        let by_address = || identifier(peer, request.headers(), &self.trusted);
        let mut variables = BTreeMap::new();
        if limit.config().key.variables().any(|variable| variable == ENDPOINT) {
            variables.insert(ENDPOINT.to_owned(), pattern.pattern.clone());
        }
        Some(Met {
            limit: limit.clone(),
            identifier: principal.and_then(name).unwrap_or_else(by_address),
            tier: principal.and_then(|principal| principal.tier.clone()),
            variables,
        })
    }

    fn find(&self, route: &str, method: &Method, path: &str) -> Option<(&RouteLimit, &Limit)> {
        if self.limits.is_empty() {
            return None;
        }
        let path = decode(path);
        let elsewhere = match path.strip_prefix(TABLES) {
            Some(rest) if is_table_api(route) => Some(rest.to_owned()),
            None if is_table_api(route) => Some(format!("{TABLES}{path}")),
            _ => None,
        };
        let meets = |limit: &RouteLimit, path: &str| {
            if limit.is_prefix { path.starts_with(&limit.path) } else { path == limit.path }
        };
        let found = self.limits.iter().find(|(limit, _)| {
            // HEAD is GET without a body.
            let asked = if method == Method::HEAD { "GET" } else { method.as_str() };
            limit.method.as_deref().is_none_or(|method| method == asked)
                && (meets(limit, &path) || elsewhere.as_ref().is_some_and(|path| meets(limit, path)))
        });
        found.map(|(route, limit)| (route, limit))
    }
}

impl Met {
    /// Counts the request, or answers that it is one too many.
    pub async fn count(self, route: &str) -> Result<Passage, Response> {
        let Self { limit, identifier, tier, variables } = self;
        let checked = async {
            let quota = limit.config().quota_of_principal(tier.as_deref())?;
            Ok((quota, limit.check_with(quota, &identifier, &variables, 1).await?))
        };
        match checked.await {
            Ok((quota, verdict)) if verdict.allowed => Ok(Passage { limit, quota, verdict }),
            Ok((quota, verdict)) => {
                let mut response = error::answer(route, refusal(&limit, quota, &verdict));
                *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
                write(response.headers_mut(), &limit, quota, &verdict);
                Err(response)
            }
            Err(error) => Err(error::answer(route, error)),
        }
    }
}

impl Passage {
    /// Tells what was counted.
    pub fn tell(&self, response: &mut Response) {
        write(response.headers_mut(), &self.limit, self.quota, &self.verdict);
    }
}

/// The longest counts; of two alike the one for this path alone, then the one for one method.
fn rank(route: &RouteLimit) -> (usize, bool, bool) {
    (route.path.len(), !route.is_prefix, route.method.is_some())
}

/// The identifier of a principal that has an id: `user:42`, `apikey:…`, with its tenant before the id where it has one.
fn name(principal: &Principal) -> Option<String> {
    let kind = match principal.credential {
        Credential::Token | Credential::Session => "user",
        Credential::ApiKey => "apikey",
        Credential::None | Credential::Server => return None,
    };
    let id = principal.id.as_ref()?;
    let mut name = format!("{kind}:");
    if let Some(tenant) = &principal.tenant {
        encode(tenant, &mut name);
        name.push(':');
    }
    encode(id, &mut name);
    Some(name)
}

/// The path without percent signs. What is no UTF-8 leads nowhere, whatever it is counted as.
fn decode(path: &str) -> String {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let bytes = path.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(&byte) = bytes.get(at) {
        match (byte, digit(bytes.get(at + 1)), digit(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_have_names_that_programs_know() {
        let principal = |credential, id: Option<&str>, tenant: Option<&str>| Principal {
            credential,
            id: id.map(str::to_owned),
            tenant: tenant.map(str::to_owned),
            ..Principal::default()
        };
        for (credential, id, tenant, expected) in [
            (Credential::Token, Some("42"), None, Some("user:42")),
            (Credential::Token, Some("a@b.example"), None, Some("user:a@b.example")),
            (Credential::Token, Some("a:b"), None, Some("user:a%3Ab")),
            (Credential::Token, Some("b"), Some("a"), Some("user:a:b")),
            (Credential::Session, Some("42"), None, Some("user:42")),
            (Credential::ApiKey, Some("7"), None, Some("apikey:7")),
            (Credential::Token, None, Some("a"), None),
            (Credential::None, None, None, None),
        ] {
            assert_eq!(name(&principal(credential, id, tenant)).as_deref(), expected, "{id:?} {tenant:?}");
        }
    }

    #[test]
    fn paths_are_decoded() {
        for (path, expected) in
            [("/a%62c", "/abc"), ("/%2561", "/%61"), ("/%", "/%"), ("/%4", "/%4"), ("/%zz", "/%zz"), ("/%C3%A9", "/é")]
        {
            assert_eq!(decode(path), expected);
        }
    }
}
