//! `/v1/hooks`: the addresses that outsiders post to.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query, ServiceConfig};
use serde_json::{Value, json};

use super::auth::{Admin, Reader};
use super::body::Body;
use super::document::{PageQuery, all, attributes, created, one, page, relationship, resource};
use super::errors::{ApiError, ApiResult, Code};
use super::{App, at, path_id};
use crate::catalog::new_hash;
use crate::id::Id;
use crate::objects::klass::is_klass_name;
use crate::objects::{Fields, Problem};
use crate::signature::Scheme;
use crate::store::{Hook, RefusalCount, Session, Status, StoreResult};
use crate::workflow::{HookDraft, HookKind};

pub fn routes(service: &mut ServiceConfig) {
    service
        .service(at("/v1/hooks", "GET, POST").get(list).post(create))
        .service(at("/v1/hooks/{id}", "DELETE, GET, PATCH").get(show).patch(change).delete(delete))
        .service(at("/v1/hooks/{id}/rotate", "POST").post(rotate))
        .service(at("/v1/hooks/{id}/transactions", "GET").get(transactions));
}

/// The full address that senders post to.
pub fn hook_url(public_url: &str, hook: &Hook) -> String {
    format!("{public_url}/v1/hooks/{}/{}", hook.kind, hook.hash)
}

fn show_hook(app: &App, hook: &Hook, refusals: Option<Vec<RefusalCount>>) -> Value {
    let mut shown = attributes(json!({
        "name": hook.name,
        "kind": hook.kind,
        "title": hook.title,
        "description": hook.description,
        "verification": hook.verification,
        "enabled": hook.status == Status::Enabled,
        "eventName": hook.event_names()[0],
        "hash": hook.hash,
        "url": hook_url(&app.public_url, hook),
        "createdAt": hook.created_at,
        "updatedAt": hook.updated_at,
    }));
    if let Some(refusals) = refusals {
        let count = |refusal: &RefusalCount| {
            (refusal.reason.clone(), json!({ "count": refusal.count, "lastAt": refusal.last_at }))
        };
        shown.insert("refusals".into(), Value::Object(refusals.iter().map(count).collect()));
    }
    let relationships = json!({ "org": relationship("org", hook.org, format!("/v1/org/{}", hook.org)) });
    resource(&format!("{}_hook", hook.kind), hook.id, shown, relationships, &format!("/v1/hooks/{}", hook.id))
}

async fn list(app: Data<App>, reader: Reader) -> ApiResult {
    let snapshot = app.door.catalog.snapshot();
    let hooks = snapshot.hooks(reader.org).rev().map(|in_force| show_hook(&app, &in_force.hook, None));
    Ok(all(hooks.collect(), "/v1/hooks"))
}

async fn show(app: Data<App>, reader: Reader, id: Path<String>) -> ApiResult {
    let id = path_id("hook", &id)?;
    let snapshot = app.door.catalog.snapshot();
    let in_force = snapshot.hook(reader.org, id).ok_or_else(|| ApiError::not_found("hook", id))?;
    // What was counted in the last second is shown too.
    app.door.refusals.write(&app.door.store).await?;
    let refusals = app.door.store.read(move |session| session.refusals(reader.org, id)).await?;
    Ok(one(show_hook(&app, &in_force.hook, Some(refusals))))
}

/// `GET /v1/hooks/form/{id}`, which is where an envelope links to.
pub async fn show_of_kind(app: Data<App>, reader: Reader, id: Path<String>) -> ApiResult {
    show(app, reader, id).await
}

async fn create(app: Data<App>, admin: Admin, body: Body) -> ApiResult {
    let draft = read_draft(body.json()?)?;
    let saved = app.door.catalog.change(move |session| insert(session, admin.org, &draft)).await?;
    let hook = saved
        .map_err(|name| ApiError::pointer(Code::Taken, "/name", format!("there is a hook called `{name}` already")))?;
    log::info!(hook = hook.name.as_str(); "hook created");
    Ok(created(show_hook(&app, &hook, None)))
}

fn insert(session: &mut dyn Session, org: Id, draft: &HookDraft) -> StoreResult<Result<Hook, String>> {
    let (hook, saved) = crate::catalog::save_hook(session, org, draft)?;
    Ok(if saved == crate::catalog::Saved::Created { Ok(hook) } else { Err(draft.name.clone()) })
}

fn read_draft(value: Value) -> Result<HookDraft, Vec<Problem>> {
    let mut fields = Fields::new(value);
    let name = fields.text("name", 64).flatten().unwrap_or_default();
    if !is_klass_name(&name) {
        fields.problem("/name", "a hook needs a name of lower-case letters, digits, dashes and underscores");
    }
    let kind = fields.text("type", 16).flatten().unwrap_or_else(|| "form".into());
    if kind != "form" {
        fields.problem("/type", format!("hooks of kind `{kind}` are not supported; use `form`"));
    }
    let title = fields.text("title", 256).flatten().unwrap_or_else(|| name.clone());
    let description = fields.text("description", 4_096).flatten();
    let verification = read_verification(&mut fields);
    fields.finish(HookDraft { name, kind: HookKind::Form, title, description, verification })
}

/// `None` if absent, `Some(None)` if null.
fn read_verification(fields: &mut Fields) -> Option<Option<Value>> {
    let verification = fields.take("verification")?;
    if verification.is_null() {
        return Some(None);
    }
    let problems = Scheme::read(&verification).err().into_iter().flatten();
    let below = |problem: Problem| Problem::new(format!("/verification{}", problem.pointer), problem.message);
    fields.problems(problems.map(below).collect::<Vec<_>>());
    Some(Some(verification))
}

async fn change(app: Data<App>, admin: Admin, id: Path<String>, body: Body) -> ApiResult {
    let id = path_id("hook", &id)?;
    let mut fields = Fields::new(body.json()?);
    let title = fields.text("title", 256);
    if title == Some(None) || title == Some(Some(String::new())) {
        fields.problem("/title", "a hook needs a title");
    }
    let description = fields.text("description", 4_096);
    let enabled = fields.boolean("enabled");
    let verification = read_verification(&mut fields);
    let (title, description) = fields.finish((title.flatten(), description))?;
    edit(app, admin.org, id, move |hook| {
        hook.title = title.clone().unwrap_or_else(|| hook.title.clone());
        hook.description = description.clone().unwrap_or_else(|| hook.description.clone());
        hook.verification = verification.clone().unwrap_or_else(|| hook.verification.clone());
        hook.status = match enabled {
            Some(true) => Status::Enabled,
            Some(false) => Status::Disabled,
            None => hook.status,
        };
    })
    .await
}

/// Gives the hook a new address; the old one is unknown from then on.
async fn rotate(app: Data<App>, admin: Admin, id: Path<String>) -> ApiResult {
    let id = path_id("hook", &id)?;
    let hash = new_hash();
    edit(app, admin.org, id, move |hook| hook.hash = hash.clone()).await
}

async fn delete(app: Data<App>, admin: Admin, id: Path<String>) -> ApiResult {
    let id = path_id("hook", &id)?;
    edit(app, admin.org, id, |hook| hook.status = Status::Deleted).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn edit(app: Data<App>, org: Id, id: Id, edit: impl Fn(&mut Hook) + Send + 'static) -> ApiResult {
    let written = app.door.catalog.change(move |session| {
        let present = session.hooks(org)?.into_iter();
        let Some(mut hook) = present.filter(|hook| hook.status != Status::Deleted).find(|hook| hook.id == id) else {
            return Ok(None);
        };
        edit(&mut hook);
        if hook.status == Status::Deleted {
            // Secrets that nobody can use any more are not kept.
            let secrets = session.hook_secrets(org)?.into_iter().filter(|secret| secret.hook == id);
            secrets.map(|secret| secret.id).try_for_each(|id| session.delete_hook_secret(org, id).map(|_| ()))?;
        }
        hook.updated_at = session.now();
        session.update_hook(&hook)?;
        Ok(Some(hook))
    });
    let hook = written.await?.ok_or_else(|| ApiError::not_found("hook", id))?;
    log::info!(hook = hook.name.as_str(); "hook changed: {}", hook.status);
    Ok(one(show_hook(&app, &hook, None)))
}

/// What the hook accepted, newest first.
async fn transactions(app: Data<App>, reader: Reader, id: Path<String>, query: Query<PageQuery>) -> ApiResult {
    let id = path_id("hook", &id)?;
    let asked = query.page()?;
    let snapshot = app.door.catalog.snapshot();
    snapshot.hook(reader.org, id).ok_or_else(|| ApiError::not_found("hook", id))?;
    let found = app.door.store.read(move |session| session.transactions(reader.org, id, asked)).await?;
    let link = format!("/v1/hooks/{id}/transactions");
    page(found, asked, &link, |transaction| transaction.id, |transaction| super::transactions::show(&transaction))
}
