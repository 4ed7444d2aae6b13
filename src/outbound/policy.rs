//! Which addresses may be called.
//!
//! Public addresses may be called, all others not: a table lists the ranges that are not public, each with the name of
//! the rule that is shown to the user. The operator adds exceptions by address, by range or by host name. An address is
//! checked in its canonical form, so an IPv4 address mapped to IPv6 such as `::ffff:10.0.0.1` is treated as IPv4.
//!
//! The metadata addresses, where clouds serve credentials to their machines, are handled separately: an allowed range
//! or host pattern does not open them, only an entry for the exact address does. Nothing opens the address that
//! hookflow itself listens on.
//!
//! The translation prefixes NAT64, 6to4, Teredo and ISATAP are refused as a whole. A network that reaches IPv4 only
//! through NAT64 must allow `64:ff9b::/96`; the embedded IPv4 address is then checked as if it were called directly.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use url::Host;

/// Which addresses may be called: all public ones, plus those the operator allows.
#[derive(Clone, Debug)]
pub struct AddressPolicy {
    networks: Vec<IpNet>,
    hosts: Vec<HostPattern>,
    own: Option<SocketAddr>,
}

/// An invalid entry in the allow list.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not an IP address, a range such as 10.0.0.0/8, a host name or a pattern such as *.example.com")]
pub struct PolicyError(pub String);

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostPattern {
    Exact(String),
    /// Every name with this suffix, which starts with a dot.
    Below(String),
}

/// The rule that refuses the addresses of cloud metadata services.
const CLOUD_METADATA: &str = "cloud-metadata";
/// The rule that refuses the address that hookflow listens on.
pub(super) const OWN_ADDRESS: &str = "own-address";
/// The rule that refuses IPv6 addresses with an ISATAP interface identifier, whatever their prefix.
const ISATAP: &str = "isatap";

/// Ranges that are not public; the first match names the rule.
const REFUSED: &[(IpNet, &str)] = &[
    (v4([0, 0, 0, 0], 8), "this-network"),
    (v4([10, 0, 0, 0], 8), "private"),
    (v4([100, 64, 0, 0], 10), "carrier-nat"),
    (v4([127, 0, 0, 0], 8), "loopback"),
    (v4([169, 254, 0, 0], 16), "link-local"),
    (v4([172, 16, 0, 0], 12), "private"),
    (v4([192, 0, 0, 0], 24), "protocol-assignment"),
    (v4([192, 0, 2, 0], 24), "documentation"),
    (v4([192, 88, 99, 0], 24), "6to4"),
    (v4([192, 168, 0, 0], 16), "private"),
    (v4([198, 18, 0, 0], 15), "benchmarking"),
    (v4([198, 51, 100, 0], 24), "documentation"),
    (v4([203, 0, 113, 0], 24), "documentation"),
    (v4([224, 0, 0, 0], 4), "multicast"),
    (v4([240, 0, 0, 0], 4), "reserved"),
    (v6([0, 0, 0], 128), "unspecified"),
    (IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128)), "loopback"),
    (v6([0x64, 0xff9b, 0], 96), "nat64"),
    (v6([0x64, 0xff9b, 1], 48), "nat64"),
    (v6([0x100, 0, 0], 64), "discard"),
    (v6([0x2001, 0, 0], 32), "teredo"),
    (v6([0x2001, 0, 0], 23), "protocol-assignment"),
    (v6([0x2001, 0xdb8, 0], 32), "documentation"),
    (v6([0x2002, 0, 0], 16), "6to4"),
    (v6([0x3fff, 0, 0], 20), "documentation"),
    (v6([0x5f00, 0, 0], 16), "segment-routing"),
    (v6([0xfc00, 0, 0], 7), "private"),
    (v6([0xfe80, 0, 0], 10), "link-local"),
    (v6([0xfec0, 0, 0], 10), "private"),
    (v6([0xff00, 0, 0], 8), "multicast"),
    // Only 2000::/3 of IPv6 is allocated; these three are the rest.
    (v6([0, 0, 0], 3), "reserved"),
    (v6([0x4000, 0, 0], 2), "reserved"),
    (v6([0x8000, 0, 0], 1), "reserved"),
];

/// Where clouds serve credentials and configuration to their machines.
const METADATA_V4: &[Ipv4Addr] = &[
    Ipv4Addr::new(169, 254, 169, 254), // AWS, Google, Azure and most others
    Ipv4Addr::new(169, 254, 170, 2),   // AWS, tasks
    Ipv4Addr::new(169, 254, 170, 23),  // AWS, pods
    Ipv4Addr::new(169, 254, 0, 23),    // Tencent
    Ipv4Addr::new(169, 254, 42, 42),   // Scaleway
    Ipv4Addr::new(100, 100, 100, 200), // Alibaba
    Ipv4Addr::new(168, 63, 129, 16),   // Azure's host agent, in a public range
    Ipv4Addr::new(192, 0, 0, 192),     // Oracle
];
const METADATA_V6: &[Ipv6Addr] = &[
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),   // AWS
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),    // AWS, pods
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),    // Google
    Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),     // Scaleway
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe), // OpenStack
];

const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix))
}

const fn v6([a, b, c]: [u16; 3], prefix: u8) -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix))
}

impl AddressPolicy {
    /// Allows public addresses and the entries of `allow`: an address, a range (`10.0.0.0/8`), a host name, or all
    /// names below one (`*.internal`).
    pub fn new(allow: &[String]) -> Result<AddressPolicy, PolicyError> {
        let mut policy = AddressPolicy { networks: Vec::new(), hosts: Vec::new(), own: None };
        for entry in allow {
            let text = entry.trim();
            if let Ok(ip) = text.parse::<IpAddr>() {
                policy.networks.push(IpNet::from(ip.to_canonical()));
            } else if let Ok(network) = text.parse::<IpNet>() {
                policy.networks.push(network);
            } else {
                policy.hosts.push(HostPattern::parse(text).ok_or_else(|| PolicyError(entry.clone()))?);
            }
        }
        Ok(policy)
    }

    /// Additionally refuses the address that hookflow listens on.
    pub fn refusing_own(self, listen: SocketAddr) -> AddressPolicy {
        AddressPolicy { own: Some(listen), ..self }
    }

    /// Checks an address; the error is the name of the rule that forbids it.
    pub fn check_ip(&self, ip: IpAddr) -> Result<(), &'static str> {
        let ip = ip.to_canonical();
        let mut allowing = self.networks.iter().filter(|network| network.contains(&ip));
        if allowing.clone().any(|network| network.prefix_len() == network.max_prefix_len()) {
            return Ok(());
        }
        if is_metadata(ip) {
            return Err(CLOUD_METADATA);
        }
        if allowing.next().is_some() {
            return translated(ip).into_iter().try_for_each(|inner| self.check_ip(inner.into()));
        }
        match REFUSED.iter().find(|(network, _)| network.contains(&ip)) {
            Some((_, rule)) => Err(rule),
            None if is_isatap(ip) => Err(ISATAP),
            None => Ok(()),
        }
    }

    /// Whether hookflow listens on this port, so that addresses must be checked with [`Self::is_own`].
    pub(super) fn listens_on(&self, port: Option<u16>) -> bool {
        port.is_some() && port == self.own.map(|own| own.port())
    }

    /// Whether hookflow listens on this address, given its own port.
    pub(super) fn is_own(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.own.is_some_and(|own| match own.ip().to_canonical() {
            listen if listen.is_unspecified() => is_of_this_machine(ip),
            listen => ip == listen || (ip.is_unspecified() && listen.is_loopback()),
        })
    }

    /// Checks an address that `name` resolves to: an allowed name may resolve to anything but a metadata service.
    pub fn check_resolved(&self, name: &str, ip: IpAddr) -> Result<(), &'static str> {
        match self.check_ip(ip) {
            Err(rule) if rule != CLOUD_METADATA && self.allows_host(name) => Ok(()),
            verdict => verdict,
        }
    }

    fn allows_host(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        self.hosts.iter().any(|pattern| match pattern {
            HostPattern::Exact(host) => name == *host,
            HostPattern::Below(suffix) => name.ends_with(suffix),
        })
    }
}

impl HostPattern {
    fn parse(text: &str) -> Option<HostPattern> {
        let (name, is_below) = text.strip_prefix("*.").map_or((text, false), |name| (name, true));
        // The URL parser normalizes the name for comparison, and recognizes unusual spellings of addresses.
        match Host::parse(name.trim_end_matches('.')).ok()? {
            Host::Domain(name) if name.is_empty() || name.contains('*') => None,
            Host::Domain(name) if is_below => Some(HostPattern::Below(format!(".{name}"))),
            Host::Domain(name) => Some(HostPattern::Exact(name)),
            Host::Ipv4(_) | Host::Ipv6(_) => None,
        }
    }
}

/// Whether this is a metadata service, directly or through a translation to IPv4.
fn is_metadata(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => METADATA_V4.contains(&ip),
        IpAddr::V6(v6) => {
            let mut inner = translated(ip).into_iter().chain(perhaps_translated(v6));
            METADATA_V6.contains(&v6) || inner.any(|inner| METADATA_V4.contains(&inner))
        }
    }
}

/// The IPv4 addresses that a translator on the path would send this to or route it through.
fn translated(ip: IpAddr) -> Vec<Ipv4Addr> {
    let IpAddr::V6(ip) = ip else { return Vec::new() };
    let octets = ip.octets();
    let at = |start: usize| Ipv4Addr::new(octets[start], octets[start + 1], octets[start + 2], octets[start + 3]);
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => Vec::new(),
        [0, 0, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0xffff, 0, ..] | [0x64, 0xff9b, ..] => vec![at(12)],
        [0x2002, ..] => vec![at(2)],
        // Teredo: the server, and the client with all bits inverted.
        [0x2001, 0, ..] => vec![at(4), Ipv4Addr::from_bits(!at(12).to_bits())],
        _ if is_isatap(IpAddr::V6(ip)) => vec![at(12)],
        _ => Vec::new(),
    }
}

/// The IPv4 addresses that a translator with its own prefix may read from this: RFC 6052, section 2.2.
fn perhaps_translated(ip: Ipv6Addr) -> Vec<Ipv4Addr> {
    let [_, _, _, _, _, _, f, g, _, h, i, j, k, ..] = ip.octets();
    match ip.segments() {
        [0x64, 0xff9b, 1, ..] => {
            vec![Ipv4Addr::new(f, g, h, i), Ipv4Addr::new(g, h, i, j), Ipv4Addr::new(h, i, j, k)]
        }
        _ => Vec::new(),
    }
}

/// Whether the interface identifier is one of ISATAP (RFC 5214): `0:5efe` or `200:5efe` and an IPv4 address.
fn is_isatap(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if matches!(ip.segments(), [_, _, _, _, 0 | 0x200, 0x5efe, ..]))
}

/// Whether this machine has the address: only then can a socket be bound to it.
fn is_of_this_machine(ip: IpAddr) -> bool {
    ip.is_unspecified() || ip.is_loopback() || UdpSocket::bind(SocketAddr::new(ip, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(allow: &[&str]) -> AddressPolicy {
        AddressPolicy::new(&allow.iter().map(|entry| (*entry).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_public_addresses_are_allowed_by_default() {
        let table = "
            0.0.0.0 this-network  10.255.255.255 private  100.64.0.1 carrier-nat  100.127.255.255 carrier-nat
            127.0.0.1 loopback          127.255.0.9 loopback        169.254.1.1 link-local      172.16.0.1 private
            172.31.255.255 private      192.0.0.8 protocol-assignment   192.0.2.1 documentation 192.88.99.1 6to4
            192.168.1.1 private  198.18.0.1 benchmarking  198.19.255.255 benchmarking 198.51.100.7 documentation
            203.0.113.7 documentation   224.0.0.1 multicast         239.255.255.250 multicast   240.0.0.1 reserved
            255.255.255.255 reserved
            :: unspecified              ::1 loopback                ::10.0.0.1 reserved         ::8.8.8.8 reserved
            ::ffff:127.0.0.1 loopback   ::ffff:10.0.0.1 private     ::ffff:0:10.0.0.1 reserved  64:ff9b::8.8.8.8 nat64
            64:ff9b:1::1 nat64  100::1 discard  2001::1 teredo  2001:2::1 protocol-assignment
            2001:db8::1 documentation   2002:7f00:1:: 6to4          3fff::1 documentation       5f00::1 segment-routing
            fc00::1 private             fd12:3456::1 private        fe80::1 link-local          febf::1 link-local
            fec0::1 private             ff02::1 multicast           1::1 reserved               4000::1 reserved
            8000::1 reserved            e000::1 reserved
            169.254.169.254 cloud-metadata  169.254.170.2 cloud-metadata    100.100.100.200 cloud-metadata
            168.63.129.16 cloud-metadata    192.0.0.192 cloud-metadata      fd00:ec2::254 cloud-metadata
            ::ffff:169.254.169.254 cloud-metadata                           64:ff9b::169.254.169.254 cloud-metadata
            2002:a9fe:a9fe:: cloud-metadata ::169.254.169.254 cloud-metadata
            ::ffff:0:169.254.169.254 cloud-metadata         2001:0:a9fe:a9fe:: cloud-metadata
            2001::5601:5601 cloud-metadata  64:ff9b:1:a9fe:a9:fe00:: cloud-metadata
            64:ff9b:1:a9:fe:a9fe:: cloud-metadata           64:ff9b:1::a9:fea9:fe00:0 cloud-metadata
            2a00::5efe:169.254.169.254 cloud-metadata       fe80::5efe:10.0.0.1 link-local
            2a00::5efe:8.8.8.8 isatap       2a00::200:5efe:10.0.0.1 isatap
            1.1.1.1 -       8.8.8.8 -       11.0.0.0 -      100.63.255.255 -    100.128.0.0 -   126.255.255.255 -
            128.0.0.1 -     169.253.1.1 -   169.255.0.1 -   172.15.255.255 -    172.32.0.1 -    192.0.1.1 -
            192.167.1.1 -   192.169.0.1 -   198.17.0.1 -    198.20.0.1 -        223.255.255.255 -
            2001:4860:4860::8888 -          2606:4700::1111 -                   2a00::1 -       ::ffff:8.8.8.8 -
        ";
        let words: Vec<&str> = table.split_whitespace().collect();
        let policy = policy(&[]);
        for pair in words.chunks(2) {
            let expected = if pair[1] == "-" { Ok(()) } else { Err(pair[1]) };
            assert_eq!(policy.check_ip(ip(pair[0])), expected, "{}", pair[0]);
        }
    }

    #[test]
    fn ranges_do_not_open_metadata_addresses() {
        let wide = policy(&["0.0.0.0/0", "::/0", "*.internal"]);
        assert_eq!(wide.check_ip(ip("10.0.0.1")), Ok(()));
        assert_eq!(wide.check_ip(ip("::1")), Ok(()));
        for metadata in ["169.254.169.254", "168.63.129.16", "fd00:ec2::254", "64:ff9b::a9fe:a9fe"] {
            assert_eq!(wide.check_ip(ip(metadata)), Err(CLOUD_METADATA));
            assert_eq!(wide.check_resolved("metadata.google.internal", ip(metadata)), Err(CLOUD_METADATA));
        }
        let named = policy(&["169.254.169.254", "169.254.170.2/32", "fd00:ec2::254/128", "::ffff:10.0.0.1"]);
        for address in ["169.254.169.254", "::ffff:169.254.169.254", "169.254.170.2", "fd00:ec2::254", "10.0.0.1"] {
            assert_eq!(named.check_ip(ip(address)), Ok(()));
        }
        assert_eq!(named.check_ip(ip("169.254.169.253")), Err("link-local"));
        assert_eq!(policy(&["10.1.0.0/16"]).check_ip(ip("10.2.0.1")), Err("private"));
    }

    #[test]
    fn the_embedded_address_of_a_translation_is_checked_too() {
        let translating = policy(&["64:ff9b::/96", "2002::/16", "2001::/32"]);
        for (address, verdict) in [
            ("64:ff9b::8.8.8.8", Ok(())),
            ("64:ff9b::10.0.0.1", Err("private")),
            ("64:ff9b::169.254.169.254", Err(CLOUD_METADATA)),
            ("2002:808:808::", Ok(())),
            ("2002:7f00:1::", Err("loopback")),
            ("2001:0:808:808::f7f7:f7f7", Ok(())),
            ("2001:0:a00:1::f7f7:f7f7", Err("private")),
            ("2001:0:808:808::f5ff:fffe", Err("private")),
        ] {
            assert_eq!(translating.check_ip(ip(address)), verdict, "{address}");
        }
        assert_eq!(policy(&["64:ff9b::/96", "10.0.0.0/8"]).check_ip(ip("64:ff9b::10.0.0.1")), Ok(()));
        assert_eq!(policy(&["::1"]).check_ip(ip("::1")), Ok(()));
    }

    #[test]
    fn the_own_address_is_recognized() {
        let listening = |listen: &str| policy(&["0.0.0.0/0", "::/0"]).refusing_own(listen.parse().unwrap());
        let one = listening("127.0.0.1:8080");
        assert!(one.listens_on(Some(8080)) && !one.listens_on(Some(8081)) && !one.listens_on(None));
        for (listen, own, other) in [
            ("127.0.0.1:8080", &["127.0.0.1", "::ffff:127.0.0.1", "0.0.0.0"][..], &["127.0.0.2", "::1", "8.8.8.8"][..]),
            ("0.0.0.0:8080", &["127.0.0.1", "127.0.0.2", "0.0.0.0"], &["8.8.8.8"]),
            ("[::]:8080", &["127.0.0.1", "::1", "::"], &["8.8.8.8", "2a00::1"]),
            ("203.0.113.7:8080", &["203.0.113.7"], &["127.0.0.1", "0.0.0.0"]),
        ] {
            assert!(own.iter().all(|address| listening(listen).is_own(ip(address))), "{listen}");
            assert!(!other.iter().any(|address| listening(listen).is_own(ip(address))), "{listen}");
        }
        assert!(!policy(&[]).listens_on(Some(8080)));
    }

    #[test]
    fn allowed_names_may_resolve_to_private_addresses() {
        let policy = policy(&["API.example.com", "*.internal", " localhost "]);
        for name in
            ["api.example.com", "api.example.com.", "Api.Example.Com", "a.internal", "a.b.internal", "localhost"]
        {
            assert_eq!(policy.check_resolved(name, ip("10.0.0.1")), Ok(()), "{name}");
        }
        for name in ["example.com", "x.api.example.com", "internal", "notinternal", "internal.example.com"] {
            assert_eq!(policy.check_resolved(name, ip("10.0.0.1")), Err("private"), "{name}");
            assert_eq!(policy.check_resolved(name, ip("8.8.8.8")), Ok(()), "{name}");
        }
    }

    #[test]
    fn invalid_entries_are_reported() {
        for entry in
            ["", "*", "*.", "api.*.com", "10.0.0.0/33", "10.1", "*.10.0.0.1", "http://a.com", "a.com:80", "a b"]
        {
            assert_eq!(AddressPolicy::new(&[entry.to_owned()]).unwrap_err(), PolicyError(entry.to_owned()));
        }
    }
}
