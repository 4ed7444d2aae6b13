//! `/v1/keys`: API keys of the org. A key is shown once, when it is made; only its hash is kept.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path, ServiceConfig};
use serde_json::{Value, json};

use super::auth::Admin;
use super::body::Body;
use super::{App, at, path_id};
use crate::catalog::keys::{new_key, new_secret};
use crate::http::document::{all, attributes, created, resource};
use crate::http::errors::{ApiError, ApiResult, Code};
use crate::objects::Fields;
use crate::store::{Key, Role};

pub fn routes(service: &mut ServiceConfig) {
    service
        .service(at("/v1/keys", "GET, POST").get(list).post(create))
        .service(at("/v1/keys/{id}", "DELETE").delete(delete));
}

fn show_key(key: &Key) -> Value {
    let shown = attributes(json!({ "name": key.name, "role": key.role.as_str(), "createdAt": key.created_at }));
    resource("key", key.id, shown, json!({}), &format!("/v1/keys/{}", key.id))
}

async fn list(app: Data<App>, admin: Admin) -> ApiResult {
    let keys = app.door.store.read(move |session| session.keys(admin.org)).await?;
    Ok(all(keys.iter().rev().map(show_key).collect(), "/v1/keys"))
}

/// Takes `name` and `role`; the answer's `attributes.key` is the key itself.
async fn create(app: Data<App>, admin: Admin, body: Body) -> ApiResult {
    let mut fields = Fields::new(body.json()?);
    let name = fields.text("name", 128).flatten().unwrap_or_default();
    if name.trim().is_empty() && fields.is_valid("name") {
        fields.problem("/name", "required: a name to recognise the key by");
    }
    let role = fields.text("role", 32).flatten().unwrap_or_default().parse::<Role>();
    let role = role.map_err(|message| fields.problem("/role", message)).unwrap_or(Role::Read);
    let (name, role) = fields.finish((name, role))?;
    let secret = new_secret();
    let made = secret.clone();
    let written = app.door.catalog.change(move |session| {
        let key = new_key(session, admin.org, &name, role, &made);
        session.insert_key(&key)?;
        Ok(key)
    });
    let key = written.await?;
    log::info!(key = key.name.as_str(), role = key.role.as_str(); "API key made");
    let mut shown = show_key(&key);
    shown["attributes"]["key"] = json!(secret);
    Ok(created(shown))
}

/// The last admin key stays: without it nobody could make another.
async fn delete(app: Data<App>, admin: Admin, id: Path<String>) -> ApiResult {
    let id = path_id("key", &id)?;
    let written = app.door.catalog.change(move |session| {
        let keys = session.keys(admin.org)?;
        let Some(key) = keys.iter().find(|key| key.id == id) else { return Ok(None) };
        let is_last = key.role == Role::Admin && keys.iter().filter(|key| key.role == Role::Admin).count() == 1;
        if !is_last {
            session.delete_key(admin.org, id)?;
        }
        Ok(Some(is_last))
    });
    match written.await? {
        None => Err(ApiError::not_found("key", id)),
        Some(true) => {
            Err(ApiError::new(Code::Conflict, "the last admin key can't be deleted; create another one first"))
        }
        Some(false) => Ok(HttpResponse::NoContent().finish()),
    }
}
