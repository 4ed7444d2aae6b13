//! How many connections each peer has.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::base::networks::{ClientUsage, UsageGuard, contain};

/// Counts of connections by peer; cheap to clone. It holds as many entries as there are connections at most.
#[derive(Clone)]
pub struct Peers {
    connections_max: usize,
    trusted: Arc<[IpNet]>,
    counts: ClientUsage,
}

/// A connection that is counted until this is dropped; one of a trusted address is not.
pub struct Place {
    _share: Option<UsageGuard>,
}

impl Peers {
    pub fn new(connections_max: u32, trusted: Vec<IpNet>) -> Peers {
        Peers { connections_max: connections_max as usize, trusted: trusted.into(), counts: ClientUsage::default() }
    }

    /// Counts a connection of this address; none if it has as many as it may.
    pub fn enter(&self, address: IpAddr) -> Option<Place> {
        if contain(&self.trusted, address) {
            return Some(Place { _share: None });
        }
        let mut share = self.counts.track(address);
        share.grow(1, self.connections_max).then(|| Place { _share: Some(share) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(peers: &Peers, address: &str) -> Option<Place> {
        peers.enter(address.parse().unwrap())
    }

    #[test]
    fn each_peer_has_so_many_connections_and_no_more() {
        let peers = Peers::new(2, vec!["10.0.0.0/8".parse().unwrap()]);
        let first = enter(&peers, "192.0.2.1").unwrap();
        let second = enter(&peers, "::ffff:192.0.2.1").unwrap();
        assert!(enter(&peers, "192.0.2.1").is_none());
        let other = enter(&peers, "192.0.2.2").unwrap();
        drop(first);
        let third = enter(&peers, "192.0.2.1").unwrap();
        assert!(enter(&peers, "192.0.2.1").is_none());
        let trusted: Vec<Place> = (0..9).map(|_| enter(&peers, "10.1.2.3").unwrap()).collect();
        drop((second, third, other, trusted));
        assert!(peers.counts.is_empty());
    }

    #[test]
    fn a_network_of_64_bits_is_one_peer() {
        let peers = Peers::new(1, Vec::new());
        let _place = enter(&peers, "2001:db8:1:2::1").unwrap();
        assert!(enter(&peers, "2001:db8:1:2:ffff::9").is_none());
        assert!(enter(&peers, "2001:db8:1:3::1").is_some());
    }
}
