//! Counts the connections of each peer.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::base::networks::{ClientUsage, UsageGuard, contain};

/// Connection counts by peer; cheap to clone. Has at most as many entries as there are connections.
#[derive(Clone)]
pub struct Peers {
    connections_max: usize,
    trusted: Arc<[IpNet]>,
    counts: ClientUsage,
}

/// A connection that counts until this is dropped; connections of trusted addresses are not counted.
pub struct PeerSlot {
    _share: Option<UsageGuard>,
}

impl Peers {
    pub fn new(connections_max: u32, trusted: Vec<IpNet>) -> Peers {
        Peers { connections_max: connections_max as usize, trusted: trusted.into(), counts: ClientUsage::default() }
    }

    /// Counts a connection of this address; `None` if the address has reached the limit.
    pub fn enter(&self, address: IpAddr) -> Option<PeerSlot> {
        if contain(&self.trusted, address) {
            return Some(PeerSlot { _share: None });
        }
        let mut share = self.counts.track(address);
        share.grow(1, self.connections_max).then(|| PeerSlot { _share: Some(share) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(peers: &Peers, address: &str) -> Option<PeerSlot> {
        peers.enter(address.parse().unwrap())
    }

    #[test]
    fn each_peer_is_limited() {
        let peers = Peers::new(2, vec!["10.0.0.0/8".parse().unwrap()]);
        let first = enter(&peers, "192.0.2.1").unwrap();
        let second = enter(&peers, "::ffff:192.0.2.1").unwrap();
        assert!(enter(&peers, "192.0.2.1").is_none());
        let other = enter(&peers, "192.0.2.2").unwrap();
        drop(first);
        let third = enter(&peers, "192.0.2.1").unwrap();
        assert!(enter(&peers, "192.0.2.1").is_none());
        let trusted: Vec<PeerSlot> = (0..9).map(|_| enter(&peers, "10.1.2.3").unwrap()).collect();
        drop((second, third, other, trusted));
        assert!(peers.counts.is_empty());
    }

    #[test]
    fn an_ipv6_network_of_64_bits_is_one_peer() {
        let peers = Peers::new(1, Vec::new());
        let _slot = enter(&peers, "2001:db8:1:2::1").unwrap();
        assert!(enter(&peers, "2001:db8:1:2:ffff::9").is_none());
        assert!(enter(&peers, "2001:db8:1:3::1").is_some());
    }
}
