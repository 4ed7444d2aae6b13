//! The door for mails: an SMTP server for hooks of kind `email`, whose addresses are `{hash}@` any domain.
//!
//! It takes mails and passes none on. A mail is acknowledged with 250 once the transactions of all hooks that it is for are
//! on the disk, in one commit; an answer of 4xx has the sender try again, one of 5xx has it give up.
//!
//! | file | what it is for |
//! |---|---|
//! | [`command`], [`session`], [`data`], [`reply`] | the protocol, without any input or output |
//! | [`wire`], [`conversation`] | one connection, with its time-outs and TLS |
//! | [`mailroom`] | from a mail to stored transactions |
//! | here | the listener |
//!
//! Limits: [`CONNECTIONS_MAX`], [`CONNECTIONS_PER_PEER_MAX`], and those of the files. Nothing that a
//! client says is logged.

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
use mailroom::Hooks;
use reply::Reply;
use session::Offer;
use wire::Wire;

/// How many connections there may be.
pub const CONNECTIONS_MAX: usize = 200;
/// How many of one address, or of one network of 64 bits with IPv6.
pub const CONNECTIONS_PER_PEER_MAX: u32 = 20;
/// The pause after a connection could not be taken, as when there are too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Takes mails until `stopping` turns true, and then until those that have arrived are stored.
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
        let place = if connections.len() < CONNECTIONS_MAX { peers.enter(peer) } else { None };
        let Some(place) = place else {
            turn_away(&stream);
            continue;
        };
        let (shared, stopping) = (shared.clone(), stopping.clone());
        connections.spawn(async move {
            shared.converse(stream, peer, stopping).await;
            drop(place);
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// What all connections have in common.
struct Shared {
    offer: Offer,
    door: Door,
    acceptor: Option<TlsAcceptor>,
}

impl Shared {
    async fn converse(&self, stream: TcpStream, peer: IpAddr, stopping: watch::Receiver<bool>) {
        let hooks = Hooks { door: &self.door, peer };
        let wire = Wire::new(Box::new(stream), stopping);
        Conversation::new(wire, self.offer.clone(), self.acceptor.clone(), &hooks).hold().await;
    }
}

/// The server calls itself as senders of requests do.
fn offer(door: &Door) -> Offer {
    let host = url::Url::parse(&door.public_url).ok().and_then(|url| url.host_str().map(str::to_owned));
    Offer {
        name: host.unwrap_or_else(|| "hookflow".to_owned()),
        mail_bytes_max: door.limits.body_bytes,
        starts_tls: false,
    }
}

/// Says that there are too many connections, if that takes no waiting.
fn turn_away(stream: &TcpStream) {
    metrics::connection_refused();
    let _ = stream.try_write(&Reply::new(421, "4.7.0 too many connections; try again later").to_bytes());
}
