//! Who is asking: API keys and roles.
//!
//! A handler that takes an [`Admin`] or a [`Reader`] is reached only with a key that has the role. The key comes as
//! `Authorization: Bearer <key>`.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};

use super::App;
use crate::base::id::Id;
use crate::http::errors::{ApiError, Code};
use crate::store::Role;

/// A caller that may change things, in this org.
pub struct Admin {
    pub org: Id,
}

/// A caller that may read, in this org.
pub struct Reader {
    pub org: Id,
}

fn authorise(request: &HttpRequest, allowed: &[Role]) -> Result<Id, ApiError> {
    let app = request.app_data::<Data<App>>().expect("the app's state is registered with its routes");
    let header = request.headers().get(AUTHORIZATION);
    let Some(header) = header.and_then(|value| value.to_str().ok()) else {
        return Err(ApiError::new(Code::Unauthorized, "send `Authorization: Bearer <key>`"));
    };
    let secret = match header.split_once(' ') {
        Some((scheme, secret)) if scheme.eq_ignore_ascii_case("bearer") => secret.trim(),
        _ => return Err(ApiError::new(Code::Unauthorized, "send `Authorization: Bearer <key>`")),
    };
    let snapshot = app.door.catalog.snapshot();
    let Some(key) = snapshot.key(secret) else {
        return Err(ApiError::new(Code::Unauthorized, "unknown API key"));
    };
    if !allowed.contains(&key.role) {
        return Err(ApiError::new(Code::Forbidden, format!("a key with the role {} does not allow this", key.role)));
    }
    Ok(key.org)
}

impl FromRequest for Admin {
    type Error = ApiError;
    type Future = Ready<Result<Admin, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(authorise(request, &[Role::Admin]).map(|org| Admin { org }))
    }
}

impl FromRequest for Reader {
    type Error = ApiError;
    type Future = Ready<Result<Reader, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(authorise(request, &[Role::Admin, Role::Read]).map(|org| Reader { org }))
    }
}
