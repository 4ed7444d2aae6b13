//! How many connections each peer has.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;

use crate::networks::{contain, household};

/// Counts of connections by peer; cheap to clone. It holds as many entries as there are connections at most.
#[derive(Clone)]
pub struct Peers(Arc<Inner>);

struct Inner {
    connections_max: u32,
    trusted: Vec<IpNet>,
    counts: Mutex<HashMap<IpAddr, u32>>,
}

/// A connection that is counted until this is dropped.
pub struct Place(Option<(Peers, IpAddr)>);

impl Peers {
    pub fn new(connections_max: u32, trusted: Vec<IpNet>) -> Peers {
        Peers(Arc::new(Inner { connections_max, trusted, counts: Mutex::default() }))
    }

    /// Counts a connection of this address; none if it has as many as it may.
    pub fn enter(&self, address: IpAddr) -> Option<Place> {
        if contain(&self.0.trusted, address) {
            return Some(Place(None));
        }
        let peer = household(address);
        let mut counts = self.0.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(peer).or_default();
        if *count >= self.0.connections_max {
            return None;
        }
        *count += 1;
        Some(Place(Some((self.clone(), peer))))
    }

    fn leave(&self, peer: IpAddr) {
        let mut counts = self.0.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&peer) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&peer);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((peers, peer)) = self.0.take() {
            peers.leave(peer);
        }
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
        assert!(peers.0.counts.lock().unwrap().is_empty());
    }

    #[test]
    fn a_network_of_64_bits_is_one_peer() {
        let peers = Peers::new(1, Vec::new());
        let _place = enter(&peers, "2001:db8:1:2::1").unwrap();
        assert!(enter(&peers, "2001:db8:1:2:ffff::9").is_none());
        assert!(enter(&peers, "2001:db8:1:3::1").is_some());
    }
}
