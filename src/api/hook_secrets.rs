//! `/v1/hooks/{id}/secrets`: the secrets with which senders sign requests to a hook.

use actix_web::web::{Data, Path};

use super::answer::{all, created, nothing};
use super::body::Body;
use super::describe::{Endpoint, Group, changes, reads};
use super::query::path_id;
use crate::http::document::{Document, Page};
use crate::http::errors::{ApiResult, Code};
use crate::usecases::hook_secrets::{self, HookSecretView, NewHookSecret};
use crate::usecases::{Admin, Reader, Services};

pub fn group() -> Group {
    let list_secrets = reads("listHookSecrets", "The secrets of a hook, without their values, newest first");
    let add_secret = changes("addHookSecret", "Adds a secret to those of the hook")
        .input::<NewHookSecret>(r#"{"value": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"}"#)
        .fails(Code::Conflict);
    let delete_secret = changes("deleteHookSecret", "Deletes a secret");
    Group::new("Hooks", "")
        .add(
            Endpoint::at("/v1/hooks/{id}/secrets")
                .get(list, list_secrets.answers::<Page<HookSecretView>>())
                .post(add, add_secret.creates::<Document<HookSecretView>>()),
        )
        .add(Endpoint::at("/v1/hooks/{id}/secrets/{secret}").delete(delete, delete_secret.answers_nothing()))
}

async fn list(services: Data<Services>, reader: Reader, id: Path<String>) -> ApiResult {
    let id = path_id("hook", &id)?;
    all(hook_secrets::list(&services, &reader, id).await?, format!("/v1/hooks/{id}/secrets"))
}

async fn add(services: Data<Services>, admin: Admin, id: Path<String>, body: Body) -> ApiResult {
    let id = path_id("hook", &id)?;
    created(hook_secrets::add(&services, &admin, id, NewHookSecret::read(body.json()?)?).await?)
}

async fn delete(services: Data<Services>, admin: Admin, path: Path<(String, String)>) -> ApiResult {
    let (hook, secret) = path.into_inner();
    let (hook, secret) = (path_id("hook", &hook)?, path_id("secret", &secret)?);
    hook_secrets::delete(&services, &admin, hook, secret).await?;
    nothing()
}
