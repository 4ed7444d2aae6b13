//! KObjects: custom objects of a klass.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{Admin, Paging, Reader, Services, Slice, UseCaseError, UseCaseResult, alter, customers, edit, klasses};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::changes::{self, Editor};
use crate::http::document::{Attributes, Listed, Relationship, Resource};
use crate::objects::kobject::KObjectContent;
use crate::objects::{KObject, read_id};
use crate::store::{Session, StoreResult};

/// A custom object; its type is `kobject.` and the name of its klass.
pub type KObjectView = Resource<KObjectAttributes>;

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KObjectAttributes {
    pub title: String,
    #[schema(required)]
    pub external_id: Option<String>,
    #[schema(required)]
    pub icon: Option<String>,
    /// Free-form.
    pub data: Map<String, Value>,
    /// The attributes that the klass declares.
    pub custom: Map<String, Value>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// The number of times that it was written, starting with 1.
    pub rev: i64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct KObjectRelationships {
    pub org: Relationship,
    pub klass: Relationship,
    /// The related kobjects.
    pub related: Listed,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub customer: Option<Relationship>,
}

impl Attributes for KObjectAttributes {
    type Relationships = KObjectRelationships;
    const TYPES: &'static [&'static str] = &[];
}

pub(super) fn view(org: Id, kobject: KObject) -> KObjectView {
    let KObject { id, klass, customer, content, created_at, updated_at, rev } = kobject;
    let KObjectContent { title, external_id, icon, data, custom } = content;
    let klass = Relationship::new("klass", klass, "/v1/klasses");
    let link = format!("{}/{id}", klass.links.own);
    let kind = format!("kobject.{}", klass.data.id);
    let relationships = KObjectRelationships {
        org: Relationship::new("org", org, "/v1/org"),
        related: Listed::at(format!("{link}/relationships")),
        customer: customer.map(|id| Relationship::new("customer", id, "/v1/customers")),
        klass,
    };
    let attributes = KObjectAttributes { title, external_id, icon, data, custom, created_at, updated_at, rev };
    Resource::of_type(kind, id, attributes, link).with(relationships)
}

/// Finds a kobject by an address: an id, or `externalId=…`.
fn find(session: &mut dyn Session, org: Id, klass: &str, address: &str) -> StoreResult<Option<KObject>> {
    match address.split_once('=') {
        Some(("externalId", external_id)) => session.kobject_by_external_id(org, klass, external_id),
        Some(_) => Ok(None),
        None => address.parse().map_or(Ok(None), |id| session.kobject(org, klass, id)),
    }
}

/// A finder of the kobjects of a klass by their addresses.
pub(super) fn finder(org: Id, klass: String) -> impl Fn(&mut dyn Session, &str) -> StoreResult<Option<KObject>> {
    move |session, address| find(session, org, &klass, address)
}

/// The kobject of a klass at an address.
pub(super) async fn require(services: &Services, org: Id, klass: &str, address: &str) -> UseCaseResult<KObject> {
    let find = finder(org, klasses::require(services, org, klass)?.name);
    let key = address.to_owned();
    let found = services.store.read(move |session| find(session, &key)).await?;
    found.ok_or_else(|| UseCaseError::not_found("kobject", address))
}

/// The objects of a klass, newest first, and the klass's name.
pub async fn list(
    services: &Services,
    reader: &Reader,
    klass: &str,
    paging: Paging,
) -> UseCaseResult<(String, Slice<KObjectView>)> {
    let org = reader.org();
    let name = klasses::require(services, org, klass)?.name;
    let klass = name.clone();
    let read = move |session: &mut dyn Session| session.kobjects(org, Some(&klass), None, paging.to_read());
    let found = services.store.read(read).await?;
    Ok((name, paging.slice(found, |kobject| kobject.id, |kobject| view(org, kobject))))
}

/// The objects of a klass on a customer's timeline, newest first, and the customer's id.
pub async fn list_of_customer(
    services: &Services,
    reader: &Reader,
    customer: &str,
    klass: &str,
    paging: Paging,
) -> UseCaseResult<(Id, Slice<KObjectView>)> {
    let org = reader.org();
    let customer = customers::require(services, org, customer).await?.id;
    let klass = klasses::require(services, org, klass)?.name;
    let read = move |session: &mut dyn Session| session.kobjects(org, Some(&klass), Some(customer), paging.to_read());
    let found = services.store.read(read).await?;
    Ok((customer, paging.slice(found, |kobject| kobject.id, |kobject| view(org, kobject))))
}

pub async fn show(services: &Services, reader: &Reader, klass: &str, address: &str) -> UseCaseResult<KObjectView> {
    Ok(view(reader.org(), require(services, reader.org(), klass, address).await?))
}

/// Creates an object of a klass; the document can name a `customer`.
pub async fn create(
    services: &Services,
    admin: &Admin,
    klass: &str,
    mut document: Value,
) -> UseCaseResult<KObjectView> {
    let customer = match document.as_object_mut().and_then(|fields| fields.shift_remove("customer")) {
        None | Some(Value::Null) => None,
        Some(id) => Some(read_id(&id).map_err(|detail| UseCaseError::invalid("/customer", detail))?),
    };
    create_of(services, admin, klass, customer, document).await
}

/// Creates an object of a klass on a customer's timeline.
pub async fn create_for_customer(
    services: &Services,
    admin: &Admin,
    customer: &str,
    klass: &str,
    document: Value,
) -> UseCaseResult<KObjectView> {
    let customer = customers::require(services, admin.org(), customer).await?.id;
    create_of(services, admin, klass, Some(customer), document).await
}

async fn create_of(
    services: &Services,
    admin: &Admin,
    klass: &str,
    customer: Option<Id>,
    document: Value,
) -> UseCaseResult<KObjectView> {
    let org = admin.org();
    let klass = klasses::require(services, org, klass)?;
    let content = KObjectContent::read(&klass, document)?;
    let create = move |editor: &mut Editor<'_>| changes::create_kobject(editor, &klass, customer, content.clone());
    Ok(view(org, edit(services, org, create).await??))
}

/// Changes a kobject: replaces the attributes in the document, custom attributes one by one.
pub async fn change(
    services: &Services,
    admin: &Admin,
    klass: &str,
    address: &str,
    document: Value,
) -> UseCaseResult<KObjectView> {
    let org = admin.org();
    let klass = klasses::require(services, org, klass)?;
    let find = finder(org, klass.name.clone());
    let change =
        move |editor: &mut Editor<'_>, before| changes::change_kobject(editor, &klass, before, document.clone());
    Ok(view(org, alter(services, org, "kobject", address, find, change).await??))
}

pub async fn delete(services: &Services, admin: &Admin, klass: &str, address: &str) -> UseCaseResult<()> {
    let org = admin.org();
    let find = finder(org, klasses::require(services, org, klass)?.name);
    let delete = move |editor: &mut Editor<'_>, kobject| changes::delete_kobject(editor, &kobject);
    alter(services, org, "kobject", address, find, delete).await.map(drop)
}
