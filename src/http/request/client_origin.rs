//! Who a request comes from, and under which origin: forwarding headers count only from trusted proxies.

use std::borrow::Cow;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::http::request::forwarded;
use crate::origin::Origin;
use crate::session::BridgeClaims;

const FORWARDED_PROTO: &str = "X-Forwarded-Proto";

/// What a request carries of its way here.
#[derive(Debug, Default)]
pub struct Forwarding<'a> {
    /// The address of the socket.
    pub peer: Option<IpAddr>,
    /// The `Host` header.
    pub host: Option<Cow<'a, str>>,
    /// `X-Forwarded-For`, all of it.
    pub forwarded_for: Option<Cow<'a, str>>,
    /// `X-Forwarded-Proto`.
    pub forwarded_proto: Option<Cow<'a, str>>,
    /// `X-Forwarded-Host`.
    pub forwarded_host: Option<Cow<'a, str>>,
    /// `Forwarded` of RFC 7239.
    pub forwarded: Option<Cow<'a, str>>,
}

impl Forwarding<'_> {
    /// `Forwarded`, where it comes alone: a proxy that writes the older headers passes this one on as the client sent it.
    fn standard(&self) -> Option<&str> {
        let older = [&self.forwarded_for, &self.forwarded_proto, &self.forwarded_host];
        let is_alone = older.iter().all(|header| header.is_none());
        self.forwarded.as_deref().filter(|_| is_alone)
    }

    /// The addresses that the proxies saw, the nearest last.
    fn chain(&self) -> Vec<&str> {
        match self.standard() {
            Some(header) => forwarded::parameter(header, "for").collect(),
            None => self
                .forwarded_for
                .as_deref()
                .unwrap_or_default()
                .split(',')
                .collect(),
        }
    }
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
    pub fn client_address(&self, way: &Forwarding<'_>) -> Option<IpAddr> {
        let peer = way.peer?.to_canonical();
        let mut address = peer;
        for hop in way.chain().into_iter().rev() {
            if !self.trusts(address) {
                break;
            }
            // A trailing comma.
            if hop.trim().is_empty() {
                continue;
            }
            match forwarded::address(hop) {
                Some(next) => address = next.to_canonical(),
                None => break,
            }
        }
        Some(address)
    }

    /// The origin the browser sees; else the name of the header that says none.
    pub fn origin(&self, way: &Forwarding<'_>) -> Result<Origin, &'static str> {
        let is_trusted = way.peer.is_some_and(|peer| self.trusts(peer));
        let host_here = || (way.host.as_deref().unwrap_or_default(), "Host");
        let (scheme, (host, host_header)) = if !is_trusted {
            (Ok(None), host_here())
        } else if let Some(header) = way.standard() {
            let host = forwarded::parameter(header, "host").last();
            let scheme = forwarded::scheme(forwarded::parameter(header, "proto"));
            (
                scheme.map_err(|()| "Forwarded"),
                host.map_or_else(host_here, |host| (host, "Forwarded")),
            )
        } else {
            let schemes = way.forwarded_proto.as_deref().unwrap_or_default().split(',');
            let host = way.forwarded_host.as_deref();
            let host = host.and_then(|hosts| {
                hosts
                    .rsplit(',')
                    .map(forwarded::unquoted)
                    .find(|host| !host.is_empty())
            });
            (
                forwarded::scheme(schemes).map_err(|()| FORWARDED_PROTO),
                host.map_or_else(host_here, |host| (host, "X-Forwarded-Host")),
            )
        };
        Origin::of_request(scheme?.unwrap_or("http"), host).ok_or(host_header)
    }
}

/// The way a forwarded request came to NocoBase, as the bridge tells it.
pub fn way_to_nocobase(claims: &BridgeClaims) -> Forwarding<'_> {
    let headers = &claims.forwarded;
    Forwarding {
        peer: claims.peer.as_deref().and_then(forwarded::address),
        host: claims.host.as_deref().map(Cow::Borrowed),
        forwarded_for: headers.for_.as_deref().map(Cow::Borrowed),
        forwarded_proto: headers.proto.as_deref().map(Cow::Borrowed),
        forwarded_host: headers.host.as_deref().map(Cow::Borrowed),
        forwarded: headers.standard.as_deref().map(Cow::Borrowed),
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

    fn way(peer: &str) -> Forwarding<'static> {
        Forwarding {
            peer: peer.parse().ok(),
            host: Some("nocobase.example".into()),
            forwarded_for: Some("6.6.6.6, 203.0.113.9, 10.1.1.1".into()),
            forwarded_proto: Some("https".into()),
            forwarded_host: Some("public.example".into()),
            forwarded: None,
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

    /// One case of the corpus.
    #[derive(serde::Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Case {
        what: String,
        #[serde(rename = "for")]
        for_: Option<String>,
        proto: Option<String>,
        host: Option<String>,
        forwarded: Option<String>,
        address: String,
        origin: Option<String>,
        header: Option<String>,
    }

    impl Default for Case {
        fn default() -> Self {
            Self {
                what: String::new(),
                for_: None,
                proto: None,
                host: None,
                forwarded: None,
                address: "127.0.0.1".to_owned(),
                origin: None,
                header: None,
            }
        }
    }

    #[test]
    fn no_spelling_of_a_forwarding_header_makes_everyone_one_address_or_is_taken_for_another_origin() {
        let cases = include_str!("../../../tests/corpus/forwarded_headers.json");
        let cases: Vec<Case> = serde_json::from_str(cases).unwrap();
        assert!(cases.len() > 30);
        for case in cases {
            let header = |text: &Option<String>| text.clone().map(Cow::Owned);
            let way = Forwarding {
                peer: "127.0.0.1".parse().ok(),
                host: Some("nocobase.example".into()),
                forwarded_for: header(&case.for_),
                forwarded_proto: header(&case.proto),
                forwarded_host: header(&case.host),
                forwarded: header(&case.forwarded),
            };

            let address = proxies().client_address(&way).unwrap().to_string();
            assert_eq!(address, case.address, "{}", case.what);
            let origin = proxies().origin(&way);
            let said = origin
                .as_ref()
                .map_or_else(|header| *header, |origin| origin.as_text());
            let expected = case.header.as_deref().or(case.origin.as_deref());
            assert_eq!(
                said,
                expected.unwrap_or("http://nocobase.example"),
                "{}",
                case.what
            );
        }
    }
}
