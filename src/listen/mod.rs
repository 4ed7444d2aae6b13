//! Listening: from connections to HTTP requests, within limits that no peer can evade.
//!
//! The HTTP server is actix's. Between it and the socket is [`Connection`], which sees every byte: it counts
//! connections by peer before anything else is done for them, limits the time for the head of every request, and closes
//! HTTP/2 connections that open too many streams or send too many headers ([`frames`]). The libraries do not cover
//! these.
//!
//! Limits:
//!
//! | what | limit |
//! |---|---|
//! | connections of a worker | [`CONNECTIONS_MAX`], or fewer if the limit on open files is lower |
//! | connections of one address, or one network of 64 bits with IPv6 | configured; trusted proxies have no limit |
//! | TLS handshake | [`HANDSHAKE_TIME_MAX`] |
//! | head of a request, from its first byte | [`HEAD_TIME_MAX`] |
//! | head of a request with HTTP/1.1 | 96 headers, 128 KiB (actix-http) |
//! | head of a request with HTTP/2 | [`HEADERS_MAX`], [`HEAD_BYTES_MAX`]; and those of [`frames`] |
//! | idle connection | [`IDLE_TIME_MAX`] |

mod connection;
mod exchange;
mod frames;
mod peers;
pub mod tls;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_http::{HttpService, Protocol, Request, Response};
use actix_server::{Server, ServerBuilder};
use actix_service::{IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::body::MessageBody;
use actix_web::dev::AppConfig;
use ipnet::IpNet;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::observe::metrics;
use connection::Connection;
pub use exchange::{Exchange, HeadTooLarge, ResponseBody};
pub use peers::Peers;
use tls::Tls;

/// The most connections per worker.
pub const CONNECTIONS_MAX: usize = 10_000;
/// Files reserved for the process itself: databases, logs, outbound calls.
const FILES_KEPT: u64 = 512;
/// Timeout of a TLS handshake.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(5);
/// The most time for the head of a request, from its first byte.
const HEAD_TIME_MAX: Duration = Duration::from_secs(5);
/// How long to wait for a connection to close.
const END_TIME_MAX: Duration = Duration::from_secs(1);
/// How long requests in progress may take after the process is asked to stop.
const STOP_GRACE_S: u64 = 10;
/// HTTP/2: the flow-control windows of a stream and of a connection, in bytes.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;

/// How to listen.
pub struct Listening {
    pub listener: TcpListener,
    pub tls: Option<Tls>,
    pub workers: usize,
    /// How long a connection may be idle between requests. If a balancer keeps connections longer than that, it sends
    /// requests into connections that are being closed.
    pub keep_alive: Duration,
    /// The most connections per address.
    pub connections_per_peer: u32,
    /// Addresses without that limit.
    pub trusted: Vec<IpNet>,
}

/// A server that responds with `app`, which is instantiated in each worker thread. Its handle stops it.
///
/// # Errors
/// Errors of the operating system.
pub fn serve<F, I, S, B>(listening: Listening, app: F) -> io::Result<Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<actix_web::Error> + 'static,
    S::InitError: std::fmt::Debug,
    S::Response: Into<Response<B>>,
    <S::Service as Service<Request>>::Future: 'static,
    B: MessageBody + 'static,
{
    let Listening { listener, tls, workers, keep_alive, connections_per_peer, trusted } = listening;
    let address = listener.local_addr()?;
    let acceptor = tls.map(|tls| {
        let mut config = tls.server_config();
        config.alpn_protocols = vec![b"h2".into(), b"http/1.1".into()];
        TlsAcceptor::from(Arc::new(config))
    });
    let peers = Peers::new(connections_per_peer, trusted);
    let builder = ServerBuilder::new()
        .workers(workers)
        .max_concurrent_connections(connections_max(workers))
        .shutdown_timeout(STOP_GRACE_S)
        .disable_signals();
    let stopping = builder.graceful_shutdown_signal();
    let builder = builder.listen("hookflow", listener, move || {
        let stopping = stopping.clone();
        let app = app().into_factory().map_err(|error| error.into().error_response());
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .keep_alive(keep_alive)
            .client_request_timeout(HEAD_TIME_MAX)
            .client_disconnect_timeout(END_TIME_MAX)
            .h2_initial_window_size(STREAM_WINDOW_BYTES)
            .h2_initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .on_connect_ext(Connection::introduce)
            .local_addr(address)
            .finish(map_config(app, |()| AppConfig::default()));
        let (peers, acceptor) = (peers.clone(), acceptor.clone());
        fn_service(move |socket: TcpStream| accept(socket, peers.clone(), acceptor.clone(), keep_alive))
            .map_err(|error: io::Error| actix_http::error::DispatchError::Io(error))
            .and_then(http)
    })?;
    Ok(builder.run())
}

/// Accepts a connection unless its peer has too many, and sets up TLS.
async fn accept(
    socket: TcpStream,
    peers: Peers,
    acceptor: Option<TlsAcceptor>,
    keep_alive: Duration,
) -> io::Result<(Connection, Protocol, Option<SocketAddr>)> {
    let peer = socket.peer_addr()?;
    let Some(slot) = peers.enter(peer.ip()) else {
        metrics::connection_refused();
        return Err(io::Error::other("the peer has too many connections"));
    };
    let Some(acceptor) = acceptor else {
        return Ok((Connection::plain(socket, slot, keep_alive), Protocol::Http1, Some(peer)));
    };
    let stream = tokio::time::timeout(HANDSHAKE_TIME_MAX, acceptor.accept(socket)).await??;
    Ok(match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => (Connection::http_2(stream, slot), Protocol::Http2, Some(peer)),
        _ => (Connection::tls(stream, slot, keep_alive), Protocol::Http1, Some(peer)),
    })
}

/// The most connections per worker. Raises the limit on open files, since each connection is a file.
fn connections_max(workers: usize) -> usize {
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap_or_else(|error| {
        log::warn!(err:% = error; "failed to raise the limit on open files");
        rlimit::Resource::NOFILE.get_soft().unwrap_or(1_024)
    });
    let possible = usize::try_from(files.saturating_sub(FILES_KEPT)).unwrap_or(usize::MAX) / workers;
    if possible < CONNECTIONS_MAX {
        log::warn!(files; "the limit on open files allows only {possible} connections per worker; raise it with `ulimit -n`");
    }
    possible.clamp(1, CONNECTIONS_MAX)
}
