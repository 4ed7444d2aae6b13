//! CORS: preflight requests and response headers for posts from pages of other origins.
//!
//! An allowed page may read every response of the hook, including refusals, so that it can show its visitor what went
//! wrong.

use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
};
use actix_web::{HttpRequest, HttpResponse};

use crate::hook::{Cors, Settings};

/// How long browsers may cache a preflight response, in seconds.
const MAX_AGE_S: &str = "600";

/// The response to a preflight request; `None` if the request is not one, or the hook does not support CORS.
pub fn preflight(settings: &Settings, request: &HttpRequest) -> Option<HttpResponse> {
    let headers = request.headers();
    if request.method() != Method::OPTIONS
        || settings.cors.is_none()
        || !headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    {
        return None;
    }
    let get = settings.accepts_get.then_some("GET");
    let methods = get.into_iter().chain(settings.methods.iter().copied()).collect::<Vec<_>>().join(", ");
    let mut response = HttpResponse::NoContent();
    response.insert_header((ACCESS_CONTROL_ALLOW_METHODS, methods));
    response.insert_header((ACCESS_CONTROL_MAX_AGE, MAX_AGE_S));
    // No request header that a page sets can do harm.
    if let Some(names) = headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        response.insert_header((ACCESS_CONTROL_ALLOW_HEADERS, names.clone()));
    }
    Some(response.finish())
}

/// Lets the page read the response, if its origin is allowed.
pub fn share(cors: &Cors, request: &HttpRequest, response: &mut HttpResponse) {
    let headers = response.headers_mut();
    if *cors != Cors::Any {
        headers.append(VARY, HeaderValue::from_static("origin"));
    }
    let origin = request.headers().get(ORIGIN).and_then(|origin| origin.to_str().ok());
    let allowed = origin.and_then(|origin| cors.allowed(origin)).and_then(|origin| HeaderValue::from_str(origin).ok());
    if let Some(allowed) = allowed {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        // Such as `Retry-After` and the headers of the hook's configured response.
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
    }
}
