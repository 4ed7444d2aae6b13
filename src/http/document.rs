//! The shape of answers: `{"data": …}` for one resource, and pages of a list with a link to the next.
//!
//! Lists are newest first. `links.next` leads to the older rest and is null at the end; it stays valid while new entries
//! arrive, because it names the last entry seen (`after`) and not a number of entries to skip.

use actix_web::HttpResponse;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::errors::{ApiError, ApiResult};
use crate::base::id::Id;
use crate::store::Page;

/// How many entries a page has if the caller does not say.
pub const PAGE_SIZE_DEFAULT: i64 = 50;
/// The most entries that a page can have.
pub const PAGE_SIZE_MAX: i64 = 500;

/// `?pageSize=50&after=<id>`
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PageQuery {
    pub page_size: Option<String>,
    pub after: Option<String>,
}

impl PageQuery {
    /// How many entries the page asked for has.
    pub fn size(&self) -> Result<i64, ApiError> {
        match &self.page_size {
            None => Ok(PAGE_SIZE_DEFAULT),
            Some(text) => text.parse().ok().filter(|size| (1..=PAGE_SIZE_MAX).contains(size)).ok_or_else(|| {
                ApiError::parameter("pageSize", format!("must be a whole number from 1 to {PAGE_SIZE_MAX}"))
            }),
        }
    }

    /// The page asked for, with one entry more, to see whether there is a next page.
    pub fn page(&self) -> Result<Page, ApiError> {
        let size = self.size()?;
        let after = match &self.after {
            None => None,
            Some(text) => Some(
                text.parse()
                    .map_err(|error: crate::base::id::InvalidId| ApiError::parameter("after", error.to_string()))?,
            ),
        };
        Ok(Page { after, size: size + 1 })
    }
}

/// A resource of a JSON:API answer.
pub fn resource(
    kind: &str,
    id: impl ToString,
    attributes: Map<String, Value>,
    relationships: Value,
    link: &str,
) -> Value {
    let mut resource = Map::new();
    resource.insert("type".into(), json!(kind));
    resource.insert("id".into(), json!(id.to_string()));
    resource.insert("attributes".into(), Value::Object(attributes));
    if relationships.as_object().is_some_and(|relationships| !relationships.is_empty()) {
        resource.insert("relationships".into(), relationships);
    }
    resource.insert("links".into(), json!({ "self": link }));
    Value::Object(resource)
}

/// `{"data": {"type", "id"}, "links": {"self"}}`
pub fn relationship(kind: &str, id: impl ToString, link: String) -> Value {
    json!({ "data": { "type": kind, "id": id.to_string() }, "links": { "self": link } })
}

/// The object that a `json!({…})` literal makes.
pub fn attributes(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(attributes) => attributes,
        _ => Map::new(),
    }
}

/// 200 with one resource.
pub fn one(resource: Value) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "data": resource }))
}

/// 201 with one resource and its `Location`.
pub fn created(resource: Value) -> HttpResponse {
    let link = resource["links"]["self"].as_str().unwrap_or_default().to_owned();
    HttpResponse::Created().insert_header(("location", link)).json(json!({ "data": resource }))
}

/// 200 with a whole list.
pub fn all(resources: Vec<Value>, link: &str) -> HttpResponse {
    HttpResponse::Ok().json(json!({
        "data": resources,
        "meta": { "pageSize": resources.len() },
        "links": { "self": link, "next": null },
    }))
}

/// 200 with a page; `entries` is what [`PageQuery::page`] found, and `link` the list's address with its filters.
pub fn page<T>(
    mut entries: Vec<T>,
    page: Page,
    link: &str,
    id: impl Fn(&T) -> Id,
    show: impl FnMut(T) -> Value,
) -> ApiResult {
    let size = usize::try_from(page.size - 1).unwrap_or_default();
    let more = entries.len() > size;
    entries.truncate(size);
    let separator = if link.contains('?') { '&' } else { '?' };
    let next =
        entries.last().filter(|_| more).map(|last| format!("{link}{separator}pageSize={size}&after={}", id(last)));
    let data: Vec<Value> = entries.into_iter().map(show).collect();
    Ok(HttpResponse::Ok().json(json!({
        "data": data,
        "meta": { "pageSize": size },
        "links": { "self": link, "next": next },
    })))
}
