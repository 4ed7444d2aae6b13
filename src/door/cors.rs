//! What browsers ask for before, and look for after, a page of another origin posts to a hook.
//!
//! A page may read every answer that the hook gives it, refusals too, so that it can tell its visitor what went wrong.

use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
};
use actix_web::{HttpRequest, HttpResponse};

use crate::hook::{Cors, Settings};

/// How long a browser may remember a permission, in seconds.
const MAX_AGE_S: &str = "600";

/// The answer to a browser that asks whether a page may post; none if the request does not ask that, or it is not for this
/// hook to say.
pub fn preflight(settings: &Settings, request: &HttpRequest) -> Option<HttpResponse> {
    let headers = request.headers();
    if request.method() != Method::OPTIONS
        || settings.cors.is_none()
        || !headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    {
        return None;
    }
    let methods = if settings.accepts_get { "GET, POST" } else { "POST" };
    let mut response = HttpResponse::NoContent();
    response.insert_header((ACCESS_CONTROL_ALLOW_METHODS, methods));
    response.insert_header((ACCESS_CONTROL_MAX_AGE, MAX_AGE_S));
    // No header of a page's means anything that could do harm.
    if let Some(names) = headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        response.insert_header((ACCESS_CONTROL_ALLOW_HEADERS, names.clone()));
    }
    Some(response.finish())
}

/// Lets a page read the answer, if it is of an origin that may.
pub fn share(cors: &Cors, request: &HttpRequest, response: &mut HttpResponse) {
    let headers = response.headers_mut();
    if *cors != Cors::Any {
        headers.append(VARY, HeaderValue::from_static("origin"));
    }
    let origin = request.headers().get(ORIGIN).and_then(|origin| origin.to_str().ok());
    let allowed = origin.and_then(|origin| cors.allowed(origin)).and_then(|origin| HeaderValue::from_str(origin).ok());
    if let Some(allowed) = allowed {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        // Such as when to come again, and what the hook's own answer says.
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
    }
}
