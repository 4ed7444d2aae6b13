//! `/v1/keys`: API keys of the org.

use actix_web::web::{Data, Path};

use super::answer::{all, created, nothing};
use super::body::Body;
use super::describe::{Access, Endpoint, Group, changes, reads};
use super::query::path_id;
use crate::http::document::{Document, Page};
use crate::http::errors::{ApiResult, Code};
use crate::usecases::keys::{self, KeyView, NewKey};
use crate::usecases::{Admin, Services};

pub fn group() -> Group {
    let list_keys = reads("listKeys", "All API keys, newest first").access(Access::Admin);
    let create_key = changes("createKey", "Creates an API key, which only this answer shows")
        .input::<NewKey>(r#"{"name": "deploy", "role": "org.read"}"#);
    let delete_key = changes("deleteKey", "Deletes an API key; the last admin key stays").fails(Code::Conflict);
    Group::new("Keys", "API keys of the org.")
        .add(
            Endpoint::at("/v1/keys")
                .get(list, list_keys.answers::<Page<KeyView>>())
                .post(create, create_key.creates::<Document<KeyView>>()),
        )
        .add(Endpoint::at("/v1/keys/{id}").delete(delete, delete_key.answers_nothing()))
}

async fn list(services: Data<Services>, admin: Admin) -> ApiResult {
    all(keys::list(&services, &admin).await?, "/v1/keys")
}

async fn create(services: Data<Services>, admin: Admin, body: Body) -> ApiResult {
    created(keys::create(&services, &admin, NewKey::read(body.json()?)?).await?)
}

async fn delete(services: Data<Services>, admin: Admin, id: Path<String>) -> ApiResult {
    keys::delete(&services, &admin, path_id("key", &id)?).await?;
    nothing()
}
