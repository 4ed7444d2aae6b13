//! Customers and their timelines.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::entities::{self, EntityView};
use super::kobjects::{self, KObjectView};
use super::{Admin, Paging, Reader, Services, Slice, UseCaseError, UseCaseResult, alter, edit, shapes};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::changes::{self, ChangeError, Editor};
use crate::http::document::{Attributes, Listed, Relationship, Resource};
use crate::objects::customer::{Profile, email_key};
use crate::objects::{Customer, Email, EntityKind, Fields, Phone, Problem, missing};
use crate::store::{Of, Page, Session, StoreResult};

/// A customer.
pub type CustomerView = Resource<CustomerAttributes>;

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomerAttributes {
    #[schema(required)]
    pub name: Option<String>,
    #[schema(required)]
    pub external_id: Option<String>,
    pub emails: Vec<Email>,
    pub phones: Vec<Phone>,
    #[serde(flatten)]
    #[schema(value_type = shapes::CustomerDetails)]
    pub details: Map<String, Value>,
    /// By name; the suffix of a name is its type.
    pub custom: Map<String, Value>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// The number of times that it was written, starting with 1.
    pub rev: i64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CustomerRelationships {
    pub org: Relationship,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub company: Option<Relationship>,
    pub timeline: Listed,
    pub conversations: Listed,
    pub notes: Listed,
}

impl Attributes for CustomerAttributes {
    type Relationships = CustomerRelationships;
    const TYPES: &'static [&'static str] = &["customer"];
}

/// An entry of a timeline.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum TimelineEntry {
    KObject(Box<KObjectView>),
    #[schema(value_type = shapes::Conversation)]
    Conversation(Box<EntityView>),
}

/// The customer to merge into another one.
#[derive(Clone, Copy, Debug, ToSchema)]
pub struct Merge {
    pub source: Id,
}

impl Merge {
    /// Reads `{"source"}`.
    ///
    /// # Errors
    /// Every problem, with its pointer.
    pub fn read(document: Value) -> Result<Merge, Vec<Problem>> {
        let mut fields = Fields::new(document);
        let source = fields.id("source");
        fields.finish(Merge { source })
    }
}

fn view(org: Id, customer: Customer) -> CustomerView {
    let Customer { id, profile, created_at, updated_at, rev } = customer;
    let link = format!("/v1/customers/{id}");
    let list = |name: &str| Listed::at(format!("{link}/{name}"));
    let relationships = CustomerRelationships {
        org: Relationship::new("org", org, "/v1/org"),
        company: profile.company().map(|id| Relationship::new("company", id, "/v1/companies")),
        timeline: list("timeline"),
        conversations: list("conversations"),
        notes: list("notes"),
    };
    let attributes = CustomerAttributes {
        details: profile.full_details(),
        name: profile.name,
        external_id: profile.external_id,
        emails: profile.emails,
        phones: profile.phones,
        custom: profile.custom,
        created_at,
        updated_at,
        rev,
    };
    Resource::new(id, attributes, link).with(relationships)
}

/// Finds a customer by an address: an id, `email=…`, `phone=…` or `externalId=…`.
fn find(session: &mut dyn Session, org: Id, address: &str) -> StoreResult<Option<Customer>> {
    match address.split_once('=') {
        Some(("email", email)) => session.customer_by_email(org, &email_key(email)),
        Some(("phone", phone)) => session.customer_by_phone(org, phone),
        Some(("externalId", external_id)) => session.customer_by_external_id(org, external_id),
        Some(_) => Ok(None),
        None => address.parse().map_or(Ok(None), |id| session.customer(org, id)),
    }
}

fn finder(org: Id) -> impl Fn(&mut dyn Session, &str) -> StoreResult<Option<Customer>> {
    move |session, address| find(session, org, address)
}

/// The customer at an address.
pub(super) async fn require(services: &Services, org: Id, address: &str) -> UseCaseResult<Customer> {
    let key = address.to_owned();
    let found = services.store.read(move |session| find(session, org, &key)).await?;
    found.ok_or_else(|| UseCaseError::not_found("customer", address))
}

/// All customers, newest first.
pub async fn list(services: &Services, reader: &Reader, paging: Paging) -> UseCaseResult<Slice<CustomerView>> {
    let org = reader.org();
    let found = services.store.read(move |session| session.customers(org, paging.to_read())).await?;
    Ok(paging.slice(found, |customer| customer.id, |customer| view(org, customer)))
}

/// The customer at an address: an id, `email=…`, `phone=…` or `externalId=…`.
pub async fn show(services: &Services, reader: &Reader, address: &str) -> UseCaseResult<CustomerView> {
    Ok(view(reader.org(), require(services, reader.org(), address).await?))
}

pub async fn create(services: &Services, admin: &Admin, profile: Profile) -> UseCaseResult<CustomerView> {
    let org = admin.org();
    let written = edit(services, org, move |editor| changes::create_customer(editor, profile.clone()));
    Ok(view(org, written.await??))
}

/// Changes a customer: replaces the attributes in the document, custom attributes one by one.
pub async fn change(services: &Services, admin: &Admin, address: &str, document: Value) -> UseCaseResult<CustomerView> {
    let org = admin.org();
    let change = move |editor: &mut Editor<'_>, before| changes::change_customer(editor, before, document.clone());
    Ok(view(org, alter(services, org, "customer", address, finder(org), change).await??))
}

/// Deletes a customer and everything that belongs to it.
pub async fn delete(services: &Services, admin: &Admin, address: &str) -> UseCaseResult<()> {
    let org = admin.org();
    let delete = move |editor: &mut Editor<'_>, customer| changes::delete_customer(editor, &customer);
    alter(services, org, "customer", address, finder(org), delete).await.map(drop)
}

/// Merges another customer into the one at the address.
pub async fn merge(
    services: &Services,
    admin: &Admin,
    address: &str,
    Merge { source }: Merge,
) -> UseCaseResult<CustomerView> {
    let org = admin.org();
    let merge = move |editor: &mut Editor<'_>, target: Customer| match editor.session.customer(org, source)? {
        Some(source) => changes::merge_customers(editor, &target, &source),
        None => Ok(Err(ChangeError::Invalid(vec![missing("source", "customer", source)]))),
    };
    Ok(view(org, alter(services, org, "customer", address, finder(org), merge).await??))
}

/// The kobjects and conversations of a customer, newest first, and the customer's id.
pub async fn timeline(
    services: &Services,
    reader: &Reader,
    address: &str,
    paging: Paging,
) -> UseCaseResult<(Id, Slice<TimelineEntry>)> {
    let org = reader.org();
    let customer = require(services, org, address).await?.id;
    let found = services.store.read(move |session| read_timeline(session, org, customer, paging.to_read())).await?;
    Ok((customer, paging.slice(found, |(id, _)| *id, |(_, entry)| entry)))
}

/// A full page of each kind, so that the newest of both together are among them.
fn read_timeline(
    session: &mut dyn Session,
    org: Id,
    customer: Id,
    page: Page,
) -> StoreResult<Vec<(Id, TimelineEntry)>> {
    let kobjects = session.kobjects(org, None, Some(customer), page)?.into_iter();
    let conversations = session.entities(org, EntityKind::Conversation, Of::Customer(customer), page)?.into_iter();
    let kobjects = kobjects.map(|kobject| (kobject.id, TimelineEntry::KObject(Box::new(kobjects::view(org, kobject)))));
    let conversations =
        conversations.map(|entity| (entity.id, TimelineEntry::Conversation(Box::new(entities::view(org, entity)))));
    let mut found: Vec<(Id, TimelineEntry)> = kobjects.chain(conversations).collect();
    found.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
    found.truncate(usize::try_from(page.size).unwrap_or_default());
    Ok(found)
}
