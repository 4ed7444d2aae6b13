//! Authentication: the API key of a request.
//!
//! A handler that takes an [`Admin`] or a [`Reader`] is called only with a key that has the role. The key is sent as
//! `Authorization: Bearer <key>`.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};

use crate::http::errors::{ApiError, Code};
use crate::usecases::{Actor, Admin, AuthError, Reader, Services, authorise};

fn actor(request: &HttpRequest) -> Result<Actor, ApiError> {
    let services = request.app_data::<Data<Services>>().expect("the services are registered with the routes");
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let key = match header.and_then(|value| value.split_once(' ')) {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => key.trim(),
        _ => return Err(ApiError::new(Code::Unauthorized, "send `Authorization: Bearer <key>`")),
    };
    Ok(authorise(&services.catalog.snapshot(), key)?)
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> ApiError {
        let code = match error {
            AuthError::UnknownKey => Code::Unauthorized,
            AuthError::Forbidden { .. } => Code::Forbidden,
        };
        ApiError::new(code, error.to_string())
    }
}

impl FromRequest for Admin {
    type Error = ApiError;
    type Future = Ready<Result<Admin, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(actor(request).and_then(|actor| Ok(actor.admin()?)))
    }
}

impl FromRequest for Reader {
    type Error = ApiError;
    type Future = Ready<Result<Reader, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(actor(request).and_then(|actor| Ok(actor.reader()?)))
    }
}
