//! `/v1/hooks`: the addresses that outsiders post to.

use actix_web::HttpResponse;
use actix_web::guard::{self, GuardContext, fn_guard};
use actix_web::web::{self, Data, Path, Query, ServiceConfig};
use serde_json::{Value, json};

use super::auth::{Admin, Reader};
use super::body::Body;
use super::{App, at, path_id};
use crate::base::id::Id;
use crate::catalog::new_hash;
use crate::door::{self, CHALLENGE, DUPLICATE};
use crate::hook::{self, HookKind, InvalidHookKind, Settings};
use crate::http::document::{PageQuery, all, attributes, created, one, page, relationship, resource};
use crate::http::errors::{ApiError, ApiResult, Code};
use crate::objects::klass::is_klass_name;
use crate::objects::{Fields, Problem};
use crate::store::{Hook, RefusalCount, Session, Status, StoreResult};
use crate::workflow::HookDraft;

pub fn routes(service: &mut ServiceConfig) {
    service
        .service(at("/v1/hooks", "GET, POST").get(list).post(create))
        .service(at("/v1/hooks/{id}", "DELETE, GET, PATCH").get(show).patch(change).delete(delete))
        .service(at("/v1/hooks/{id}/rotate", "POST").post(rotate))
        .service(at("/v1/hooks/{id}/transactions", "GET").get(transactions));
}

/// The addresses that senders post to: of each kind, with and without the org. With a hook's id in the place of its secret,
/// it is where envelopes link to.
pub fn addresses(service: &mut ServiceConfig) {
    for kind in HookKind::ALL {
        let receive = move |door, hash, request, payload| door::receive(kind, door, hash, request, payload);
        let receive_of_org =
            move |door, path, request, payload| door::receive_of_org(kind, door, path, request, payload);
        // Which methods a hook takes is for the door to say. What nearly all requests are comes first.
        let own = at(&format!("/v1/hooks/{kind}/{{hash}}"), "GET").post(receive);
        let of_org = web::resource(format!("/v1/hooks/{kind}/{{org}}/{{hash}}"));
        let shown = web::get().guard(fn_guard(has_id)).to(show);
        let asked = web::route().guard(guard::Not(fn_guard(has_id))).to(receive);
        service.service(own.route(shown).route(asked)).service(of_org.route(web::route().to(receive_of_org)));
    }
}

/// Whether the address ends with an id.
fn has_id(context: &GuardContext<'_>) -> bool {
    let last = context.head().uri.path().rsplit('/').next();
    last.is_some_and(|last| last.parse::<Id>().is_ok())
}

/// The full address that senders post to.
pub fn hook_url(public_url: &str, hook: &Hook) -> String {
    format!("{public_url}/v1/hooks/{}/{}", hook.kind, hook.hash)
}

fn show_hook(app: &App, hook: &Hook, counts: Option<Vec<RefusalCount>>) -> Value {
    let mut shown = attributes(json!({
        "name": hook.name,
        "kind": hook.kind,
        "title": hook.title,
        "description": hook.description,
        "enabled": hook.status == Status::Enabled,
        "eventName": hook.event_names()[0],
        "hash": hook.hash,
        "url": hook_url(&app.public_url, hook),
        "createdAt": hook.created_at,
        "updatedAt": hook.updated_at,
    }));
    let setting = |name: &str| (name.to_owned(), hook.settings.get(name).cloned().unwrap_or_default());
    shown.extend(hook::SETTING_NAMES.into_iter().map(setting));
    if let Some(counts) = counts {
        let count = |count: &RefusalCount| json!({ "count": count.count, "lastAt": count.last_at });
        let others = [("duplicates", DUPLICATE), ("challenges", CHALLENGE)];
        let refusals = counts.iter().filter(|counted| others.iter().all(|(_, word)| counted.reason != *word));
        let refusals = refusals.map(|refusal| (refusal.reason.clone(), count(refusal)));
        shown.insert("refusals".into(), Value::Object(refusals.collect()));
        for (name, word) in others {
            let counted = counts.iter().find(|counted| counted.reason == word);
            shown.insert(name.into(), counted.map_or(json!({ "count": 0, "lastAt": null }), count));
        }
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

async fn create(app: Data<App>, admin: Admin, body: Body) -> ApiResult {
    let draft = read_draft(body.json()?)?;
    let saved = app.door.catalog.change(move |session| insert(session, admin.org, &draft)).await?;
    let hook = saved
        .map_err(|name| ApiError::pointer(Code::Taken, "/name", format!("a hook named `{name}` already exists")))?;
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
        fields.problem("/name", "required: 1 to 64 lower-case letters, digits, `-` or `_`");
    }
    let kind =
        fields.text("type", 16).flatten().map(|kind| kind.parse().map_err(|error: InvalidHookKind| error.to_string()));
    let kind = kind.and_then(|kind| fields.keep("/type", kind)).unwrap_or(HookKind::Form);
    let title = fields.text("title", 256).flatten().unwrap_or_else(|| name.clone());
    let description = fields.text("description", 4_096).flatten();
    let settings = hook::take_settings(&mut fields);
    fields.problems(Settings::read(kind, &settings).err().into_iter().flatten());
    fields.finish(HookDraft { name, kind, title, description, settings })
}

async fn change(app: Data<App>, admin: Admin, id: Path<String>, body: Body) -> ApiResult {
    let id = path_id("hook", &id)?;
    let mut fields = Fields::new(body.json()?);
    let title = fields.text("title", 256);
    if title == Some(None) || title == Some(Some(String::new())) {
        fields.problem("/title", "must not be empty");
    }
    let description = fields.text("description", 4_096);
    let enabled = fields.boolean("enabled");
    let settings = hook::take_settings(&mut fields);
    let (title, description) = fields.finish((title.flatten(), description))?;
    edit(app, admin.org, id, move |hook| {
        hook.title = title.clone().unwrap_or_else(|| hook.title.clone());
        hook.description = description.clone().unwrap_or_else(|| hook.description.clone());
        hook.settings = hook::merge_settings(&hook.settings, &settings);
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
        // Settings depend on each other, so what is judged is all of them.
        if let Err(problems) = Settings::read(hook.kind, &hook.settings) {
            return Ok(Some(Err(problems)));
        }
        if hook.status == Status::Deleted {
            // What nobody can use or look at any more is not kept.
            session.delete_refused_but(0, org, id)?;
            let secrets = session.hook_secrets(org)?.into_iter().filter(|secret| secret.hook == id);
            secrets.map(|secret| secret.id).try_for_each(|id| session.delete_hook_secret(org, id).map(|_| ()))?;
        }
        hook.updated_at = session.now();
        session.update_hook(&hook)?;
        Ok(Some(Ok(hook)))
    });
    let hook = written.await?.ok_or_else(|| ApiError::not_found("hook", id))??;
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
