//! Settings of trusted proxies.

use ipnet::IpNet;

use crate::base::networks::network;

/// The header in which a proxy reports the client's address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ProxyHeader {
    #[default]
    XForwardedFor,
    /// The header of RFC 7239.
    Forwarded,
}

/// The trusted proxies and the one header that is read. Only one, because a proxy that sets one header passes the other
/// on as the client forged it.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Proxies {
    /// Networks or addresses of proxies whose client addresses are trusted, separated by commas
    #[arg(long, env = "HOOKFLOW_TRUSTED_PROXIES", value_delimiter = ',', value_name = "LIST", value_parser = network)]
    pub trusted_proxies: Vec<IpNet>,
    /// Header in which trusted proxies report the client's address; the other is ignored
    #[arg(long, env = "HOOKFLOW_PROXY_HEADER", default_value = "x-forwarded-for", value_name = "HEADER")]
    pub proxy_header: ProxyHeader,
}
