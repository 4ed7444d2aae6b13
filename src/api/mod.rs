//! The HTTP API: its addresses and handlers.
//!
//! Each resource has a file. A handler reads the request, calls a use case ([`crate::usecases`]) and answers with what
//! that returns. The file declares each address once, for the router and for the description of the API ([`describe`]).

mod actions;
mod answer;
mod arrivals;
mod auth;
mod body;
mod customers;
mod describe;
mod docs;
mod entities;
mod example;
mod health;
mod hook_secrets;
mod hooks;
mod inputs;
mod keys;
mod klasses;
mod openapi;
mod orgs;
mod query;
mod refusals;
mod relationships;
mod runs;
mod transactions;
mod variables;
mod versions;
mod workflows;

use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::{self, Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};

use crate::door::{self, Door};
use crate::http::errors::{self, ApiError, Code};
use crate::listen::{Exchange, HeadTooLarge, ResponseBody};
use crate::usecases::Services;
use describe::Group;

pub use body::ADMIN_BODY_MAX;
pub use openapi::document;

/// All addresses.
fn groups() -> Vec<Group> {
    vec![
        hooks::addresses(),
        hooks::group(),
        hook_secrets::group(),
        refusals::group(),
        arrivals::group(),
        transactions::group(),
        actions::group(),
        workflows::group(),
        versions::group(),
        runs::group(),
        customers::group(),
        entities::group(),
        keys::group(),
        variables::group(),
        klasses::group(),
        relationships::group(),
        orgs::group(),
        health::group(),
        openapi::group(),
        docs::group(),
    ]
}

/// Registers all routes.
pub fn configure(service: &mut ServiceConfig, door: Door, services: Services) {
    let path_error = |_, _: &_| ApiError::new(Code::BadRequest, "malformed path").into();
    let query_error =
        |error: actix_web::error::QueryPayloadError, _: &_| ApiError::new(Code::BadParameter, error.to_string()).into();
    service
        .app_data(Data::new(door))
        .app_data(Data::new(services))
        .app_data(web::PathConfig::default().error_handler(path_error))
        .app_data(web::QueryConfig::default().error_handler(query_error))
        .app_data(web::PayloadConfig::new(ADMIN_BODY_MAX));
    groups().into_iter().for_each(|group| group.register(service));
    service.default_service(web::to(elsewhere));
}

/// Addresses that are not declared. Some are those of hooks, written in another way.
async fn elsewhere(door: Data<Door>, request: HttpRequest, payload: Payload) -> Result<HttpResponse, Error> {
    match door::receive_odd(&door, &request, payload).await {
        Some(answer) => Ok(answer?),
        None => Ok(errors::no_such_address(request).await),
    }
}

/// Completes the handling of a request even if the client disconnects, because what follows a commit, such as making a
/// run's external call, must not be skipped.
pub async fn to_the_end<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<ResponseBody<BoxBody>>, Error> {
    let exchange = Exchange::begin(&request)
        .map_err(|HeadTooLarge| ApiError::new(Code::HeadersTooLarge, "too many headers, or headers too long"))?;
    let answered = actix_web::rt::spawn(next.call(request)).await;
    let answered = answered.unwrap_or_else(|failure| Err(ApiError::internal(&failure).into()));
    let hold =
        |answer: ServiceResponse<B>| answer.map_into_boxed_body().map_body(|_, body| ResponseBody::new(body, exchange));
    answered.map(hold)
}

#[cfg(test)]
mod tests {
    use actix_web::middleware::from_fn;
    use actix_web::{App, test};

    use super::*;

    #[actix_web::test]
    async fn a_panic_is_not_shown_to_the_caller() {
        let panics = web::to(async || -> &'static str { panic!("a secret") });
        let app = test::init_service(App::new().wrap(from_fn(to_the_end)).default_service(panics)).await;
        let error = test::try_call_service(&app, test::TestRequest::get().to_request()).await.unwrap_err();
        let answer = error.error_response();
        assert_eq!(answer.status(), 500);
        let body = actix_web::body::to_bytes(answer.into_body()).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["errors"][0]["detail"], "see the server's log");
    }
}
