//! The parts of the server, each made from the settings.

use std::net::SocketAddr;
use std::path::Path;

use super::ServeError;
use super::greeting;
use super::jobs::WorkflowFiles;
use crate::base::id::Id;
use crate::catalog::files;
use crate::catalog::variables;
use crate::catalog::{Catalog, keys};
use crate::config::Serve;
use crate::door::{Door, Limits, RateLimiters, TrustedProxies};
use crate::engine::{EngineHandle, Programs};
use crate::outbound::{AddressPolicy, Client, Mailer, Performer};
use crate::secrets::vault::Vault;
use crate::store::{Org, Store};

/// What makes calls to other servers and sends mail. Calls to `own_address` are refused.
pub fn performer(settings: &Serve, own_address: SocketAddr) -> Result<Performer, ServeError> {
    let client = Client::new(AddressPolicy::new(&settings.outbound_allow)?.refusing_own(own_address))?;
    let mail = &settings.mail;
    let mailer = mail.smtp_url.as_ref().map(|url| Mailer::new(url.reveal(), mail.mail_from.as_deref()));
    Ok(Performer::new(client, mailer.transpose()?))
}

/// The database, with its tables brought up to date.
pub async fn open_store(settings: &Serve) -> Result<Store, ServeError> {
    let database = settings.database.clone();
    let opened = tokio::task::spawn_blocking(move || database.open()).await;
    Ok(opened.map_err(|failure| ServeError::Server(failure.into()))??)
}

/// The catalog of what the database holds, once it is sure that its secrets can be decrypted.
pub async fn open_catalog(settings: &Serve, store: &Store) -> Result<Catalog, ServeError> {
    let vault = Vault::open(&settings.secret_key_file())?;
    variables::check_key(store, &vault, settings.forget_variables).await?;
    Ok(Catalog::open(store.clone(), Programs::default(), vault).await?)
}

/// The org. Creates it at the first start, with an admin key that is printed.
pub async fn set_up_org(catalog: &Catalog, admin_key: Option<String>) -> Result<Org, ServeError> {
    let (org, new_key) = keys::set_up(catalog, admin_key).await?;
    // No later failure may prevent this: the key can't be shown again.
    new_key.iter().for_each(|key| greeting::print(&format!("Admin key, shown only this once:\n\n  {key}\n\n")));
    Ok(org)
}

/// Loads the folder of workflow files. The default folder may be missing.
pub async fn load_files(settings: &Serve, catalog: &Catalog, org: Id) -> Result<Option<WorkflowFiles>, ServeError> {
    let folder = settings.workflows.clone();
    if !folder.exists() && folder == Path::new("workflows") {
        log::warn!("the folder `workflows` does not exist; workflows can be added over HTTP");
        return Ok(None);
    }
    // Watched first, so that no change is missed.
    let watcher = WorkflowFiles::watch(&folder);
    let loaded = files::load_folder(&folder, catalog, org).await?;
    Ok(Some(WorkflowFiles { folder, org, loaded, watcher }))
}

/// The door, which accepts hooks.
pub fn door(
    settings: &Serve,
    catalog: &Catalog,
    store: &Store,
    engine: EngineHandle,
    performer: Performer,
    public_url: &str,
) -> Door {
    let limits = Limits {
        body_bytes: settings.body_limit_bytes as usize,
        inflated_bytes: settings.inflated_limit_bytes as usize,
    };
    let (proxies, rate_limiters) = (TrustedProxies::new(settings.proxies.clone()), RateLimiters::new(settings.rates));
    Door::new(store.clone(), catalog.clone(), (engine, performer), limits, proxies, rate_limiters, public_url)
}
