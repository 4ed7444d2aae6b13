//! The HTTP interface: which address leads where.
//!
//! One file a resource. Handlers check who asks, read what was sent, do one unit of work with the store and show the
//! result; rules about objects and workflows are elsewhere.

mod actions;
mod auth;
mod body;
mod calls;
mod customers;
mod entities;
mod health;
mod hook_secrets;
mod hooks;
mod keys;
mod klasses;
mod live;
mod orgs;
mod refusals;
mod relationships;
mod runs;
mod transactions;
mod variables;
mod versions;
mod workflows;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{Error, Resource};

use crate::base::id::Id;
use crate::changes::{self, Edited, Editor};
use crate::door::Door;
use crate::engine::Programs;
use crate::http::errors::{self, ApiError, Code};
use crate::listen::{Exchange, HeadTooLarge, ResponseBody};
use crate::store::{Session, StoreResult};

pub use body::ADMIN_BODY_MAX;
pub use hooks::hook_url;
pub use live::Live;

/// What handlers share.
#[derive(Clone)]
pub struct App {
    pub door: Door,
    pub programs: Programs,
    /// How senders reach this server, without a slash at the end.
    pub public_url: String,
    pub live: Live,
}

/// Registers all routes.
pub fn configure(service: &mut ServiceConfig, app: App) {
    let path_error = |_, _: &_| ApiError::new(Code::BadRequest, "malformed path").into();
    let query_error =
        |error: actix_web::error::QueryPayloadError, _: &_| ApiError::new(Code::BadParameter, error.to_string()).into();
    service
        .app_data(Data::new(app.door.clone()))
        .app_data(Data::new(app))
        .app_data(web::PathConfig::default().error_handler(path_error))
        .app_data(web::QueryConfig::default().error_handler(query_error))
        .app_data(web::PayloadConfig::new(ADMIN_BODY_MAX))
        .configure(hooks::addresses)
        .configure(hooks::routes)
        .configure(hook_secrets::routes)
        .configure(refusals::routes)
        .configure(live::routes)
        .configure(transactions::routes)
        .configure(actions::routes)
        .configure(calls::routes)
        .configure(workflows::routes)
        .configure(versions::routes)
        .configure(runs::routes)
        .configure(customers::routes)
        .configure(entities::routes)
        .configure(keys::routes)
        .configure(variables::routes)
        .configure(klasses::routes)
        .configure(relationships::routes)
        .configure(orgs::routes)
        .configure(health::routes)
        .default_service(web::to(errors::no_such_address));
}

/// Answers a request to the end, also when its sender breaks the connection meanwhile: what is to be done after a commit,
/// such as making the call that a run has come to, must not be left out.
pub async fn to_the_end<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<ResponseBody<BoxBody>>, Error> {
    let exchange = Exchange::begin(&request)
        .map_err(|HeadTooLarge| ApiError::new(Code::HeadersTooLarge, "too many headers, or headers too long"))?;
    let answered = actix_web::rt::spawn(next.call(request)).await;
    let answered = answered.unwrap_or_else(|failure| Err(ApiError::new(Code::Internal, failure.to_string()).into()));
    let hold =
        |answer: ServiceResponse<B>| answer.map_into_boxed_body().map_body(|_, body| ResponseBody::new(body, exchange));
    answered.map(hold)
}

/// An address that takes these methods; others are answered with an error like any other.
fn at(path: &str, methods: &'static str) -> Resource {
    let refuse = move |request| errors::method_not_allowed(request, methods);
    web::resource(path).default_service(web::to(refuse))
}

/// An id in a path.
fn path_id(what: &str, text: &str) -> Result<Id, ApiError> {
    text.parse().map_err(|_| ApiError::not_found(what, text))
}

/// Does something to the object at an address, in one transaction: what that came to, or that there is no such object.
async fn alter<T, U: Send + 'static>(
    app: &App,
    org: Id,
    what: &str,
    address: String,
    find: impl Fn(&mut dyn Session, &str) -> StoreResult<Option<T>> + Send + 'static,
    alter: impl Fn(&mut Editor<'_>, T) -> StoreResult<U> + Send + 'static,
) -> Result<U, ApiError> {
    let asked = address.clone();
    let written = edit(app, org, move |editor| match find(editor.session, &asked)? {
        Some(found) => alter(editor, found).map(Some),
        None => Ok(None),
    });
    written.await?.ok_or_else(|| ApiError::not_found(what, address))
}

/// Changes objects in one transaction, in which the workflows that listen for the changes get their runs.
async fn edit<T: Send + 'static>(
    app: &App,
    org: Id,
    work: impl Fn(&mut Editor<'_>) -> StoreResult<T> + Send + 'static,
) -> Result<T, ApiError> {
    let in_force = app.door.catalog.in_force();
    let written = app.door.store.write(move |session| changes::edit(session, org, &in_force, &work));
    let Edited { outcome, starts_runs } = written.await?;
    if starts_runs {
        app.door.engine.look();
    }
    Ok(outcome)
}
