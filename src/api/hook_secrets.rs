//! `/v1/hooks/{id}/secrets`: what the senders of a hook sign with. Secrets can be added and deleted, and never read.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path, ServiceConfig};
use serde_json::{Value, json};

use super::auth::{Admin, Reader};
use super::body::Body;
use super::{App, at, path_id};
use crate::catalog::hook_secrets::{AddError, add_secret};
use crate::http::document::{all, attributes, created, relationship, resource};
use crate::http::errors::{ApiError, ApiResult, Code};
use crate::objects::Fields;
use crate::store::HookSecret;

/// The most characters of a secret.
const CHARACTERS_MAX: usize = 4_096;

pub fn routes(service: &mut ServiceConfig) {
    service
        .service(at("/v1/hooks/{id}/secrets", "GET, POST").get(list).post(add))
        .service(at("/v1/hooks/{id}/secrets/{secret}", "DELETE").delete(delete));
}

fn show(secret: &HookSecret) -> Value {
    let shown = attributes(json!({ "maskedValue": "•••", "createdAt": secret.created_at }));
    let hook = format!("/v1/hooks/{}", secret.hook);
    let relationships = json!({ "hook": relationship("hook", secret.hook, hook.clone()) });
    resource("hook_secret", secret.id, shown, relationships, &format!("{hook}/secrets/{}", secret.id))
}

async fn list(app: Data<App>, reader: Reader, id: Path<String>) -> ApiResult {
    let id = path_id("hook", &id)?;
    app.door.catalog.snapshot().hook(reader.org, id).ok_or_else(|| ApiError::not_found("hook", id))?;
    let secrets = app.door.store.read(move |session| session.hook_secrets(reader.org)).await?;
    let own = secrets.iter().rev().filter(|secret| secret.hook == id);
    Ok(all(own.map(show).collect(), &format!("/v1/hooks/{id}/secrets")))
}

/// Takes the `value`. The secrets that the hook has stay.
async fn add(app: Data<App>, admin: Admin, id: Path<String>, body: Body) -> ApiResult {
    let id = path_id("hook", &id)?;
    let mut fields = Fields::new(body.json()?);
    let value = fields.text("value", CHARACTERS_MAX).flatten().unwrap_or_default();
    if value.is_empty() && fields.is_valid("value") {
        fields.problem("/value", "required: the secret that the sender signs with");
    }
    let value = fields.finish(value)?;
    let vault = app.door.catalog.vault().clone();
    let added = app.door.catalog.change(move |session| add_secret(session, &vault, (admin.org, id), &value));
    match added.await? {
        Ok(secret) => {
            log::info!(hook:% = id, secret:% = secret.id; "secret of a hook added");
            Ok(created(show(&secret)))
        }
        Err(AddError::Missing) => Err(ApiError::not_found("hook", id)),
        Err(error @ AddError::Key(_)) => Err(ApiError::pointer(Code::Invalid, "/value", error.to_string())),
        Err(error) => Err(ApiError::new(Code::Conflict, error.to_string())),
    }
}

async fn delete(app: Data<App>, admin: Admin, path: Path<(String, String)>) -> ApiResult {
    let (hook, secret) = path.into_inner();
    let (hook, id) = (path_id("hook", &hook)?, path_id("secret", &secret)?);
    let deleted = app.door.catalog.change(move |session| {
        let is_own = session.hook_secrets(admin.org)?.iter().any(|secret| secret.id == id && secret.hook == hook);
        Ok(is_own && session.delete_hook_secret(admin.org, id)?)
    });
    match deleted.await? {
        true => {
            log::info!(hook:% = hook, secret:% = id; "secret of a hook deleted");
            Ok(HttpResponse::NoContent().finish())
        }
        false => Err(ApiError::not_found("secret", id)),
    }
}
