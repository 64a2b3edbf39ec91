//! `[server.limits]` and `[server] trusted_proxies`: which limit a request meets, and whose word says where it came from.

// The part of the standard library that has addresses and no sockets.
use core::net::IpAddr;

use crate::{data::Result, limit::VARIABLES, schema::place::did_you_mean};

use super::{
    Config,
    document::{Section, Source},
};

/// What a request's limit may know besides who asks: the pattern that it met.
pub const ENDPOINT: &str = "endpoint";

/// A limit for requests: `"[METHOD ]/path*" = "name"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteLimit {
    /// As it stands in brigade.toml.
    pub pattern: String,
    /// For one method alone.
    pub method: Option<String>,
    /// The path, or what it begins with.
    pub path: String,
    /// Whether longer paths are meant too.
    pub is_prefix: bool,
    /// The limit's name.
    pub limit: String,
}

/// Addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// One of them.
    pub address: IpAddr,
    /// How many bits.
    pub bits: u8,
}

impl Network {
    /// Whether an address is among them.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(other)) => {
                (ours.to_bits() ^ other.to_bits()).checked_shr(32 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            (IpAddr::V6(ours), IpAddr::V6(other)) => {
                (ours.to_bits() ^ other.to_bits()).checked_shr(128 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(most), |bits| bits.parse().ok().filter(|&bits| bits <= most))?;
        Some(Self { address, bits })
    }
}

/// Reads them; `[limits]` is read before.
pub(super) fn routes(section: &Section<'_>, source: &Source<'_>, config: &mut Config) -> Result<()> {
    for text in section.list("trusted_proxies")?.unwrap_or_default() {
        let network = Network::parse(&text).ok_or_else(|| {
            let message = format!("trusted_proxies: \"{text}\" is no address");
            source.error(section.key_at("trusted_proxies"), message).hint("as \"127.0.0.1\" or \"10.0.0.0/8\"")
        })?;
        config.server.trusted_proxies.push(network);
    }
    let table = section.section("limits")?;
    for (pattern, at) in table.keys() {
        let (method, path) =
            pattern.split_once(' ').map_or((None, pattern), |(method, path)| (Some(method), path.trim()));
        let (path, is_prefix) = path.strip_suffix('*').map_or((path, false), |path| (path, true));
        let is_method = |method: &str| !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase());
        if !path.starts_with('/') || path.contains(['*', ' ', '?', '#']) || !method.is_none_or(is_method) {
            let message = format!("[server.limits]: \"{pattern}\" is no route");
            return Err(source.error(at, message).hint("as \"/rest/v1/*\" or \"POST /transactions\""));
        }
        let Some(name) = table.value(pattern)? else { continue };
        let Some(limit) = config.limits.get(&name.text) else {
            let hint = did_you_mean(&name.text, config.limits.keys().map(String::as_str));
            return Err(name.error(format_args!("there is no limit \"{}\"", name.text)).hint(hint));
        };
        if let Some(strange) = limit.key.variables().find(|v| *v != ENDPOINT && !VARIABLES.contains(v)) {
            let message = format!("the key of [limits.{}] has {{{strange}}}, which a request does not know", name.text);
            return Err(name.error(message).hint("use {identifier}, {user_id}, {endpoint} and {window_bucket} in it"));
        }
        if limit.quota(None).is_err() {
            let message = format!("[limits.{}] has no quota for who has no tier", name.text);
            return Err(name.error(message).hint("set its default_tier"));
        }
        config.server.limits.push(RouteLimit {
            pattern: pattern.to_string(),
            method: method.map(str::to_owned),
            path: path.to_string(),
            is_prefix,
            limit: name.text,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config> {
        let limits = "[limits.api]\nwindow = \"1h\"\nquota = 9\n[limits.own]\nwindow = \"1h\"\nquota = 9\nkey = \"o:{what}\"\n\
                      [limits.tiers]\nwindow = \"1h\"\nquota = { free = 1 }\n";
        Config::parse(&format!("{limits}{text}"), "p", &|_| None)
    }

    #[test]
    fn routes_and_proxies_are_read() {
        let text = "[server]\ntrusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\", \"2001:db8::/32\"]\n\
                    [server.limits]\n\"/rest/v1/*\" = \"api\"\n\"POST /transactions\" = \"api\"";
        let server = parse(text).unwrap().server;
        let route = |pattern: &str, method: Option<&str>, path: &str, is_prefix| RouteLimit {
            pattern: pattern.to_owned(),
            method: method.map(str::to_owned),
            path: path.to_owned(),
            is_prefix,
            limit: "api".to_owned(),
        };
        assert_eq!(
            server.limits,
            [
                route("/rest/v1/*", None, "/rest/v1/", true),
                route("POST /transactions", Some("POST"), "/transactions", false)
            ]
        );
        let trusted = |address: &str| server.trusted_proxies.iter().any(|n| n.contains(address.parse().unwrap()));
        for (address, expected) in [
            ("127.0.0.1", true),
            ("127.0.0.2", false),
            ("10.255.0.1", true),
            ("11.0.0.1", false),
            ("2001:db8:1::5", true),
            ("2001:db9::1", false),
            ("::1", false),
        ] {
            assert_eq!(trusted(address), expected, "{address}");
        }
        assert!(Network::parse("0.0.0.0/0").unwrap().contains("8.8.8.8".parse().unwrap()));
        assert!(Network::parse("::/0").unwrap().contains("2001:db9::1".parse().unwrap()));
    }

    #[test]
    fn mistakes_have_their_place_and_their_mend() {
        for (text, message, hint) in [
            (
                "[server.limits]\n\"/x\" = \"apo\"",
                "12:8: server.limits./x: there is no limit \"apo\"",
                "did you mean \"api\"?",
            ),
            ("[server.limits]\n\"x\" = \"api\"", "12:1: [server.limits]: \"x\" is no route", "/rest/v1/*"),
            ("[server.limits]\n\"/a*b\" = \"api\"", "12:1: [server.limits]: \"/a*b\" is no route", "/rest/v1/*"),
            ("[server.limits]\n\"get /a\" = \"api\"", "12:1: [server.limits]: \"get /a\" is no route", "POST"),
            (
                "[server.limits]\n\"/x\" = \"own\"",
                "12:8: server.limits./x: the key of [limits.own] has {what}",
                "{endpoint}",
            ),
            (
                "[server.limits]\n\"/x\" = \"tiers\"",
                "12:8: server.limits./x: [limits.tiers] has no quota",
                "default_tier",
            ),
            ("[server]\ntrusted_proxies = [\"proxy\"]", "12:1: trusted_proxies: \"proxy\" is no address", "10.0.0.0/8"),
            ("[server]\ntrusted_proxies = [\"10.0.0.0/33\"]", "12:1: trusted_proxies: \"10.0.0.0/33\"", "10.0.0.0/8"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.message().starts_with(&format!("brigade.toml:{message}")), "{text}: {error}");
            assert!(error.get_hint().is_some_and(|h| h.contains(hint)), "{text}: {error:?}");
        }
    }
}
