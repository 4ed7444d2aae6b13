//! Use cases: each thing that people and programs can do is one function.
//!
//! A use case takes the [`Services`], the actor ([`Reader`] or [`Admin`], depending on the role that it requires) and
//! typed input. It returns a typed view or a [`UseCaseError`]. HTTP handlers call use cases, but nothing here depends
//! on HTTP, except that views have the shape of [`crate::http::document`].
//!
//! Each resource has a file: its views first, then its use cases.

pub mod actions;
mod actor;
pub mod arrivals;
pub mod customers;
pub mod entities;
mod error;
pub mod health;
pub mod hook_secrets;
pub mod hooks;
pub mod keys;
pub mod klasses;
pub mod kobjects;
pub mod later_runs;
pub mod orgs;
mod paging;
pub mod refusals;
pub mod relationships;
pub mod runs;
pub mod shapes;
pub mod transactions;
pub mod variables;
pub mod versions;
pub mod workflows;

use std::sync::Arc;

pub use actor::{Actor, Admin, AuthError, Reader, authorise};
pub use error::{UseCaseError, UseCaseResult};
pub use paging::{PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX, Paging, Slice};

use crate::base::id::Id;
use crate::catalog::Catalog;
use crate::changes::{self, Edited, Editor};
use crate::door::Refusals;
use crate::engine::EngineHandle;
use crate::store::{Session, Store, StoreResult};
use arrivals::Listeners;

/// What use cases need; cheap to clone.
#[derive(Clone)]
pub struct Services {
    pub store: Store,
    pub catalog: Catalog,
    pub engine: EngineHandle,
    /// The refusals of the last second, which are not stored yet.
    pub refusals: Refusals,
    pub listeners: Listeners,
    /// The base URL at which senders reach this server, without a trailing slash.
    pub public_url: Arc<str>,
    /// The domain of e-mail hooks, if mails can arrive by SMTP. Any other works too.
    pub mail_domain: Option<Arc<str>>,
}

/// Changes the object at an address in one transaction.
async fn alter<T, U: Send + 'static>(
    services: &Services,
    org: Id,
    what: &str,
    address: &str,
    find: impl Fn(&mut dyn Session, &str) -> StoreResult<Option<T>> + Send + 'static,
    alter: impl Fn(&mut Editor<'_>, T) -> StoreResult<U> + Send + 'static,
) -> UseCaseResult<U> {
    let key = address.to_owned();
    let altered = edit(services, org, move |editor| match find(editor.session, &key)? {
        Some(found) => alter(editor, found).map(Some),
        None => Ok(None),
    });
    altered.await?.ok_or_else(|| UseCaseError::not_found(what, address))
}

/// Changes objects, and starts the runs of workflows that listen for the changes, in one transaction.
async fn edit<T: Send + 'static>(
    services: &Services,
    org: Id,
    work: impl Fn(&mut Editor<'_>) -> StoreResult<T> + Send + 'static,
) -> UseCaseResult<T> {
    let in_force = services.catalog.in_force();
    let written = services.store.write(move |session| changes::edit(session, org, &in_force, &work));
    let Edited { outcome, starts_runs } = written.await?;
    if starts_runs {
        services.engine.look();
    }
    Ok(outcome)
}
