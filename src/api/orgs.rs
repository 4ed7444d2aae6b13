//! `/v1/org`: the tenant that a key belongs to.

use actix_web::web::{Data, Path, ServiceConfig};
use serde_json::json;

use super::auth::Reader;
use super::{App, at, path_id};
use crate::base::id::Id;
use crate::http::document::{attributes, one, resource};
use crate::http::errors::{ApiError, ApiResult};

pub fn routes(service: &mut ServiceConfig) {
    service.service(at("/v1/org", "GET").get(own)).service(at("/v1/org/{id}", "GET").get(show));
}

async fn own(app: Data<App>, reader: Reader) -> ApiResult {
    show_org(&app, reader.org)
}

/// Only one's own: other orgs do not exist for a caller.
async fn show(app: Data<App>, reader: Reader, id: Path<String>) -> ApiResult {
    let id = path_id("org", &id)?;
    if id != reader.org {
        return Err(ApiError::not_found("org", id));
    }
    show_org(&app, id)
}

fn show_org(app: &App, id: Id) -> ApiResult {
    let snapshot = app.door.catalog.snapshot();
    let org = snapshot.orgs.iter().find(|org| org.id == id).ok_or_else(|| ApiError::not_found("org", id))?;
    let shown = attributes(json!({ "name": org.name, "createdAt": org.created_at }));
    Ok(one(resource("org", id, shown, json!({}), &format!("/v1/org/{id}"))))
}
