//! The door for mails: an SMTP server for hooks of kind `email`, whose addresses are `{hash}@` any domain.
//!
//! It accepts mails and relays none. A mail is acknowledged with 250 once the transactions of all its hooks are on
//! disk, in one commit; a 4xx reply makes the sender retry, a 5xx reply makes it give up.
//!
//! | file | purpose |
//! |---|---|
//! | [`command`], [`session`], [`data`], [`reply`] | the protocol, without I/O |
//! | [`wire`], [`conversation`] | one connection, with its timeouts and TLS |
//! | [`mailroom`] | from a mail to stored transactions |
//! | here | the listener |
//!
//! Limits: [`CONNECTIONS_MAX`], [`CONNECTIONS_PER_PEER_MAX`], and those of the files. Nothing that a client sends is
//! logged.

mod command;
mod conversation;
mod data;
mod mailroom;
mod reply;
mod session;
mod wire;

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::Door;
use crate::listen::Peers;
use crate::observe::metrics;
use conversation::Conversation;
use mailroom::HookMailroom;
use reply::Reply;
use session::Offer;
use wire::Wire;

/// The most connections.
pub const CONNECTIONS_MAX: usize = 200;
/// The most connections from one address, or from one /64 network with IPv6.
pub const CONNECTIONS_PER_PEER_MAX: u32 = 20;
/// The pause after a connection could not be accepted, for example because of too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts mails until `stopping` becomes true, and then until the mails in progress are stored.
pub async fn serve(listener: TcpListener, door: Door, tls: Option<ServerConfig>, mut stopping: watch::Receiver<bool>) {
    let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
    let shared = Arc::new(Shared { offer: offer(&door), door, acceptor });
    let peers = Peers::new(CONNECTIONS_PER_PEER_MAX, Vec::new());
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, address)) = accepted else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let peer = address.ip().to_canonical();
        let slot = if connections.len() < CONNECTIONS_MAX { peers.enter(peer) } else { None };
        let Some(slot) = slot else {
            turn_away(&stream);
            continue;
        };
        let (shared, stopping) = (shared.clone(), stopping.clone());
        connections.spawn(async move {
            shared.converse(stream, peer, stopping).await;
            drop(slot);
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// The state shared by all connections.
struct Shared {
    offer: Offer,
    door: Door,
    acceptor: Option<TlsAcceptor>,
}

impl Shared {
    async fn converse(&self, stream: TcpStream, peer: IpAddr, stopping: watch::Receiver<bool>) {
        let mailroom = HookMailroom { door: &self.door, peer };
        let wire = Wire::new(Box::new(stream), stopping);
        Conversation::new(wire, self.offer.clone(), self.acceptor.clone(), &mailroom).serve().await;
    }
}

/// The server name is the host of the public URL.
fn offer(door: &Door) -> Offer {
    let host = url::Url::parse(&door.public_url).ok().and_then(|url| url.host_str().map(str::to_owned));
    Offer {
        name: host.unwrap_or_else(|| "hookflow".to_owned()),
        mail_bytes_max: door.limits.body_bytes,
        starts_tls: false,
    }
}

/// Reports that there are too many connections, if this does not block.
fn turn_away(stream: &TcpStream) {
    metrics::connection_refused();
    let _ = stream.try_write(&Reply::new(421, "4.7.0 too many connections; try again later").to_bytes());
}
