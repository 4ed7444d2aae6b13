//! `hookflow serve`: puts the parts together, and takes them apart in order.
//!
//! Started: the database, the catalog with the first org, its admin key and the workflow files, the engine, the door, the
//! background jobs, the listeners. Stopped, by SIGTERM or SIGINT, in the order of [`shutdown::Running`].

mod error;
mod greeting;
pub mod jobs;
mod listeners;
mod parts;
mod shutdown;

pub use error::ServeError;

use crate::catalog::keys;
use crate::config::Serve;
use crate::engine::Engine;
use crate::outbound::Performer;
use crate::store::Store;
use listeners::{Listeners, Sockets};
use shutdown::Running;

/// Runs the server until it is asked to stop.
///
/// # Errors
/// [`ServeError`] says why the server can't start, or why it stopped.
pub async fn serve(settings: Serve) -> Result<(), ServeError> {
    // Invalid settings are found before anything is created.
    let sockets = Sockets::bind(&settings)?;
    let admin_key = keys::from_environment()?;
    let performer = parts::performer(&settings, sockets.address)?;
    let store = parts::open_store(&settings).await?;
    let served = run(&settings, sockets, performer, admin_key, &store).await;
    tokio::task::spawn_blocking(move || store.close()).await.ok();
    log::info!("stopped");
    served
}

async fn run(
    settings: &Serve,
    sockets: Sockets,
    performer: Performer,
    admin_key: Option<String>,
    store: &Store,
) -> Result<(), ServeError> {
    let catalog = parts::open_catalog(settings, store).await?;
    let org = parts::set_up_org(&catalog, admin_key).await?;
    let files = parts::load_files(settings, &catalog, org.id).await?;
    let (engine, engine_handle) =
        Engine::new(store.clone(), catalog.programs().clone(), catalog.current_in_force(), performer.clone());
    engine.recover().await;
    let public_url = sockets.public_url(settings);
    let door = parts::door(settings, &catalog, store, engine_handle, performer, &public_url);
    let (own_url, tls) = (sockets.own_url(), sockets.tls.clone());
    let listeners = Listeners::open(settings, sockets, &door)?;
    // Before the greeting: a supervisor that reads it may ask the server to stop at once.
    let stop_signal = shutdown::signal().map_err(ServeError::Server)?;
    greeting::greet(&own_url, &public_url, listeners.smtp_address(), &org, &catalog.snapshot());
    let engine = shutdown::start(|stopping| engine.run(stopping));
    let jobs = jobs::start(&door, files, tls);
    Running { listeners, jobs, door, engine }.until(stop_signal).await
}
