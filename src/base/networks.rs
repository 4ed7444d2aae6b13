//! Lists of IP addresses and networks, as operators and hooks configure them, and usage counted by client.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipnet::IpNet;

/// The text is not a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither an address, such as 203.0.113.7, nor a network, such as 203.0.113.0/24 or 2001:db8::/32")]
pub struct InvalidNetwork(String);

/// Parses a network; an address is a network of one.
///
/// # Errors
/// [`InvalidNetwork`], with the expected forms.
pub fn network(text: &str) -> Result<IpNet, InvalidNetwork> {
    let text = text.trim();
    let address = || text.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
    text.parse::<IpNet>().or_else(|_| address()).map_err(|_| InvalidNetwork(text.to_owned()))
}

/// Whether an address is in one of the networks. `::ffff:10.0.0.1` counts as the IPv4 address 10.0.0.1.
pub fn contain(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

/// The unit by which usage is counted: an IPv4 address, or an IPv6 network of 64 bits, within which one machine can use
/// any address.
pub fn client_network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

/// Counts how much of a limited resource each client uses; cheap to clone. Has an entry for each client with usage.
#[derive(Clone, Default)]
pub struct ClientUsage(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One use of the resource, released on drop.
pub struct UsageGuard {
    usage: ClientUsage,
    network: IpAddr,
    amount: usize,
}

impl ClientUsage {
    /// Starts to track usage by the client with this address, at zero.
    pub fn track(&self, address: IpAddr) -> UsageGuard {
        UsageGuard { usage: self.clone(), network: client_network(address), amount: 0 }
    }

    fn amounts(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.amounts().is_empty()
    }
}

impl UsageGuard {
    /// How much this guard holds.
    pub fn amount(&self) -> usize {
        self.amount
    }

    /// Takes `more`, unless the client would then use more than `amount_max` in total. Returns whether it was taken.
    pub fn grow(&mut self, more: usize, amount_max: usize) -> bool {
        let mut amounts = self.usage.amounts();
        let total = amounts.entry(self.network).or_default();
        let fits = *total + more <= amount_max;
        if fits {
            *total += more;
            self.amount += more;
        }
        fits
    }
}

impl Drop for UsageGuard {
    fn drop(&mut self) {
        let mut amounts = self.usage.amounts();
        if let Some(total) = amounts.get_mut(&self.network) {
            *total -= self.amount;
            if *total == 0 {
                amounts.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_64_bits_is_one_client() {
        let network = |address: &str| client_network(address.parse().unwrap()).to_string();
        assert_eq!(network("2001:db8:1:2:ffff::9"), "2001:db8:1:2::");
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
    }

    #[test]
    fn networks_are_parsed_and_matched() {
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
