//! Ports that no other process takes while a test needs them.

use std::net::TcpListener;

/// Ports below this are for well-known services.
const PORTS_FROM: u16 = 10_000;

/// A port on which nothing listens, for a server that may be away for a while or for ever: not one that the system hands out
/// to whoever wants any.
pub fn free_port() -> u16 {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let handed_out_from = range.split_whitespace().next().and_then(|port| port.parse().ok()).unwrap_or(PORTS_FROM);
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let any = |ports: u16| PORTS_FROM + (getrandom::u32().expect("there are random numbers") % u32::from(ports)) as u16;
    match handed_out_from.saturating_sub(PORTS_FROM) {
        0 => {
            TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port is free").port()
        }
        ports => std::iter::repeat_with(|| any(ports)).take(1_000).find(is_free).expect("a port is free"),
    }
}
