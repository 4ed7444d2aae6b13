//! Lists of addresses and networks, as operators and hooks give them.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

/// The text is not a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither an address, such as 203.0.113.7, nor a network, such as 203.0.113.0/24 or 2001:db8::/32")]
pub struct InvalidNetwork(String);

/// Reads a network; an address is a network of one.
///
/// # Errors
/// [`InvalidNetwork`] with what would be right.
pub fn network(text: &str) -> Result<IpNet, InvalidNetwork> {
    let text = text.trim();
    let address = || text.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
    text.parse::<IpNet>().or_else(|_| address()).map_err(|_| InvalidNetwork(text.to_owned()))
}

/// Whether an address is in one of the networks. An IPv4 address that came as `::ffff:10.0.0.1` is the IPv4 address.
pub fn contain(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

/// Who an address is, where something is counted by address: with IPv6 a network of 64 bits, in which one machine has any
/// address it likes.
pub fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_64_bits_is_one_household() {
        let household = |address: &str| household(address.parse().unwrap()).to_string();
        assert_eq!(household("2001:db8:1:2:ffff::9"), "2001:db8:1:2::");
        assert_eq!(household("::ffff:192.0.2.1"), "192.0.2.1");
    }

    #[test]
    fn addresses_and_networks_are_told_from_anything_else() {
        let networks: Vec<IpNet> = ["10.0.0.0/8", " 203.0.113.7 ", "2001:db8::/32", "::ffff:192.0.2.1"]
            .map(|text| network(text).unwrap())
            .into();
        let inside = ["10.1.2.3", "::ffff:10.1.2.3", "203.0.113.7", "2001:db8::5", "192.0.2.1"];
        assert!(inside.iter().all(|address| contain(&networks, address.parse().unwrap())));
        let outside = ["11.0.0.1", "203.0.113.8", "2001:db9::", "::1"];
        assert!(!outside.iter().any(|address| contain(&networks, address.parse().unwrap())));
        for text in ["", "10.0.0.0/33", "10.0.0", "example.com", "10.0.0.1-10.0.0.9"] {
            assert_eq!(network(text), Err(InvalidNetwork(text.into())));
        }
    }
}
