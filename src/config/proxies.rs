//! Which proxies are believed about whom a request comes from.

use ipnet::IpNet;

use crate::base::networks::network;

/// Where a proxy writes the address that a request came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ProxyHeader {
    #[default]
    XForwardedFor,
    /// The header of RFC 7239.
    Forwarded,
}

/// The proxies, and the one header that is read. One, because a proxy that writes the one passes the other through as its
/// sender made it up.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Proxies {
    /// Proxies that are believed about whom a request comes from: networks or addresses
    #[arg(long, env = "HOOKFLOW_TRUSTED_PROXIES", value_delimiter = ',', value_name = "LIST", value_parser = network)]
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which those proxies write it; the other one is ignored
    #[arg(long, env = "HOOKFLOW_PROXY_HEADER", default_value = "x-forwarded-for", value_name = "HEADER")]
    pub proxy_header: ProxyHeader,
}
