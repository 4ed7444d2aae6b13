//! `hookflow serve`: puts the parts together, and takes them apart in order.
//!
//! Started: the database, the first org and admin key, the workflow files, the engine, then the door. Stopped, by
//! SIGTERM or SIGINT: the door first, so that nothing new comes in while what came in is answered; then the engine; then
//! the database, with its log folded into the one file.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::App as ActixApp;
use actix_web::middleware::from_fn;
use tokio::net::TcpSocket;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::api::{self, App, Live};
use crate::base::id::Id;
use crate::catalog::files::{self, FileText, FilesError};
use crate::catalog::keys;
use crate::catalog::variables::{self, SecretKeyError};
use crate::catalog::{Catalog, HookInForce, Snapshot, schedules};
use crate::config::Serve;
use crate::door::{Door, Limits, RateLimiters, Refusals, TrustedProxies, forget_deliveries, smtp};
use crate::engine::{Engine, Programs};
use crate::hook::{HookKind, Verification};
use crate::listen::tls::{Tls, TlsError};
use crate::listen::{self, Listening};
use crate::outbound::{AddressPolicy, Client, ClientError, Mailer, MailerError, Performer, PolicyError};
use crate::secrets::vault::{self, Vault};
use crate::store::{Health, OpenError, Org, Status, Store, StoreError, make_home};

/// How often refusals are written.
const REFUSALS_EVERY: Duration = Duration::from_secs(1);
/// How many connections wait to be taken, as far as the system allows. One that finds no room asks again after a second.
const BACKLOG: u32 = 4_096;

/// Why the server can't start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("the address {address} is in use by another program; stop it, or listen elsewhere with {flag}")]
    AddressInUse { address: SocketAddr, flag: &'static str },
    #[error("can't listen on {address}: {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Files(#[from] FilesError),
    #[error("--outbound-allow is not valid")]
    Policy(#[from] PolicyError),
    #[error("calls to other servers can't be set up")]
    Client(#[from] ClientError),
    #[error(transparent)]
    Mail(#[from] MailerError),
    #[error(transparent)]
    AdminKey(#[from] keys::KeyError),
    #[error(transparent)]
    SecretKey(#[from] SecretKeyError),
    #[error(transparent)]
    Vault(#[from] vault::KeyError),
    #[error("the database could not be set up")]
    Store(#[from] StoreError),
    #[error("the server stopped")]
    Server(#[source] std::io::Error),
}

/// Runs the server until it is told to stop.
pub async fn serve(settings: Serve) -> Result<(), ServeError> {
    // What can be wrong with the settings is told before anything is made.
    let listener = listen(settings.listen, "--listen")?;
    let smtp = settings.smtp_listen.map(|address| listen(address, "--smtp-listen")).transpose()?;
    let admin_key = keys::from_environment()?;
    let tls = Tls::open(&settings.tls)?;
    let address = listener.local_addr().map_err(ServeError::Server)?;
    let client = Client::new(AddressPolicy::new(&settings.outbound_allow)?.refusing_own(address))?;
    let performer = Performer::new(client, mailer(&settings)?);
    let public_url = settings.public_url.clone().unwrap_or_else(|| own_url(address, tls.as_ref()));
    let public_url = public_url.trim_end_matches('/').to_owned();
    let database = settings.database.clone();
    let opened = tokio::task::spawn_blocking(move || database.open()).await;
    let store = opened.map_err(|failure| ServeError::Server(failure.into()))??;
    let served =
        run(&settings, Listeners { http: listener, smtp, tls }, performer, &store, admin_key, public_url).await;
    tokio::task::spawn_blocking(move || store.close()).await.ok();
    log::info!("stopped");
    served
}

/// What senders connect to.
struct Listeners {
    http: TcpListener,
    smtp: Option<TcpListener>,
    tls: Option<Tls>,
}

async fn run(
    settings: &Serve,
    Listeners { http: listener, smtp, tls }: Listeners,
    performer: Performer,
    store: &Store,
    admin_key: Option<String>,
    public_url: String,
) -> Result<(), ServeError> {
    let programs = Programs::default();
    // From before the catalog is read, so that no change is missed in between.
    let news = store.changes();
    let vault = Vault::open(&settings.secret_key_file())?;
    variables::check_key(store, &vault, settings.forget_variables).await?;
    let catalog = Catalog::open(store.clone(), programs.clone(), vault).await?;
    let (org, new_key) = keys::set_up(&catalog, admin_key).await?;
    // Nothing that goes wrong from here on may keep it from being shown: there is no other time.
    new_key.iter().for_each(|key| print(&format!("Admin key, shown only this once:\n\n  {key}\n\n")));
    let files = load_files(settings, &catalog, org.id).await?;
    let (engine, engine_handle) =
        Engine::new(store.clone(), programs.clone(), catalog.current_in_force(), performer.clone());
    engine.recover().await;
    let limits = Limits {
        body_bytes: settings.body_limit_bytes as usize,
        inflated_bytes: settings.inflated_limit_bytes as usize,
    };
    let (proxies, rate_limiters) = (TrustedProxies::new(settings.proxies.clone()), RateLimiters::new(settings.rates));
    let door = Door::new(
        store.clone(),
        catalog.clone(),
        (engine_handle, performer),
        limits,
        proxies,
        rate_limiters,
        &public_url,
    );
    let (close, closing) = watch::channel(false);
    let live = Live::new(closing.clone());
    let app = App { door: door.clone(), programs: programs.clone(), public_url: public_url.clone(), live };
    let (stop, stopping) = watch::channel(false);
    let mut tasks: Vec<JoinHandle<()>> = Vec::new();
    if let Some(files) = files {
        let folder = settings.workflows.clone();
        let watching = files::watch(folder, files, catalog.clone(), org.id, stopping.clone());
        tasks.push(tokio::spawn(watching));
    }
    tasks.push(tokio::spawn(forget_deliveries(door.clone(), stopping.clone())));
    tasks.push(tokio::spawn(write_refusals(door.refusals.clone(), store.clone(), stopping.clone())));
    let keeping = schedules::keep(store.clone(), catalog.clone(), door.engine.clone(), stopping.clone());
    tasks.push(tokio::spawn(keeping));
    if let Some(tls) = &tls {
        tasks.push(tokio::spawn(tls.clone().watch(stopping.clone())));
    }
    tasks.push(tokio::spawn(engine.run(stopping)));
    // Ends by itself when the database is closed.
    tokio::spawn(catalog.clone().follow(news));
    let address = listener.local_addr().map_err(ServeError::Server)?;
    let own_url = own_url(address, tls.as_ref());
    let mails = smtp.map(|listener| take_mails(listener, door, tls.as_ref(), closing)).transpose()?;
    let server = server(settings, (listener, tls), app)?;
    // Before anybody hears that the server is up: whoever hears it may want to stop it at once.
    let stop_signal = stop_signal().map_err(ServeError::Server)?;
    greet(&own_url, &public_url, &org, &catalog.snapshot());
    if let Some((address, _)) = &mails {
        print(&format!("mails are taken on smtp://{address}\n\n"));
    }
    let (handle, closing) = (server.handle(), close.clone());
    tokio::spawn(async move {
        stop_signal.await;
        // Answers that go on for as long as somebody listens would hold the stop up.
        let _ = closing.send(true);
        handle.stop(true).await;
    });
    let served = server.await.map_err(ServeError::Server);
    let _ = close.send(true);
    if let Some((_, mails)) = mails {
        let _ = mails.await;
    }
    log::info!("stopping: the door is closed");
    let _ = stop.send(true);
    for task in tasks {
        let _ = task.await;
    }
    served
}

fn mailer(settings: &Serve) -> Result<Option<Mailer>, MailerError> {
    let mail = &settings.mail;
    mail.smtp_url.as_ref().map(|url| Mailer::new(url.reveal(), mail.mail_from.as_deref())).transpose()
}

fn listen(address: SocketAddr, flag: &'static str) -> Result<TcpListener, ServeError> {
    bind(address).map_err(|source| match source.kind() {
        std::io::ErrorKind::AddrInUse => ServeError::AddressInUse { address, flag },
        _ => ServeError::Listen { address, source },
    })
}

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // So that a start soon after a stop finds the address free.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

/// Begins to take mails, until `closing` turns true; where, and what ends when the last one is stored.
fn take_mails(
    listener: TcpListener,
    door: Door,
    tls: Option<&Tls>,
    closing: watch::Receiver<bool>,
) -> Result<(SocketAddr, JoinHandle<()>), ServeError> {
    let address = listener.local_addr().map_err(ServeError::Server)?;
    let listener = tokio::net::TcpListener::from_std(listener).map_err(ServeError::Server)?;
    let taking = smtp::serve(listener, door, tls.map(Tls::server_config), closing);
    Ok((address, tokio::spawn(taking)))
}

/// Where this process is reached without anything in between.
fn own_url(address: SocketAddr, tls: Option<&Tls>) -> String {
    let scheme = if tls.is_some() { "https" } else { "http" };
    format!("{scheme}://{address}")
}

fn server(
    settings: &Serve,
    (listener, tls): (TcpListener, Option<Tls>),
    app: App,
) -> Result<actix_web::dev::Server, ServeError> {
    let workers = match settings.http_workers {
        Some(workers) => usize::from(workers),
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let listening = Listening {
        listener,
        tls,
        workers,
        connections_per_peer: settings.connections_per_peer,
        trusted: settings.proxies.trusted_proxies.clone(),
    };
    // Called once by each worker, on its thread.
    let app = move || {
        make_home();
        let app = app.clone();
        ActixApp::new().wrap(from_fn(api::to_the_end)).configure(|service| api::configure(service, app))
    };
    listen::serve(listening, app).map_err(ServeError::Server)
}

/// Loads the folder of workflow files; what it held. A folder that was not asked for may be missing.
async fn load_files(settings: &Serve, catalog: &Catalog, org: Id) -> Result<Option<Vec<FileText>>, ServeError> {
    let folder = &settings.workflows;
    if !folder.exists() && *folder == std::path::Path::new("workflows") {
        log::warn!("there is no folder `workflows` here; workflows can be added over HTTP");
        return Ok(None);
    }
    let files = files::read_folder(folder)?;
    files::report(&files::load(&files, catalog, org).await?);
    Ok(Some(files))
}

/// Listens from now on for the process being asked to stop, by a supervisor or from the keyboard; resolves when it is.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
    })
}

async fn write_refusals(refusals: Refusals, store: Store, mut stopping: watch::Receiver<bool>) {
    while !*stopping.borrow() {
        tokio::select! {
            () = tokio::time::sleep(REFUSALS_EVERY) => {}
            changed = stopping.changed() => if changed.is_err() { return },
        }
        if let Err(error) = refusals.write(&store).await {
            log::debug!(err:% = error; "refusals wait to be written");
        }
        // Somebody has to find out that there is room again, even if no hook arrives.
        if store.health() == Health::DiskFull {
            let _ = store.write(|session| session.touch()).await;
        }
    }
}

/// Tells the person at the terminal what to do next.
fn greet(own_url: &str, public_url: &str, org: &Org, snapshot: &Snapshot) {
    let mut text = format!("hookflow listens on {own_url}\n");
    for in_force in snapshot.hooks(org.id).filter(|in_force| in_force.hook.status == Status::Enabled) {
        text.push_str(&greet_hook(public_url, in_force));
    }
    text.push('\n');
    print(&text);
}

/// Prints to standard output. Nobody may be reading, as when it is a closed pipe; the server works all the same.
fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes()).and_then(|()| std::io::stdout().flush());
}

fn greet_hook(public_url: &str, in_force: &HookInForce) -> String {
    let (hook, verification) = (&in_force.hook, &in_force.settings.verification);
    let title = format!("\nHook {} ({}):\n\n", hook.name, hook.title);
    let url = api::hook_url(public_url, hook);
    let key = match verification {
        Verification::Open => "",
        Verification::Key => "    -H \"authorization: Bearer $KEY\" \\\n",
        // What such a request looks like is the sender's matter.
        Verification::Signed(scheme) => {
            return format!("{title}  {url}\n  (requests are verified: {})\n", scheme.name());
        }
    };
    let (content_type, body) = match hook.kind {
        HookKind::Form | HookKind::Web => {
            ("application/json", r#"{"orderId":"1234","price":"$10.25","quantity":2,"email":"test@example.com"}"#)
        }
        HookKind::Email => ("message/rfc822", "Subject: Order 1234"),
    };
    format!("{title}  curl {url} \\\n{key}    -H 'content-type: {content_type}' \\\n    -d '{body}'\n")
}
