//! Bytes of incomplete bodies, by peer.
//!
//! All bodies together share a memory limit, which a few connections that stop before the last byte could use up. So
//! each peer may hold only a part of it in incomplete bodies. A body that is complete when first read is never counted
//! here.

use std::net::IpAddr;

use super::refusal::{Reason, Refusal};
use crate::base::networks::{ClientUsage, UsageGuard};

/// The most bytes per peer; no less than the largest body size that can be configured.
pub const BYTES_PER_PEER_MAX: usize = 16 * 1024 * 1024;

/// The bytes held per peer; cheap to clone. Has an entry for each peer with an incomplete body.
#[derive(Clone, Default)]
pub struct Unfinished(ClientUsage);

/// The bytes held by one body, until dropped.
pub struct HeldBytes(UsageGuard);

impl Unfinished {
    /// Starts counting a body of this peer.
    pub fn body(&self, peer: IpAddr) -> HeldBytes {
        HeldBytes(self.0.track(peer))
    }
}

impl HeldBytes {
    /// Records that `bytes` bytes of the body have arrived.
    ///
    /// # Errors
    /// If the peer holds too many.
    pub fn grow_to(&mut self, bytes: usize) -> Result<(), Refusal> {
        let more = bytes.saturating_sub(self.0.amount());
        match self.0.grow(more, BYTES_PER_PEER_MAX) {
            true => Ok(()),
            false => Err(Refusal::new(Reason::Overloaded, "too many incomplete bodies from this address; try again")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_cannot_hold_more_than_its_part() {
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
