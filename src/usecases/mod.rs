//! What people and programs can do: each thing is one function.
//!
//! A use case takes the [`Services`], who acts ([`Reader`] or [`Admin`], which says what the actor's key has to allow) and
//! typed input. It returns a typed view, which can be sent as it is, or a [`UseCaseError`]. HTTP handlers are one way
//! to reach use cases; nothing here knows of requests, but views have the shape of [`crate::http::document`].
//!
//! One file a resource: its views first, then what can be done with it.

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

/// What use cases work with; cheap to clone.
#[derive(Clone)]
pub struct Services {
    pub store: Store,
    pub catalog: Catalog,
    pub engine: EngineHandle,
    /// What hooks refused in the last second, before it is stored.
    pub refusals: Refusals,
    pub listeners: Listeners,
    /// How senders reach this server, without a slash at the end.
    pub public_url: Arc<str>,
}

/// Changes the object at an address, in one transaction.
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

/// Changes objects in one transaction, in which the workflows that listen for the changes get their runs.
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
