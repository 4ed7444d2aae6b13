//! `/v1/klasses`: definitions of custom objects, and the objects.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query, ServiceConfig};
use serde_json::{Value, json};

use super::auth::{Admin, Reader};
use super::body::Body;
use super::{App, alter, at, edit};
use crate::base::id::Id;
use crate::catalog::{Saved, save_klass};
use crate::changes::{self, Editor};
use crate::http::document::{PageQuery, all, created, one, page, relationship, resource};
use crate::http::errors::{ApiError, ApiResult, Code};
use crate::objects::klass::KlassDraft;
use crate::objects::kobject::KObjectContent;
use crate::objects::{KObject, Klass, read_id, unknown};
use crate::store::{Session, StoreResult};

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
    resource("klass", &klass.name, klass.attributes(), json!({}), &format!("/v1/klasses/{}", klass.name))
}

/// A kobject as a resource, with its klass and customer.
pub fn show_kobject(org: Id, kobject: KObject) -> Value {
    let klass_link = format!("/v1/klasses/{}", kobject.klass);
    let mut relationships = json!({
        "org": relationship("org", org, format!("/v1/org/{org}")),
        "klass": relationship("klass", &kobject.klass, klass_link.clone()),
        "related": { "links": { "self": format!("{klass_link}/{}/relationships", kobject.id) } },
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
        Some(value) => Some(read_id(&value).map_err(|detail| ApiError::pointer(Code::Invalid, "/customer", detail))?),
    };
    create_kobject(&app, admin.org, name.into_inner(), customer, document).await
}

/// Creates an object of a klass from a caller's JSON.
pub async fn create_kobject(app: &App, org: Id, klass: String, customer: Option<Id>, document: Value) -> ApiResult {
    let klass = require(app, org, klass).await?;
    let content = KObjectContent::read(&klass, document)?;
    let create = move |editor: &mut Editor<'_>| changes::create_kobject(editor, &klass, customer, content.clone());
    Ok(created(show_kobject(org, edit(app, org, create).await??)))
}

/// An object by what a path says: an id, or `externalId=…`.
fn find(session: &mut dyn Session, org: Id, klass: &str, address: &str) -> StoreResult<Option<KObject>> {
    match address.split_once('=') {
        Some(("externalId", external_id)) => session.kobject_by_external_id(org, klass, external_id),
        Some(_) => Ok(None),
        None => address.parse().map_or(Ok(None), |id| session.kobject(org, klass, id)),
    }
}

/// The object of a klass at an address.
pub async fn require_kobject(app: &App, org: Id, klass: String, address: String) -> Result<KObject, ApiError> {
    let find = finder(org, require(app, org, klass).await?.name);
    let asked = address.clone();
    let found = app.door.store.read(move |session| find(session, &asked)).await?;
    found.ok_or_else(|| ApiError::not_found("kobject", address))
}

async fn show(app: Data<App>, reader: Reader, path: Path<(String, String)>) -> ApiResult {
    let (klass, address) = path.into_inner();
    let kobject = require_kobject(&app, reader.org, klass, address).await?;
    Ok(one(show_kobject(reader.org, kobject)))
}

async fn change(app: Data<App>, admin: Admin, path: Path<(String, String)>, body: Body) -> ApiResult {
    let (name, address) = path.into_inner();
    let (org, klass, document) = (admin.org, require(&app, admin.org, name).await?, body.json()?);
    let find = finder(org, klass.name.clone());
    let change =
        move |editor: &mut Editor<'_>, before| changes::change_kobject(editor, &klass, before, document.clone());
    let changed = alter(&app, org, "kobject", address, find, change).await?;
    Ok(one(show_kobject(org, changed?)))
}

async fn delete(app: Data<App>, admin: Admin, path: Path<(String, String)>) -> ApiResult {
    let (name, address) = path.into_inner();
    let org = admin.org;
    let find = finder(org, require(&app, org, name).await?.name);
    let delete = move |editor: &mut Editor<'_>, kobject| changes::delete_kobject(editor, &kobject);
    alter(&app, org, "kobject", address, find, delete).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Finds the objects of a klass by what paths say.
pub fn finder(org: Id, klass: String) -> impl Fn(&mut dyn Session, &str) -> StoreResult<Option<KObject>> {
    move |session, asked| find(session, org, &klass, asked)
}
