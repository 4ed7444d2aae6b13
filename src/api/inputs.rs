//! What calls take, checked by rule: a query parameter or a body that an operation does not describe is an error, because
//! a caller that sends one expects something else than what would be done.

use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage};
use futures_util::StreamExt;
use utoipa::openapi::path::ParameterIn;

use super::describe::Endpoint;
use crate::http::errors::{ApiError, Code};
use crate::objects::unknown;

/// The longest body that is compared with those that say nothing.
const NOTHING_BYTES_MAX: usize = 16;

/// What the methods of one address take; cheap to clone.
#[derive(Clone)]
pub struct Inputs(Arc<[Input]>);

struct Input {
    /// In lower case.
    method: &'static str,
    parameters: Vec<String>,
    takes_body: bool,
}

impl Inputs {
    pub fn of(endpoint: &Endpoint) -> Inputs {
        let inputs = endpoint.operations.iter().map(|(method, operation)| {
            let query = operation.parameters.iter().filter(|parameter| parameter.parameter_in == ParameterIn::Query);
            let parameters = query.map(|parameter| parameter.name.clone()).collect();
            Input { method, parameters, takes_body: operation.body.is_some() }
        });
        Inputs(inputs.collect())
    }

    /// Passes a request on, unless it has something that its operation does not take.
    pub async fn check<B: MessageBody>(
        self,
        mut request: ServiceRequest,
        next: Next<B>,
    ) -> Result<ServiceResponse<B>, Error> {
        let method = request.method().as_str();
        // Methods that are not described get an answer of their own.
        let Some(input) = self.0.iter().find(|input| method.eq_ignore_ascii_case(input.method)) else {
            return next.call(request).await;
        };
        check_query(&input.parameters, request.query_string())?;
        if !input.takes_body && !says_nothing(request.take_payload()).await {
            return Err(ApiError::new(Code::Invalid, "this call takes no body").into());
        }
        next.call(request).await
    }
}

fn check_query(parameters: &[String], query: &str) -> Result<(), ApiError> {
    let mut given = url::form_urlencoded::parse(query.as_bytes());
    match given.find(|(name, _)| parameters.iter().all(|known| known != name)) {
        None => Ok(()),
        Some((name, _)) => {
            let detail = unknown("parameter", &name, parameters.iter().map(String::as_str));
            Err(ApiError::parameter(&name, detail))
        }
    }
}

/// Whether a body is empty, or as good as that. Many clients send `{}` with every request.
async fn says_nothing(mut payload: Payload) -> bool {
    let mut body = Vec::new();
    while let Some(Ok(chunk)) = payload.next().await {
        body.extend_from_slice(&chunk);
        if body.len() > NOTHING_BYTES_MAX {
            return false;
        }
    }
    matches!(body.trim_ascii(), b"" | b"{}" | b"null")
}
