//! HTTP answers with the views that use cases return.

use std::fmt::Display;

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use serde::Serialize;

use crate::http::document::{Attributes, Document, Page, PageLinks, PageMeta, Resource};
use crate::http::errors::{ApiError, ApiResult, Code};
use crate::usecases::{Slice, UseCaseError};

/// 200 with one resource.
pub fn one<T: Serialize>(data: T) -> ApiResult {
    Ok(HttpResponse::Ok().json(Document { data }))
}

/// 201 with one resource and its `Location`.
pub fn created<A: Attributes>(data: Resource<A>) -> ApiResult {
    Ok(HttpResponse::Created().insert_header((LOCATION, data.links.own.as_str())).json(Document { data }))
}

/// 201 with something else than a [`Resource`], which is at `link`.
pub fn created_at<T: Serialize>(data: T, link: &str) -> ApiResult {
    Ok(HttpResponse::Created().insert_header((LOCATION, link)).json(Document { data }))
}

/// 201 if the resource is new, else 200.
pub fn saved<A: Attributes>(data: Resource<A>, is_new: bool) -> ApiResult {
    if is_new { created(data) } else { one(data) }
}

/// 204 without a body.
pub fn nothing() -> ApiResult {
    Ok(HttpResponse::NoContent().finish())
}

/// 200 with a complete list, whose address is `link`.
pub fn all<T: Serialize>(data: Vec<T>, link: impl Into<String>) -> ApiResult {
    let meta = PageMeta { page_size: data.len() };
    Ok(HttpResponse::Ok().json(Page { data, meta, links: PageLinks { own: link.into(), next: None } }))
}

/// 200 with a page of a list, whose address with its filters is `link`.
pub fn page<T: Serialize>(slice: Slice<T>, link: impl Into<String>) -> ApiResult {
    page_by("after", slice, link)
}

/// As [`page`], with `parameter` as the query parameter for the last entry seen.
pub fn page_by<T: Serialize>(parameter: &str, slice: Slice<T>, link: impl Into<String>) -> ApiResult {
    let (link, Slice { entries, size, next }) = (link.into(), slice);
    let separator = if link.contains('?') { '&' } else { '?' };
    let next = next.map(|last| format!("{link}{separator}pageSize={size}&{parameter}={last}"));
    let links = PageLinks { own: link, next };
    Ok(HttpResponse::Ok().json(Page { data: entries, meta: PageMeta { page_size: size }, links }))
}

/// Adds a filter to a link.
pub fn filtered(link: &mut String, name: &str, value: impl Display) {
    let separator = if link.contains('?') { '&' } else { '?' };
    let value = value.to_string();
    let value: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    link.push_str(&format!("{separator}{name}={value}"));
}

impl From<UseCaseError> for ApiError {
    fn from(error: UseCaseError) -> ApiError {
        match error {
            UseCaseError::NotFound(detail) => ApiError::new(Code::NotFound, detail),
            UseCaseError::Conflict(detail) => ApiError::new(Code::Conflict, detail),
            UseCaseError::Parameter { name, detail } => ApiError::parameter(name, detail),
            UseCaseError::Invalid(problems) => problems.into(),
            UseCaseError::Document(diagnostics) => diagnostics.into(),
            UseCaseError::Taken { pointer, detail } => ApiError::pointer(Code::Taken, &pointer, detail),
            UseCaseError::Overloaded(detail) => ApiError::new(Code::Overloaded, detail),
            UseCaseError::NotUtf8(_) => ApiError::new(Code::MalformedJson, error.to_string()),
            UseCaseError::Store(error) => error.into(),
        }
    }
}
