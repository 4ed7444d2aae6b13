//! `/v1/customers`: customers and what stands on their timelines.

use actix_web::web::{Data, Path, Query, ServiceConfig};
use serde_json::{Value, json};

use super::auth::{Admin, Reader};
use super::body::Body;
use super::document::{PageQuery, created, one, page, relationship, resource};
use super::errors::{ApiError, ApiResult};
use super::klasses::{create_kobject, show_kobject};
use super::{App, at};
use crate::id::Id;
use crate::objects::Customer;
use crate::objects::customer::{Profile, email_key, phone_key};
use crate::store::{Session, StoreResult, Taken};

pub fn routes(service: &mut ServiceConfig) {
    service
        .service(at("/v1/customers", "GET, POST").get(list).post(create))
        .service(at("/v1/customers/{id}", "GET, PATCH, PUT").get(show).put(change).patch(change))
        .service(at("/v1/customers/{id}/timeline", "GET").get(timeline))
        .service(at("/v1/customers/{id}/klasses/{klass}", "GET, POST").get(kobjects).post(add_kobject));
}

fn show_customer(org: Id, customer: Customer) -> Value {
    let id = customer.id;
    let link = format!("/v1/customers/{id}");
    let relationships = json!({
        "org": relationship("org", org, format!("/v1/org/{org}")),
        "timeline": { "links": { "self": format!("{link}/timeline") } },
    });
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

async fn require(app: &App, org: Id, address: String) -> Result<Customer, ApiError> {
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
    let written = app.door.store.write(move |session| {
        let (id, now) = (session.new_id(), session.now());
        let customer = Customer { id, profile: profile.clone(), created_at: now, updated_at: now, rev: 1 };
        Ok(session.insert_customer(admin.org, &customer)?.map(|()| customer))
    });
    let customer = written.await??;
    Ok(created(show_customer(admin.org, customer)))
}

/// What came of changing a customer.
enum Changed {
    Yes(Customer),
    Taken(Taken),
    Invalid(Vec<crate::objects::Problem>),
    Missing,
}

async fn change(app: Data<App>, admin: Admin, address: Path<String>, body: Body) -> ApiResult {
    let (address, changes) = (address.into_inner(), body.json()?);
    let asked = address.clone();
    let written = app.door.store.write(move |session| {
        let Some(before) = find(session, admin.org, &asked)? else { return Ok(Changed::Missing) };
        let profile = match before.profile.clone().merge(changes.clone()) {
            Ok(profile) => profile,
            Err(problems) => return Ok(Changed::Invalid(problems)),
        };
        let after = Customer { profile, updated_at: session.now(), rev: before.rev + 1, ..before.clone() };
        Ok(match session.update_customer(admin.org, &before, &after)? {
            Ok(()) => Changed::Yes(after),
            Err(taken) => Changed::Taken(taken),
        })
    });
    match written.await? {
        Changed::Yes(customer) => Ok(one(show_customer(admin.org, customer))),
        Changed::Taken(taken) => Err(taken.into()),
        Changed::Invalid(problems) => Err(problems.into()),
        Changed::Missing => Err(ApiError::not_found("customer", address)),
    }
}

/// What stands on the customer's timeline, newest first.
async fn timeline(app: Data<App>, reader: Reader, address: Path<String>, query: Query<PageQuery>) -> ApiResult {
    let customer = require(&app, reader.org, address.into_inner()).await?.id;
    let asked = query.page()?;
    let read = move |session: &mut dyn Session| session.kobjects(reader.org, None, Some(customer), asked);
    let found = app.door.store.read(read).await?;
    let link = format!("/v1/customers/{customer}/timeline");
    page(found, asked, &link, |kobject| kobject.id, |kobject| show_kobject(reader.org, kobject))
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
