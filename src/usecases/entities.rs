//! Companies, conversations, messages, notes and users, also as lists of a customer or a conversation.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{Admin, Paging, Reader, Services, Slice, UseCaseError, UseCaseResult, alter, customers, edit};
use crate::base::id::Id;
use crate::changes::{self, Editor};
use crate::http::document::{Attributes, Listed, Relationship, Resource};
use crate::objects::customer::email_key;
use crate::objects::entity::EntityContent;
use crate::objects::{Entity, EntityKind};
use crate::store::{Of, Session, StoreResult};

/// An entity; its type is its kind.
pub type EntityView = Resource<EntityAttributes>;

/// The attributes depend on the kind; see [`super::shapes::entity`].
#[derive(Debug, Serialize, ToSchema)]
#[serde(transparent)]
pub struct EntityAttributes(Map<String, Value>);

/// What an entity refers to, and the lists of what belongs to it.
#[derive(Debug, Serialize, ToSchema)]
pub struct EntityRelationships {
    pub org: Relationship,
    #[serde(flatten)]
    pub others: Others,
}

/// Which of them exist depends on the kind.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Others {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub conversation: Option<Relationship>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub customer: Option<Relationship>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub user: Option<Relationship>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub messages: Option<Listed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub notes: Option<Listed>,
}

impl Attributes for EntityAttributes {
    type Relationships = EntityRelationships;
    const TYPES: &'static [&'static str] = &["company", "conversation", "message", "note", "user"];
}

/// The owner of a list of entities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    Customer,
    Conversation,
}

/// The kinds of entities that an owner has lists of.
pub const LISTS: [(Owner, EntityKind); 4] = [
    (Owner::Customer, EntityKind::Conversation),
    (Owner::Customer, EntityKind::Note),
    (Owner::Conversation, EntityKind::Message),
    (Owner::Conversation, EntityKind::Note),
];

impl Owner {
    pub fn as_str(self) -> &'static str {
        match self {
            Owner::Customer => "customer",
            Owner::Conversation => "conversation",
        }
    }

    pub fn plural(self) -> &'static str {
        match self {
            Owner::Customer => "customers",
            Owner::Conversation => "conversations",
        }
    }

    /// Finds the id of the owner at an address.
    async fn require(self, services: &Services, org: Id, address: &str) -> UseCaseResult<Id> {
        Ok(match self {
            Owner::Customer => customers::require(services, org, address).await?.id,
            Owner::Conversation => require(services, org, EntityKind::Conversation, address).await?.id,
        })
    }

    fn of(self, id: Id) -> Of {
        match self {
            Owner::Customer => Of::Customer(id),
            Owner::Conversation => Of::Conversation(id),
        }
    }
}

pub(super) fn view(org: Id, entity: Entity) -> EntityView {
    let (id, kind) = (entity.id, entity.content.kind);
    let link = format!("/v1/{}/{id}", kind.plural());
    let reference = |name: &str| {
        let (_, target, id) = entity.content.references().find(|(own, ..)| *own == name)?;
        Some(Relationship::new(target.kind, id?, &format!("/v1/{}", target.plural)))
    };
    let list = |listed: EntityKind| {
        let is_here = LISTS.iter().any(|(owner, each)| owner.as_str() == kind.as_str() && *each == listed);
        is_here.then(|| Listed::at(format!("{link}/{}", listed.plural())))
    };
    let others = Others {
        conversation: reference("conversation"),
        customer: reference("customer"),
        user: reference("user"),
        messages: list(EntityKind::Message),
        notes: list(EntityKind::Note),
    };
    let relationships = EntityRelationships { org: Relationship::new("org", org, "/v1/org"), others };
    Resource::of_type(kind.as_str(), id, EntityAttributes(entity.attributes()), link).with(relationships)
}

/// Finds an entity by an address: an id, `externalId=…`, or for a user `email=…`.
fn find(session: &mut dyn Session, org: Id, kind: EntityKind, address: &str) -> StoreResult<Option<Entity>> {
    match address.split_once('=') {
        Some(("externalId", external_id)) => session.entity_by_external_id(org, kind, external_id),
        Some(("email", email)) if kind == EntityKind::User => session.user_by_email(org, &email_key(email)),
        Some(_) => Ok(None),
        None => address.parse().map_or(Ok(None), |id| session.entity(org, kind, id)),
    }
}

fn finder(org: Id, kind: EntityKind) -> impl Fn(&mut dyn Session, &str) -> StoreResult<Option<Entity>> {
    move |session, address| find(session, org, kind, address)
}

async fn require(services: &Services, org: Id, kind: EntityKind, address: &str) -> UseCaseResult<Entity> {
    let key = address.to_owned();
    let found = services.store.read(move |session| find(session, org, kind, &key)).await?;
    found.ok_or_else(|| UseCaseError::not_found(kind.as_str(), address))
}

/// All entities of a kind, newest first.
pub async fn list(
    services: &Services,
    reader: &Reader,
    kind: EntityKind,
    paging: Paging,
) -> UseCaseResult<Slice<EntityView>> {
    list_of(services, reader, kind, Of::Org, paging).await
}

/// The entities of a kind that belong to the owner at an address, newest first, and the owner's id.
pub async fn list_below(
    services: &Services,
    reader: &Reader,
    (owner, kind): (Owner, EntityKind),
    address: &str,
    paging: Paging,
) -> UseCaseResult<(Id, Slice<EntityView>)> {
    let id = owner.require(services, reader.org(), address).await?;
    Ok((id, list_of(services, reader, kind, owner.of(id), paging).await?))
}

async fn list_of(
    services: &Services,
    reader: &Reader,
    kind: EntityKind,
    of: Of,
    paging: Paging,
) -> UseCaseResult<Slice<EntityView>> {
    let org = reader.org();
    let found = services.store.read(move |session| session.entities(org, kind, of, paging.to_read())).await?;
    Ok(paging.slice(found, |entity| entity.id, |entity| view(org, entity)))
}

/// The entity at an address: an id, `externalId=…`, or for a user `email=…`.
pub async fn show(services: &Services, reader: &Reader, kind: EntityKind, address: &str) -> UseCaseResult<EntityView> {
    Ok(view(reader.org(), require(services, reader.org(), kind, address).await?))
}

pub async fn create(services: &Services, admin: &Admin, content: EntityContent) -> UseCaseResult<EntityView> {
    let org = admin.org();
    let written = edit(services, org, move |editor| changes::create_entity(editor, content.clone()));
    Ok(view(org, written.await??))
}

/// Creates an entity that belongs to the owner at an address; the document can omit the owner.
pub async fn create_below(
    services: &Services,
    admin: &Admin,
    (owner, kind): (Owner, EntityKind),
    address: &str,
    mut document: Value,
) -> UseCaseResult<EntityView> {
    let id = Value::String(owner.require(services, admin.org(), address).await?.to_string());
    if let Value::Object(fields) = &mut document {
        let named = fields.entry(owner.as_str()).or_insert_with(|| id.clone());
        if *named != id {
            let detail = format!("differs from the id in the path, {}", id.as_str().unwrap_or_default());
            return Err(UseCaseError::invalid(format!("/{}", owner.as_str()), detail));
        }
    }
    create(services, admin, EntityContent::read(kind, document)?).await
}

/// Changes an entity: replaces the attributes in the document, custom attributes one by one.
pub async fn change(
    services: &Services,
    admin: &Admin,
    kind: EntityKind,
    address: &str,
    document: Value,
) -> UseCaseResult<EntityView> {
    let org = admin.org();
    let change = move |editor: &mut Editor<'_>, before| changes::change_entity(editor, before, document.clone());
    Ok(view(org, alter(services, org, kind.as_str(), address, finder(org, kind), change).await??))
}

pub async fn delete(services: &Services, admin: &Admin, kind: EntityKind, address: &str) -> UseCaseResult<()> {
    let org = admin.org();
    let delete = move |editor: &mut Editor<'_>, entity| changes::delete_entity(editor, &entity);
    alter(services, org, kind.as_str(), address, finder(org, kind), delete).await.map(drop)
}
