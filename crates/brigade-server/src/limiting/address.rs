//! Where a request came from: the socket says, or a proxy that is trusted to.
//!
//! Invariant: nobody chooses the address that he is counted under. What a stranger says of it is not read, and who has a
//! whole network of IPv6 addresses is one.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::{Extensions, HeaderMap, HeaderName};
use brigade::{
    data::{Error, Result, code},
    schema::Network,
};

use crate::Server;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Bits of an IPv6 address that a provider gives to one customer; the rest is the customer's own to choose.
const IPV6_BITS: u32 = 64;

/// The other end of a request's socket.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

impl Peer {
    /// Whether it is this machine.
    pub fn is_loopback(&self) -> bool {
        plain(self.0.ip()).is_loopback()
    }
}

/// Without authentication the loopback address is the only wall, also for who serves these routes by himself.
///
/// # Errors
/// BRG403 for a request from elsewhere, or from nobody knows where; `what` is done from this machine alone.
pub fn require_local(server: &Server, extensions: &Extensions, what: &str) -> Result<()> {
    let is_here = extensions.get::<Peer>().is_some_and(Peer::is_loopback);
    if server.authenticator.is_none() && !is_here {
        return Err(Error::new(code::FORBIDDEN, format!("without [auth] {what} from this machine alone"))
            .hint("say in [auth] of brigade.toml whose word is believed"));
    }
    Ok(())
}

/// The identifier of who sent a request from a peer: `ip:192.0.2.1`, `ip:2001:db8:1:2::/64`.
pub fn identifier(peer: Option<&Peer>, headers: &HeaderMap, trusted: &[Network]) -> String {
    let Some(peer) = peer else { return "ip:unknown".to_owned() };
    match origin(plain(peer.0.ip()), headers, trusted) {
        IpAddr::V4(v4) => format!("ip:{v4}"),
        IpAddr::V6(v6) => {
            let network = Ipv6Addr::from_bits(v6.to_bits() >> (128 - IPV6_BITS) << (128 - IPV6_BITS));
            format!("ip:{network}/{IPV6_BITS}")
        }
    }
}

/// The first address, from the last hop on, that is none of a trusted proxy. What stands before it anybody may have written.
fn origin(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut origin = peer;
    let lines = headers.get_all(FORWARDED_FOR).iter().filter_map(|line| line.to_str().ok());
    let hops: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    for hop in hops.into_iter().rev() {
        if !is_trusted(origin) {
            break;
        }
        let Some(address) = parse(hop) else { break };
        origin = plain(address);
    }
    origin
}

/// An address, also with a port.
fn parse(hop: &str) -> Option<IpAddr> {
    hop.parse().or_else(|_| hop.parse::<SocketAddr>().map(|socket| socket.ip())).ok()
}

/// An IPv4 address also where it came as one of IPv6.
fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_address_is_the_sockets_unless_a_trusted_proxy_says_otherwise() {
        let network = |address: &str, bits| Network { address: address.parse().unwrap(), bits };
        let trusted = [network("127.0.0.1", 32), network("10.0.0.0", 8), network("fd00::", 8)];
        for (peer, forwarded, expected) in [
            ("192.0.2.1:5", &[][..], "ip:192.0.2.1"),
            ("192.0.2.1:5", &["203.0.113.9"], "ip:192.0.2.1"),
            ("[::ffff:192.0.2.1]:5", &[], "ip:192.0.2.1"),
            ("127.0.0.1:5", &["203.0.113.9"], "ip:203.0.113.9"),
            ("127.0.0.1:5", &["6.6.6.6, 203.0.113.9"], "ip:203.0.113.9"),
            ("127.0.0.1:5", &["6.6.6.6, 203.0.113.9, 10.1.2.3"], "ip:203.0.113.9"),
            ("127.0.0.1:5", &["6.6.6.6", "203.0.113.9", "10.1.2.3"], "ip:203.0.113.9"),
            ("127.0.0.1:5", &["203.0.113.9:443"], "ip:203.0.113.9"),
            ("127.0.0.1:5", &["10.0.0.1, 10.0.0.2"], "ip:10.0.0.1"),
            ("127.0.0.1:5", &["203.0.113.9, unknown"], "ip:127.0.0.1"),
            ("127.0.0.1:5", &[], "ip:127.0.0.1"),
            ("[fd00::1]:5", &["2001:db8:1:2:3:4:5:6"], "ip:2001:db8:1:2::/64"),
            ("[2001:db8:1:2:ffff::1]:5", &[], "ip:2001:db8:1:2::/64"),
            ("[2001:db8:1:3::1]:5", &[], "ip:2001:db8:1:3::/64"),
        ] {
            let mut headers = HeaderMap::new();
            for line in forwarded {
                headers.append(FORWARDED_FOR, HeaderValue::from_str(line).unwrap());
            }
            let peer = Peer(peer.parse().unwrap());
            assert_eq!(identifier(Some(&peer), &headers, &trusted), expected, "{peer:?} {forwarded:?}");
        }
        assert_eq!(identifier(None, &HeaderMap::new(), &trusted), "ip:unknown");
    }
}
