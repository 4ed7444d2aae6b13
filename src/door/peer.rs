//! Determines the client's address.
//!
//! It is the address at the other end of the connection, unless that is a trusted proxy. Then it is the address that
//! the proxy has written into its header: the last one, since proxies append theirs and the sender may forge everything
//! before. If that is a trusted proxy, too, the address before it counts, and so on. An unreadable element ends the
//! search: the last readable address is the client's.
//!
//! In `Forwarded`, elements are split at every comma and their parameters at every semicolon, even within quotes, and
//! an element counts only if all of it is well-formed. So an unclosed quote of the sender cannot swallow what the proxy
//! appended, and a comma that the proxy quoted cannot begin an element forged by the sender.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use actix_web::http::header::{FORWARDED, HeaderMap, HeaderName, X_FORWARDED_FOR};

use crate::base::networks::contain;
use crate::config::{Proxies, ProxyHeader};

/// The trusted proxies; cheap to clone.
#[derive(Clone, Debug)]
pub struct TrustedProxies(Arc<Proxies>);

impl TrustedProxies {
    pub fn new(proxies: Proxies) -> TrustedProxies {
        TrustedProxies(Arc::new(proxies))
    }

    /// The client's address for a request over a connection from `connected`.
    pub fn peer(&self, connected: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut peer = connected.to_canonical();
        if !contain(&self.0.trusted_proxies, peer) {
            return peer;
        }
        let (name, read): (HeaderName, fn(&str) -> Option<IpAddr>) = match self.0.proxy_header {
            ProxyHeader::XForwardedFor => (X_FORWARDED_FOR, address),
            ProxyHeader::Forwarded => (FORWARDED, forwarded_for),
        };
        let lines: Vec<&[u8]> = headers.get_all(name).map(|line| line.as_bytes()).collect();
        for element in lines.iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b',')) {
            let Some(address) = str::from_utf8(element).ok().and_then(|element| read(element.trim())) else { break };
            peer = address.to_canonical();
            if !contain(&self.0.trusted_proxies, peer) {
                break;
            }
        }
        peer
    }
}

/// An address, which may have a port: `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711`.
fn address(text: &str) -> Option<IpAddr> {
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    text.parse().ok().or_else(with_port).or_else(bracketed)
}

/// The address of an element such as `for="[2001:db8::1]:4711";proto=https`. Obfuscated names (`unknown`, `_abc`) have
/// none.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut found = None;
    for parameter in element.split(';') {
        let (name, value) = parameter.split_once('=')?;
        let value = unquoted(value.trim())?;
        if name.trim().eq_ignore_ascii_case("for") && found.replace(address(value)?).is_some() {
            return None;
        }
    }
    found
}

/// A value without its quotes; `None` if they do not match. Addresses contain no escapes.
fn unquoted(value: &str) -> Option<&str> {
    let inner = match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None => value,
    };
    (!inner.contains(['"', '\\'])).then_some(inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;
    use proptest::prelude::*;

    const PROXY: &str = "10.0.0.1";
    /// The address that an honest proxy appends.
    const SENDER: &str = "203.0.113.7";

    fn trusting(header: ProxyHeader) -> TrustedProxies {
        let trusted_proxies = vec!["10.0.0.0/8".parse().unwrap(), "2001:db8:ffff::/48".parse().unwrap()];
        TrustedProxies::new(Proxies { trusted_proxies, proxy_header: header })
    }

    fn peer_of(header: ProxyHeader, connected: &str, lines: &[(HeaderName, &str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) else { continue };
            headers.append(name.clone(), value);
        }
        trusting(header).peer(connected.parse().unwrap(), &headers).to_string()
    }

    fn x_forwarded_for(connected: &str, lines: &[&str]) -> String {
        let lines: Vec<_> = lines.iter().map(|line| (X_FORWARDED_FOR, *line)).collect();
        peer_of(ProxyHeader::XForwardedFor, connected, &lines)
    }

    fn forwarded(lines: &[&str]) -> String {
        let lines: Vec<_> = lines.iter().map(|line| (FORWARDED, *line)).collect();
        peer_of(ProxyHeader::Forwarded, PROXY, &lines)
    }

    #[test]
    fn the_last_address_that_is_not_a_proxy_counts() {
        assert_eq!(x_forwarded_for(PROXY, &[]), PROXY);
        assert_eq!(x_forwarded_for(PROXY, &[SENDER]), SENDER);
        assert_eq!(x_forwarded_for("::ffff:10.0.0.1", &[SENDER]), SENDER);
        assert_eq!(x_forwarded_for(PROXY, &["198.51.100.1, 203.0.113.7"]), SENDER);
        assert_eq!(x_forwarded_for(PROXY, &["198.51.100.1, 203.0.113.7 , 10.2.2.2"]), SENDER);
        assert_eq!(x_forwarded_for(PROXY, &["198.51.100.1", "203.0.113.7", "10.2.2.2,10.3.3.3"]), SENDER);
        assert_eq!(x_forwarded_for(PROXY, &["10.4.4.4, 10.2.2.2"]), "10.4.4.4");
        assert_eq!(x_forwarded_for(PROXY, &["203.0.113.7:4711"]), SENDER);
        assert_eq!(x_forwarded_for(PROXY, &["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(x_forwarded_for(PROXY, &["[2001:db8::1]"]), "2001:db8::1");
        assert_eq!(x_forwarded_for(PROXY, &["::ffff:203.0.113.7, 2001:db8:ffff::5"]), SENDER);
    }

    #[test]
    fn only_trusted_proxies_and_the_configured_header_are_used() {
        assert_eq!(x_forwarded_for("198.51.100.9", &["1.2.3.4"]), "198.51.100.9");
        let both = [(FORWARDED, "for=1.2.3.4"), (X_FORWARDED_FOR, SENDER)];
        assert_eq!(peer_of(ProxyHeader::XForwardedFor, PROXY, &both), SENDER);
        assert_eq!(peer_of(ProxyHeader::Forwarded, PROXY, &both), "1.2.3.4");
    }

    #[test]
    fn an_unreadable_element_ends_the_search() {
        assert_eq!(x_forwarded_for(PROXY, &["1.2.3.4, nonsense, 10.2.2.2"]), "10.2.2.2");
        for nonsense in ["", "unknown", "1.2.3.4.5", "1.2.3.4, ", "1.2.3.4;5", "[1.2.3.4]", "fe80::1%eth0", "1.2.3.4:x"]
        {
            assert_eq!(x_forwarded_for(PROXY, &[nonsense]), PROXY, "{nonsense:?}");
        }
    }

    #[test]
    fn elements_of_forwarded_are_read() {
        assert_eq!(forwarded(&["for=203.0.113.7"]), SENDER);
        assert_eq!(forwarded(&["for=1.2.3.4, FOR=203.0.113.7;proto=https;by=10.0.0.1"]), SENDER);
        assert_eq!(forwarded(&["proto=https; for=\"203.0.113.7:4711\""]), SENDER);
        assert_eq!(forwarded(&["for=\"[2001:db8:cafe::17]:4711\", for=10.2.2.2"]), "2001:db8:cafe::17");
        for nonsense in
            ["for=unknown", "for=_hidden", "for=", "proto=https", "for=1.2.3.4;for=1.2.3.5", "for=\"1.2.3.4", "x"]
        {
            assert_eq!(forwarded(&[nonsense]), PROXY, "{nonsense:?}");
        }
    }

    #[test]
    fn quotes_neither_hide_nor_forge_elements() {
        // The sender left a quote open, which would swallow what the proxy appends.
        assert_eq!(forwarded(&["for=\"1.2.3.4, for=203.0.113.7"]), SENDER);
        // The proxy quotes a host name forged by the sender.
        for host in ["x,for=1.2.3.4", "x,for=1.2.3.4;y=z", "x,for=1.2.3.4;y=\\\"z", "x,for=\\\"1.2.3.4\\\""] {
            assert_ne!(forwarded(&[&format!("for=203.0.113.7;host=\"{host}\"")]), "1.2.3.4", "{host}");
        }
    }

    proptest! {
        #[test]
        fn elements_before_the_proxys_change_nothing(sent in ".{0,40}", forged in "[0-9a-f:.,;=\" for]{0,40}") {
            for before in [sent, forged] {
                prop_assert_eq!(x_forwarded_for(PROXY, &[&before, SENDER]), SENDER);
                let one_line = format!("{before}, {SENDER}");
                let is_sent = HeaderValue::from_bytes(one_line.as_bytes()).is_ok();
                prop_assert_eq!(x_forwarded_for(PROXY, &[&one_line]), if is_sent { SENDER } else { PROXY });
                prop_assert_eq!(forwarded(&[&before, "for=203.0.113.7;proto=https"]), SENDER);
            }
        }

        #[test]
        fn without_a_trusted_proxy_headers_change_nothing(sent in ".{0,40}", connected in any::<std::net::Ipv4Addr>()) {
            prop_assume!(connected.octets()[0] != 10);
            prop_assert_eq!(x_forwarded_for(&connected.to_string(), &[&sent]), connected.to_string());
        }

        #[test]
        fn any_chain_of_proxies_leads_to_the_sender(sender in any::<IpAddr>(), proxies in prop::collection::vec(any::<[u8; 3]>(), 0..10)) {
            let sender = sender.to_canonical();
            prop_assume!(!contain(&trusting(ProxyHeader::Forwarded).0.trusted_proxies, sender));
            let quoted = match sender {
                IpAddr::V4(sender) => format!("for={sender}"),
                IpAddr::V6(sender) => format!("for=\"[{sender}]\""),
            };
            let (mut plain, mut elements) = (vec![sender.to_string()], vec![quoted]);
            for [a, b, c] in proxies {
                plain.push(format!("10.{a}.{b}.{c}"));
                elements.push(format!("for=10.{a}.{b}.{c}"));
            }
            prop_assert_eq!(x_forwarded_for(PROXY, &[&plain.join(", ")]), sender.to_string());
            prop_assert_eq!(forwarded(&[&elements.join(",")]), sender.to_string());
        }
    }
}
