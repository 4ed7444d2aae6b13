//! The sockets, and the servers that listen on them.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::App as ActixApp;
use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use tokio::net::TcpSocket;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::ServeError;
use crate::api;
use crate::config::Serve;
use crate::door::{Door, smtp};
use crate::listen::tls::Tls;
use crate::listen::{self, Listening};
use crate::store::make_home;
use crate::usecases::{Services, arrivals};

/// How many connections wait to be accepted, as far as the system allows. One that finds no room retries after a second.
const BACKLOG: u32 = 4_096;

/// What senders connect to, before it is answered.
pub struct Sockets {
    http: TcpListener,
    /// The address of `http`.
    pub address: SocketAddr,
    smtp: Option<TcpListener>,
    pub tls: Option<Tls>,
}

impl Sockets {
    /// Binds all addresses, and reads the certificate.
    pub fn bind(settings: &Serve) -> Result<Sockets, ServeError> {
        let http = bind(settings.listen, "--listen")?;
        let smtp = settings.smtp_listen.map(|address| bind(address, "--smtp-listen")).transpose()?;
        let tls = Tls::open(&settings.tls)?;
        let address = http.local_addr().map_err(ServeError::Server)?;
        Ok(Sockets { http, address, smtp, tls })
    }

    /// The URL of this process, without any proxy.
    pub fn own_url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The URL that senders use, without a slash at the end.
    pub fn public_url(&self, settings: &Serve) -> String {
        let url = settings.public_url.clone().unwrap_or_else(|| self.own_url());
        url.trim_end_matches('/').to_owned()
    }
}

fn bind(address: SocketAddr, flag: &'static str) -> Result<TcpListener, ServeError> {
    try_bind(address).map_err(|source| match source.kind() {
        std::io::ErrorKind::AddrInUse => ServeError::AddressInUse { address, flag },
        _ => ServeError::Listen { address, source },
    })
}

fn try_bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // So that a start soon after a stop finds the address free.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

/// The servers that answer.
pub struct Listeners {
    http: Server,
    smtp: Option<Smtp>,
    /// Becomes true when nothing new is accepted any more.
    closing: watch::Sender<bool>,
}

/// The server for mail, which stores what has arrived before it ends.
struct Smtp {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Listeners {
    /// Answers requests. HTTP is only answered while [`Listeners::serve`] runs.
    pub fn open(settings: &Serve, sockets: Sockets, door: &Door) -> Result<Listeners, ServeError> {
        let closing = watch::Sender::new(false);
        let public_url = sockets.public_url(settings);
        let mail_domain = sockets.smtp.as_ref().and_then(|_| domain(&door.public_url));
        let services = Services {
            mail_domain,
            store: door.store.clone(),
            catalog: door.catalog.clone(),
            engine: door.engine.clone(),
            refusals: door.refusals.clone(),
            listeners: arrivals::Listeners::new(closing.subscribe()),
            public_url: public_url.as_str().into(),
        };
        let parts = (door.clone(), services);
        let http = http_server(settings, sockets.http, sockets.tls.clone(), parts)?;
        let smtp = |listener| smtp_server(listener, door, sockets.tls.as_ref(), closing.subscribe());
        let smtp = sockets.smtp.map(smtp).transpose()?;
        Ok(Listeners { http, smtp, closing })
    }

    /// Where mail is received.
    pub fn smtp_address(&self) -> Option<SocketAddr> {
        self.smtp.as_ref().map(|smtp| smtp.address)
    }

    /// Serves until `stop` resolves, and then until what has arrived is answered.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Result<(), ServeError> {
        let Listeners { http, smtp, closing } = self;
        let handle = http.handle();
        let mut http = std::pin::pin!(http);
        let served = tokio::select! {
            served = &mut http => served,
            () = stop => {
                // Live streams would delay the stop.
                closing.send_replace(true);
                let (served, ()) = tokio::join!(http, handle.stop(true));
                served
            }
        };
        closing.send_replace(true);
        if let Some(Smtp { server, .. }) = smtp {
            let _ = server.await;
        }
        served.map_err(ServeError::Server)
    }
}

fn http_server(
    settings: &Serve,
    listener: TcpListener,
    tls: Option<Tls>,
    (door, services): (Door, Services),
) -> Result<Server, ServeError> {
    let workers = match settings.http_workers {
        Some(workers) => usize::from(workers),
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let listening = Listening {
        listener,
        tls,
        workers,
        keep_alive: Duration::from_secs(settings.keep_alive_s.into()),
        connections_per_peer: settings.connections_per_peer,
        trusted: settings.proxies.trusted_proxies.clone(),
    };
    // Called once by each worker, on its thread.
    let app = move || {
        make_home();
        let (door, services) = (door.clone(), services.clone());
        ActixApp::new().wrap(from_fn(api::to_the_end)).configure(|service| api::configure(service, door, services))
    };
    listen::serve(listening, app).map_err(ServeError::Server)
}

/// The host of a URL, to which mails can be addressed.
fn domain(url: &str) -> Option<Arc<str>> {
    url::Url::parse(url).ok()?.host_str().map(Arc::from)
}

fn smtp_server(
    listener: TcpListener,
    door: &Door,
    tls: Option<&Tls>,
    closing: watch::Receiver<bool>,
) -> Result<Smtp, ServeError> {
    let address = listener.local_addr().map_err(ServeError::Server)?;
    let listener = tokio::net::TcpListener::from_std(listener).map_err(ServeError::Server)?;
    let server = tokio::spawn(smtp::serve(listener, door.clone(), tls.map(Tls::server_config), closing));
    Ok(Smtp { address, server })
}
