//! Name resolution that returns only addresses which may be called.
//!
//! The HTTP library connects to what its resolver returns, so the checked address is the one that is used. Forbidden
//! addresses are dropped; a name with no others is refused with a typed error, which the client finds among the causes
//! of the library's error.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::AddressPolicy;
use super::policy::OWN_ADDRESS;

/// A name resolves only to addresses that may not be called.
#[derive(Debug, thiserror::Error)]
#[error("`{name}` resolves to {ip}, which may not be called (rule: {rule})")]
pub(super) struct AddressRefused {
    name: String,
    ip: IpAddr,
    rule: &'static str,
}

/// The operating system's resolver behind an address policy.
#[derive(Clone)]
pub(super) struct PolicyResolver {
    pub(super) policy: Arc<AddressPolicy>,
    /// Whether the call goes to the port that hookflow listens on.
    pub(super) own_port: bool,
}

impl PolicyResolver {
    fn check(&self, name: &str, ip: IpAddr) -> Result<(), &'static str> {
        match self.own_port && self.policy.is_own(ip) {
            true => Err(OWN_ADDRESS),
            false => self.policy.check_resolved(name, ip),
        }
    }
}

impl Resolve for PolicyResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let name = name.as_str();
            // The library replaces port 0 with the URL's port.
            let addresses: Vec<SocketAddr> = tokio::net::lookup_host((name, 0)).await?.collect();
            let mut refused = None;
            let mut callable = Vec::with_capacity(addresses.len());
            for address in addresses {
                match resolver.check(name, address.ip()) {
                    Ok(()) => callable.push(address),
                    Err(rule) => refused = Some(AddressRefused { name: name.to_owned(), ip: address.ip(), rule }),
                }
            }
            match refused {
                _ if !callable.is_empty() => Ok(Box::new(callable.into_iter()) as Addrs),
                Some(refused) => Err(refused.into()),
                None => Err(io::Error::new(io::ErrorKind::NotFound, "no address").into()),
            }
        })
    }
}
