//! Lists of addresses and networks, as operators and hooks give them; and what is counted by address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
pub fn client_network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

/// How much each network has of something that none may have too much of; cheap to clone. It holds an entry for each
/// that has any.
#[derive(Clone, Default)]
pub struct ClientUsage(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A part of what a network has, which it gives back when this is dropped.
pub struct UsageGuard {
    shares: ClientUsage,
    network: IpAddr,
    amount: usize,
}

impl ClientUsage {
    /// A share of whoever has this address, with nothing in it yet.
    pub fn track(&self, address: IpAddr) -> UsageGuard {
        UsageGuard { shares: self.clone(), network: client_network(address), amount: 0 }
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
    /// How much is in it.
    pub fn amount(&self) -> usize {
        self.amount
    }

    /// Takes more, unless the network would have more than `amount_max` then; whether it was taken.
    pub fn grow(&mut self, more: usize, amount_max: usize) -> bool {
        let mut amounts = self.shares.amounts();
        let of_household = amounts.entry(self.network).or_default();
        let fits = *of_household + more <= amount_max;
        if fits {
            *of_household += more;
            self.amount += more;
        }
        fits
    }
}

impl Drop for UsageGuard {
    fn drop(&mut self) {
        let mut amounts = self.shares.amounts();
        if let Some(of_household) = amounts.get_mut(&self.network) {
            *of_household -= self.amount;
            if *of_household == 0 {
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
