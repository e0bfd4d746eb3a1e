//! Who a request comes from, and under which origin: forwarding headers count only from trusted proxies.

use std::borrow::Cow;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::session::BridgeClaims;
use crate::sign_in::Origin;

/// What a request carries of its way here.
#[derive(Debug, Default)]
pub struct Way<'a> {
    /// The address of the socket.
    pub peer: Option<IpAddr>,
    /// The `Host` header.
    pub host: Option<&'a str>,
    /// `X-Forwarded-For`, all of it.
    pub forwarded_for: Option<Cow<'a, str>>,
    /// `X-Forwarded-Proto`.
    pub forwarded_proto: Option<Cow<'a, str>>,
    /// `X-Forwarded-Host`.
    pub forwarded_host: Option<Cow<'a, str>>,
}

/// The proxies an operator vouches for.
#[derive(Clone, Debug)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// These ranges.
    pub fn new(ranges: Vec<IpNet>) -> Self {
        Self(ranges)
    }

    /// Whether an address is that of a proxy.
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|range| range.contains(&address))
    }

    /// The address of the person's machine: the last one that no trusted proxy has.
    pub fn client_address(&self, way: &Way<'_>) -> Option<IpAddr> {
        let peer = way.peer?.to_canonical();
        let mut address = peer;
        for hop in way.forwarded_for.as_deref().unwrap_or_default().rsplit(',') {
            if !self.trusts(address) {
                break;
            }
            match hop.trim().parse::<IpAddr>() {
                Ok(next) => address = next.to_canonical(),
                Err(_) => break,
            }
        }
        Some(address)
    }

    /// The origin the browser sees.
    pub fn origin(&self, way: &Way<'_>) -> Option<Origin> {
        let is_trusted = way.peer.is_some_and(|peer| self.trusts(peer));
        let forwarded = |value: Option<&str>| {
            value
                .filter(|_| is_trusted)
                .and_then(|value| value.rsplit(',').next())
                .map(|value| value.trim().to_owned())
        };
        let scheme = forwarded(way.forwarded_proto.as_deref())
            .map_or_else(|| "http".to_owned(), |proto| proto.to_ascii_lowercase());
        let host = forwarded(way.forwarded_host.as_deref()).or_else(|| way.host.map(str::to_owned))?;
        Origin::of_request(&scheme, &host)
    }
}

/// The way a forwarded request came to NocoBase, as the bridge tells it.
pub fn way_to_nocobase(claims: &BridgeClaims) -> Way<'_> {
    Way {
        peer: claims.peer.as_deref().and_then(|peer| peer.parse().ok()),
        host: claims.host.as_deref(),
        forwarded_for: claims.forwarded.for_.as_deref().map(Cow::Borrowed),
        forwarded_proto: claims.forwarded.proto.as_deref().map(Cow::Borrowed),
        forwarded_host: claims.forwarded.host.as_deref().map(Cow::Borrowed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies() -> TrustedProxies {
        TrustedProxies::new(vec![
            "127.0.0.0/8".parse().unwrap(),
            "10.0.0.0/8".parse().unwrap(),
        ])
    }

    fn way(peer: &str) -> Way<'static> {
        Way {
            peer: peer.parse().ok(),
            host: Some("nocobase.example"),
            forwarded_for: Some("6.6.6.6, 203.0.113.9, 10.1.1.1".into()),
            forwarded_proto: Some("https".into()),
            forwarded_host: Some("public.example".into()),
        }
    }

    #[test]
    fn the_last_address_that_no_proxy_has_is_the_clients() {
        assert_eq!(
            proxies().client_address(&way("127.0.0.1")),
            "203.0.113.9".parse().ok()
        );
        assert_eq!(
            proxies().client_address(&way("::ffff:127.0.0.1")),
            "203.0.113.9".parse().ok()
        );
    }

    #[test]
    fn forwarding_headers_of_an_untrusted_peer_change_nothing() {
        let way = way("198.51.100.7");

        assert_eq!(proxies().client_address(&way), "198.51.100.7".parse().ok());
        assert_eq!(
            proxies().origin(&way).unwrap().as_text(),
            "http://nocobase.example"
        );
    }

    #[test]
    fn a_trusted_proxy_says_the_origin() {
        assert_eq!(
            proxies().origin(&way("10.2.3.4")).unwrap().as_text(),
            "https://public.example"
        );
    }

    #[test]
    fn nonsense_in_the_chain_ends_it() {
        let mut way = way("127.0.0.1");
        way.forwarded_for = Some("203.0.113.9, <script>".into());

        assert_eq!(proxies().client_address(&way), "127.0.0.1".parse().ok());
    }
}
