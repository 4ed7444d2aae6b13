//! `/v1/klasses`: definitions of custom objects, and the objects.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query, ServiceConfig};
use serde_json::{Value, json};

use super::auth::{Admin, Reader};
use super::body::Body;
use super::document::{PageQuery, all, attributes, created, one, page, relationship, resource};
use super::errors::{ApiError, ApiResult, Code};
use super::{App, at};
use crate::catalog::{Saved, save_klass};
use crate::id::Id;
use crate::objects::klass::KlassDraft;
use crate::objects::kobject::Content;
use crate::objects::{KObject, Klass, Problem, unknown};
use crate::store::{Session, StoreResult, Taken};

pub fn routes(service: &mut ServiceConfig) {
    service
        .service(at("/v1/klasses", "GET, POST").get(list).post(save))
        .service(at("/v1/klasses/{klass}", "GET, POST, PUT").get(kobjects).post(add_kobject).put(replace))
        .service(
            at("/v1/klasses/{klass}/{id}", "DELETE, GET, PATCH, PUT")
                .get(show)
                .put(change)
                .patch(change)
                .delete(delete),
        );
}

fn show_klass(klass: &Klass) -> Value {
    let shown = attributes(json!({
        "name": klass.name,
        "displayName": klass.display_name,
        "icon": klass.icon,
        "properties": klass.properties,
        "createdAt": klass.created_at,
        "updatedAt": klass.updated_at,
    }));
    resource("klass", &klass.name, shown, json!({}), &format!("/v1/klasses/{}", klass.name))
}

/// A kobject as a resource, with its klass and customer.
pub fn show_kobject(org: Id, kobject: KObject) -> Value {
    let klass_link = format!("/v1/klasses/{}", kobject.klass);
    let mut relationships = json!({
        "org": relationship("org", org, format!("/v1/org/{org}")),
        "klass": relationship("klass", &kobject.klass, klass_link.clone()),
    });
    if let Some(customer) = kobject.customer {
        relationships["customer"] = relationship("customer", customer, format!("/v1/customers/{customer}"));
    }
    let (id, kind) = (kobject.id, format!("kobject.{}", kobject.klass));
    resource(&kind, id, kobject.attributes(), relationships, &format!("{klass_link}/{id}"))
}

/// The klass of this name; its plural with an `s` is accepted too.
pub async fn require(app: &App, org: Id, name: String) -> Result<Klass, ApiError> {
    let snapshot = app.door.catalog.snapshot();
    let own = || snapshot.klasses.iter().filter(|(owner, _)| *owner == org).map(|(_, klass)| klass);
    let singular = name.strip_suffix('s');
    let found = own().find(|klass| klass.name == name);
    let found = found.or_else(|| own().find(|klass| Some(klass.name.as_str()) == singular));
    found
        .cloned()
        .ok_or_else(|| ApiError::new(Code::NotFound, unknown("klass", &name, own().map(|klass| klass.name.as_str()))))
}

async fn list(app: Data<App>, reader: Reader) -> ApiResult {
    let snapshot = app.door.catalog.snapshot();
    let own = snapshot.klasses.iter().filter(|(owner, _)| *owner == reader.org);
    Ok(all(own.map(|(_, klass)| show_klass(klass)).collect(), "/v1/klasses"))
}

async fn save(app: Data<App>, admin: Admin, body: Body) -> ApiResult {
    let draft = KlassDraft::read(body.json()?)?;
    store_klass(&app, admin.org, draft).await
}

async fn replace(app: Data<App>, admin: Admin, name: Path<String>, body: Body) -> ApiResult {
    let name = require(&app, admin.org, name.into_inner()).await?.name;
    let mut document = body.json()?;
    if let Value::Object(fields) = &mut document {
        fields.entry("name").or_insert_with(|| json!(name));
    }
    let draft = KlassDraft::read(document)?;
    if draft.name != name {
        return Err(ApiError::pointer(Code::Invalid, "/name", "a klass can't be renamed"));
    }
    store_klass(&app, admin.org, draft).await
}

async fn store_klass(app: &App, org: Id, draft: KlassDraft) -> ApiResult {
    let (klass, saved) = app.door.catalog.change(move |session| save_klass(session, org, &draft)).await?;
    let shown = show_klass(&klass);
    Ok(if saved == Saved::Created { created(shown) } else { one(shown) })
}

/// The klass's objects, newest first.
async fn kobjects(app: Data<App>, reader: Reader, name: Path<String>, query: Query<PageQuery>) -> ApiResult {
    let asked = query.page()?;
    let klass = require(&app, reader.org, name.into_inner()).await?;
    let link = format!("/v1/klasses/{}", klass.name);
    let read = move |session: &mut dyn Session| session.kobjects(reader.org, Some(&klass.name), None, asked);
    let found = app.door.store.read(read).await?;
    page(found, asked, &link, |kobject| kobject.id, |kobject| show_kobject(reader.org, kobject))
}

async fn add_kobject(app: Data<App>, admin: Admin, name: Path<String>, body: Body) -> ApiResult {
    let mut document = body.json()?;
    let customer = match document.as_object_mut().and_then(|fields| fields.shift_remove("customer")) {
        None | Some(Value::Null) => None,
        Some(value) => Some(find_customer(&app, admin.org, &value).await?),
    };
    create_kobject(&app, admin.org, name.into_inner(), customer, document).await
}

async fn find_customer(app: &App, org: Id, value: &Value) -> Result<Id, ApiError> {
    let refuse = |detail: String| ApiError::pointer(Code::Invalid, "/customer", detail);
    let id: Id =
        value.as_str().and_then(|text| text.parse().ok()).ok_or_else(|| refuse("not a customer's id".into()))?;
    let found = app.door.store.read(move |session| session.customer(org, id)).await?;
    found.map(|customer| customer.id).ok_or_else(|| refuse(format!("there is no customer {id}")))
}

/// Creates an object of a klass from a caller's JSON.
pub async fn create_kobject(app: &App, org: Id, klass: String, customer: Option<Id>, document: Value) -> ApiResult {
    let klass = require(app, org, klass).await?;
    let content = Content::read(&klass, document)?;
    let written = app.door.store.write(move |session| {
        let (id, now) = (session.new_id(), session.now());
        let (klass, content) = (klass.name.clone(), content.clone());
        let kobject = KObject { id, klass, customer, content, created_at: now, updated_at: now, rev: 1 };
        Ok(session.insert_kobject(org, &kobject)?.map(|()| kobject))
    });
    let kobject = written.await??;
    Ok(created(show_kobject(org, kobject)))
}

/// An object by what a path says: an id, or `externalId=…`.
fn find(session: &mut dyn Session, org: Id, klass: &str, address: &str) -> StoreResult<Option<KObject>> {
    match address.split_once('=') {
        Some(("externalId", external_id)) => session.kobject_by_external_id(org, klass, external_id),
        Some(_) => Ok(None),
        None => address.parse().map_or(Ok(None), |id| session.kobject(org, klass, id)),
    }
}

async fn show(app: Data<App>, reader: Reader, path: Path<(String, String)>) -> ApiResult {
    let (name, address) = path.into_inner();
    let klass = require(&app, reader.org, name).await?.name;
    let asked = address.clone();
    let found = app.door.store.read(move |session| find(session, reader.org, &klass, &asked)).await?;
    let kobject = found.ok_or_else(|| ApiError::not_found("kobject", address))?;
    Ok(one(show_kobject(reader.org, kobject)))
}

/// What came of changing a kobject.
enum Changed {
    Yes(Box<KObject>),
    Taken(Taken),
    Invalid(Vec<Problem>),
    Missing,
}

async fn change(app: Data<App>, admin: Admin, path: Path<(String, String)>, body: Body) -> ApiResult {
    let (name, address) = path.into_inner();
    let klass = require(&app, admin.org, name).await?;
    let changes = body.json()?;
    let asked = address.clone();
    let written = app.door.store.write(move |session| {
        let Some(before) = find(session, admin.org, &klass.name, &asked)? else { return Ok(Changed::Missing) };
        let content = match before.content.clone().merge(&klass, changes.clone()) {
            Ok(content) => content,
            Err(problems) => return Ok(Changed::Invalid(problems)),
        };
        let after = KObject { content, updated_at: session.now(), rev: before.rev + 1, ..before };
        Ok(match session.update_kobject(admin.org, &after)? {
            Ok(()) => Changed::Yes(Box::new(after)),
            Err(taken) => Changed::Taken(taken),
        })
    });
    match written.await? {
        Changed::Yes(kobject) => Ok(one(show_kobject(admin.org, *kobject))),
        Changed::Taken(taken) => Err(taken.into()),
        Changed::Invalid(problems) => Err(problems.into()),
        Changed::Missing => Err(ApiError::not_found("kobject", address)),
    }
}

async fn delete(app: Data<App>, admin: Admin, path: Path<(String, String)>) -> ApiResult {
    let (name, address) = path.into_inner();
    let klass = require(&app, admin.org, name).await?.name;
    let asked = address.clone();
    let written = app.door.store.write(move |session| match find(session, admin.org, &klass, &asked)? {
        Some(kobject) => session.delete_kobject(admin.org, &klass, kobject.id),
        None => Ok(false),
    });
    match written.await? {
        true => Ok(HttpResponse::NoContent().finish()),
        false => Err(ApiError::not_found("kobject", address)),
    }
}
