//! Bytes of incomplete bodies, by peer.
//!
//! All bodies together share a memory limit, which a few connections that stop before the last byte could use up. So
//! each peer may hold only a part of it in incomplete bodies. A body that is complete when first read is never counted
//! here.

use std::net::IpAddr;

use super::refusal::{Reason, Refusal};
use crate::base::networks::{ClientUsage, UsageGuard};

/// The most bytes per peer, unless larger bodies are allowed: then one of them.
pub const BYTES_PER_PEER_MAX: usize = 16 * 1024 * 1024;

/// The bytes held per peer; cheap to clone. Has an entry for each peer with an incomplete body.
#[derive(Clone)]
pub struct Unfinished {
    usage: ClientUsage,
    bytes_max: usize,
}

/// The bytes held by one body, until dropped.
pub struct HeldBytes {
    guard: UsageGuard,
    bytes_max: usize,
}

impl Unfinished {
    /// For bodies of at most `body_bytes_max` bytes.
    pub fn new(body_bytes_max: usize) -> Unfinished {
        Unfinished { usage: ClientUsage::default(), bytes_max: body_bytes_max.max(BYTES_PER_PEER_MAX) }
    }

    /// Starts counting a body of this peer.
    pub fn body(&self, peer: IpAddr) -> HeldBytes {
        HeldBytes { guard: self.usage.track(peer), bytes_max: self.bytes_max }
    }
}

impl HeldBytes {
    /// Records that `bytes` bytes of the body have arrived.
    ///
    /// # Errors
    /// If the peer holds too many.
    pub fn grow_to(&mut self, bytes: usize) -> Result<(), Refusal> {
        let more = bytes.saturating_sub(self.guard.amount());
        match self.guard.grow(more, self.bytes_max) {
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
        let unfinished = Unfinished::new(400_000);
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
        assert!(unfinished.usage.is_empty());
    }
}
