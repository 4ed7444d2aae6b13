//! Bytes of bodies that are not complete yet, by the peer that sends them.
//!
//! All bodies together have a limit in memory, and a few connections that stop before the last byte would fill it for
//! everybody. So no peer may hold more than a part of it in bodies that it has not finished. A body that is there as a whole when
//! it is looked at is never counted here.

use std::net::IpAddr;

use super::refusal::{Reason, Refusal};
use crate::base::networks::{ClientUsage, UsageGuard};

/// How much one peer may hold. It is no less than the largest body that can be allowed.
pub const BYTES_PER_PEER_MAX: usize = 16 * 1024 * 1024;

/// What peers hold; cheap to clone. It has an entry for each peer with a body that is not complete.
#[derive(Clone, Default)]
pub struct Unfinished(ClientUsage);

/// What one body holds until this is dropped.
pub struct Held(UsageGuard);

impl Unfinished {
    /// A body of this peer, of which nothing is counted yet.
    pub fn body(&self, peer: IpAddr) -> Held {
        Held(self.0.track(peer))
    }
}

impl Held {
    /// Counts that so many bytes of the body have come.
    ///
    /// # Errors
    /// If the peer holds too many.
    pub fn grow_to(&mut self, bytes: usize) -> Result<(), Refusal> {
        let more = bytes.saturating_sub(self.0.amount());
        match self.0.grow(more, BYTES_PER_PEER_MAX) {
            true => Ok(()),
            false => {
                Err(Refusal::new(Reason::Overloaded, "too many bodies from this address are not complete; try again"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_holds_its_part_and_no_more() {
        let unfinished = Unfinished::default();
        let body = |address: &str| unfinished.body(address.parse().unwrap());
        let (mut first, mut second, mut other) = (body("192.0.2.1"), body("192.0.2.1"), body("192.0.2.2"));
        first.grow_to(1_000).unwrap();
        first.grow_to(BYTES_PER_PEER_MAX - 10).unwrap();
        second.grow_to(10).unwrap();
        assert_eq!(second.grow_to(11).unwrap_err().reason, Reason::Overloaded);
        other.grow_to(BYTES_PER_PEER_MAX).unwrap();
        drop(first);
        second.grow_to(11).unwrap();
        drop((second, other));
        assert!(unfinished.0.is_empty());
    }
}
