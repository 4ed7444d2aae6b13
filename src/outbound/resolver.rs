//! Name resolution that only yields addresses which may be called.
//!
//! The HTTP library dials what its resolver returns, so an address that is checked here is the address that is
//! dialled. Forbidden addresses are left out; a name that has no others is refused with a typed error, which the
//! client finds again among the causes of the library's error.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::AddressPolicy;

/// A name resolves, but only to addresses that may not be called.
#[derive(Debug, thiserror::Error)]
#[error("`{name}` resolves to {ip}, which may not be called (rule: {rule})")]
pub(super) struct AddressRefused {
    name: String,
    ip: IpAddr,
    rule: &'static str,
}

/// The operating system's resolver behind an address policy.
pub(super) struct PolicyResolver(pub(super) Arc<AddressPolicy>);

impl Resolve for PolicyResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = Arc::clone(&self.0);
        Box::pin(async move {
            let name = name.as_str();
            // The library replaces port 0 by the one of the URL.
            let addresses: Vec<SocketAddr> = tokio::net::lookup_host((name, 0)).await?.collect();
            let mut refused = None;
            let mut callable = Vec::with_capacity(addresses.len());
            for address in addresses {
                match policy.check_resolved(name, address.ip()) {
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
