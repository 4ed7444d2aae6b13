//! `/v1/customers`: customers and what stands on their timelines.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query, ServiceConfig};
use serde_json::{Value, json};

use super::auth::{Admin, Reader};
use super::body::Body;
use super::entities::show_entity;
use super::klasses::{create_kobject, show_kobject};
use super::{App, alter, at, edit};
use crate::base::id::Id;
use crate::changes::{self, ChangeError, Editor};
use crate::http::document::{PageQuery, created, one, page, relationship, resource};
use crate::http::errors::{ApiError, ApiResult};
use crate::objects::customer::{Profile, email_key, phone_key};
use crate::objects::{Customer, EntityKind, Fields, missing};
use crate::store::{Of, Page, Session, StoreResult};

pub fn routes(service: &mut ServiceConfig) {
    service
        .service(at("/v1/customers", "GET, POST").get(list).post(create))
        .service(at("/v1/customers/{id}", "DELETE, GET, PATCH, PUT").get(show).put(change).patch(change).delete(delete))
        .service(at("/v1/customers/{id}/merge", "POST").post(merge))
        .service(at("/v1/customers/{id}/timeline", "GET").get(timeline))
        .service(at("/v1/customers/{id}/klasses/{klass}", "GET, POST").get(kobjects).post(add_kobject));
}

fn show_customer(org: Id, customer: Customer) -> Value {
    let id = customer.id;
    let link = format!("/v1/customers/{id}");
    let mut relationships = json!({ "org": relationship("org", org, format!("/v1/org/{org}")) });
    if let Some(company) = customer.profile.company() {
        relationships["company"] = relationship("company", company, format!("/v1/companies/{company}"));
    }
    for list in ["timeline", "conversations", "notes"] {
        relationships[list] = json!({ "links": { "self": format!("{link}/{list}") } });
    }
    resource("customer", id, customer.attributes(), relationships, &link)
}

/// A customer by what a path says: an id, `email=…`, `phone=…` or `externalId=…`.
fn find(session: &mut dyn Session, org: Id, address: &str) -> StoreResult<Option<Customer>> {
    match address.split_once('=') {
        Some(("email", email)) => session.customer_by_email(org, &email_key(email)),
        Some(("phone", phone)) => session.customer_by_phone(org, &phone_key(phone)),
        Some(("externalId", external_id)) => session.customer_by_external_id(org, external_id),
        Some(_) => Ok(None),
        None => address.parse().map_or(Ok(None), |id| session.customer(org, id)),
    }
}

/// The customer at an address.
pub async fn require(app: &App, org: Id, address: String) -> Result<Customer, ApiError> {
    let asked = address.clone();
    let found = app.door.store.read(move |session| find(session, org, &asked)).await?;
    found.ok_or_else(|| ApiError::not_found("customer", address))
}

async fn list(app: Data<App>, reader: Reader, query: Query<PageQuery>) -> ApiResult {
    let asked = query.page()?;
    let found = app.door.store.read(move |session| session.customers(reader.org, asked)).await?;
    page(found, asked, "/v1/customers", |customer| customer.id, |customer| show_customer(reader.org, customer))
}

async fn show(app: Data<App>, reader: Reader, address: Path<String>) -> ApiResult {
    let customer = require(&app, reader.org, address.into_inner()).await?;
    Ok(one(show_customer(reader.org, customer)))
}

async fn create(app: Data<App>, admin: Admin, body: Body) -> ApiResult {
    let profile = Profile::read(body.json()?)?;
    let written = edit(&app, admin.org, move |editor| changes::create_customer(editor, profile.clone()));
    Ok(created(show_customer(admin.org, written.await??)))
}

async fn change(app: Data<App>, admin: Admin, address: Path<String>, body: Body) -> ApiResult {
    let (org, document) = (admin.org, body.json()?);
    let change = move |editor: &mut Editor<'_>, before| changes::change_customer(editor, before, document.clone());
    let changed = alter(&app, org, "customer", address.into_inner(), finder(org), change).await?;
    Ok(one(show_customer(org, changed?)))
}

/// Everything that belongs to the customer goes with it.
async fn delete(app: Data<App>, admin: Admin, address: Path<String>) -> ApiResult {
    let org = admin.org;
    let delete = move |editor: &mut Editor<'_>, customer| changes::delete_customer(editor, &customer);
    alter(&app, org, "customer", address.into_inner(), finder(org), delete).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Takes `source`, the customer that is merged into the one that is addressed.
async fn merge(app: Data<App>, admin: Admin, address: Path<String>, body: Body) -> ApiResult {
    let org = admin.org;
    let mut fields = Fields::new(body.json()?);
    let source = fields.id("source");
    let source = fields.finish(source)?;
    let merge = move |editor: &mut Editor<'_>, target: Customer| match editor.session.customer(org, source)? {
        Some(source) => changes::merge_customers(editor, &target, &source),
        None => Ok(Err(ChangeError::Invalid(vec![missing("source", "customer", source)]))),
    };
    let merged = alter(&app, org, "customer", address.into_inner(), finder(org), merge).await?;
    Ok(one(show_customer(org, merged?)))
}

fn finder(org: Id) -> impl Fn(&mut dyn Session, &str) -> StoreResult<Option<Customer>> {
    move |session, asked| find(session, org, asked)
}

/// What stands on the customer's timeline, newest first: kobjects and conversations.
async fn timeline(app: Data<App>, reader: Reader, address: Path<String>, query: Query<PageQuery>) -> ApiResult {
    let customer = require(&app, reader.org, address.into_inner()).await?.id;
    let asked = query.page()?;
    let found = app.door.store.read(move |session| read_timeline(session, reader.org, customer, asked)).await?;
    let link = format!("/v1/customers/{customer}/timeline");
    page(found, asked, &link, |(id, _)| *id, |(_, shown)| shown)
}

/// As many of both as there is room for, so that the newest of them are the newest of all.
fn read_timeline(session: &mut dyn Session, org: Id, customer: Id, page: Page) -> StoreResult<Vec<(Id, Value)>> {
    let kobjects = session.kobjects(org, None, Some(customer), page)?;
    let conversations = session.entities(org, EntityKind::Conversation, Of::Customer(customer), page)?;
    let mut found: Vec<(Id, Value)> =
        kobjects.into_iter().map(|kobject| (kobject.id, show_kobject(org, kobject))).collect();
    found.extend(conversations.into_iter().map(|conversation| (conversation.id, show_entity(org, conversation))));
    found.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
    found.truncate(usize::try_from(page.size).unwrap_or_default());
    Ok(found)
}

async fn kobjects(app: Data<App>, reader: Reader, path: Path<(String, String)>, query: Query<PageQuery>) -> ApiResult {
    let (address, klass) = path.into_inner();
    let customer = require(&app, reader.org, address).await?.id;
    let asked = query.page()?;
    let link = format!("/v1/customers/{customer}/klasses/{klass}");
    let klass = super::klasses::require(&app, reader.org, klass).await?.name;
    let read = move |session: &mut dyn Session| session.kobjects(reader.org, Some(&klass), Some(customer), asked);
    let found = app.door.store.read(read).await?;
    page(found, asked, &link, |kobject| kobject.id, |kobject| show_kobject(reader.org, kobject))
}

async fn add_kobject(app: Data<App>, admin: Admin, path: Path<(String, String)>, body: Body) -> ApiResult {
    let (address, klass) = path.into_inner();
    let customer = require(&app, admin.org, address).await?.id;
    create_kobject(&app, admin.org, klass, Some(customer), body.json()?).await
}
