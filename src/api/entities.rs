//! `/v1/companies`, `/v1/conversations`, `/v1/messages`, `/v1/notes` and `/v1/users`, and the lists of those that
//! belong to a customer or a conversation. All five are served by the same handlers.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query, ServiceConfig};
use serde_json::{Value, json};

use super::auth::{Admin, Reader};
use super::body::Body;
use super::{App, alter, at, customers, edit};
use crate::base::id::Id;
use crate::changes::{self, Editor};
use crate::http::document::{PageQuery, created, one, page, relationship, resource};
use crate::http::errors::{ApiError, ApiResult, Code};
use crate::objects::customer::email_key;
use crate::objects::entity::EntityContent;
use crate::objects::{Entity, EntityKind};
use crate::store::{Of, Session, StoreResult};

/// What a list belongs to.
#[derive(Clone, Copy)]
enum Owner {
    Customer,
    Conversation,
}

/// The lists below an owner.
const LISTS: [(Owner, EntityKind); 4] = [
    (Owner::Customer, EntityKind::Conversation),
    (Owner::Customer, EntityKind::Note),
    (Owner::Conversation, EntityKind::Message),
    (Owner::Conversation, EntityKind::Note),
];

pub fn routes(service: &mut ServiceConfig) {
    for kind in EntityKind::ALL {
        let path = format!("/v1/{}", kind.plural());
        let all = at(&path, "GET, POST")
            .get(move |app, reader, query| list(app, reader, kind, query))
            .post(move |app, admin, body| create(app, admin, kind, body));
        let each = at(&format!("{path}/{{id}}"), "DELETE, GET, PATCH, PUT")
            .get(move |app, reader, address| show(app, reader, kind, address))
            .put(move |app, admin, address, body| change(app, admin, kind, address, body))
            .patch(move |app, admin, address, body| change(app, admin, kind, address, body))
            .delete(move |app, admin, address| delete(app, admin, kind, address));
        service.service(all).service(each);
    }
    for (owner, kind) in LISTS {
        let path = format!("/v1/{}/{{id}}/{}", owner.plural(), kind.plural());
        let below = at(&path, "GET, POST")
            .get(move |app, reader, address, query| list_below(app, reader, owner, kind, address, query))
            .post(move |app, admin, address, body| create_below(app, admin, owner, kind, address, body));
        service.service(below);
    }
}

impl Owner {
    fn as_str(self) -> &'static str {
        match self {
            Owner::Customer => "customer",
            Owner::Conversation => "conversation",
        }
    }

    fn plural(self) -> &'static str {
        match self {
            Owner::Customer => "customers",
            Owner::Conversation => "conversations",
        }
    }

    /// The id of the owner at an address.
    async fn require(self, app: &App, org: Id, address: String) -> Result<Id, ApiError> {
        Ok(match self {
            Owner::Customer => customers::require(app, org, address).await?.id,
            Owner::Conversation => require(app, org, EntityKind::Conversation, address).await?.id,
        })
    }

    fn of(self, id: Id) -> Of {
        match self {
            Owner::Customer => Of::Customer(id),
            Owner::Conversation => Of::Conversation(id),
        }
    }
}

/// An entity as a resource, with what it belongs to.
pub fn show_entity(org: Id, entity: Entity) -> Value {
    let (id, kind) = (entity.id, entity.content.kind);
    let link = format!("/v1/{}/{id}", kind.plural());
    let mut relationships = json!({ "org": relationship("org", org, format!("/v1/org/{org}")) });
    for (name, target, id) in entity.content.references() {
        if let Some(id) = id {
            relationships[name] = relationship(target.kind, id, format!("/v1/{}/{id}", target.plural));
        }
    }
    for (_, listed) in LISTS.iter().filter(|(owner, _)| owner.as_str() == kind.as_str()) {
        relationships[listed.plural()] = json!({ "links": { "self": format!("{link}/{}", listed.plural()) } });
    }
    resource(kind.as_str(), id, entity.attributes(), relationships, &link)
}

/// An entity by what a path says: an id, `externalId=…`, or of a user `email=…`.
fn find(session: &mut dyn Session, org: Id, kind: EntityKind, address: &str) -> StoreResult<Option<Entity>> {
    match address.split_once('=') {
        Some(("externalId", external_id)) => session.entity_by_external_id(org, kind, external_id),
        Some(("email", email)) if kind == EntityKind::User => session.user_by_email(org, &email_key(email)),
        Some(_) => Ok(None),
        None => address.parse().map_or(Ok(None), |id| session.entity(org, kind, id)),
    }
}

async fn require(app: &App, org: Id, kind: EntityKind, address: String) -> Result<Entity, ApiError> {
    let asked = address.clone();
    let found = app.door.store.read(move |session| find(session, org, kind, &asked)).await?;
    found.ok_or_else(|| ApiError::not_found(kind.as_str(), address))
}

async fn list(app: Data<App>, reader: Reader, kind: EntityKind, query: Query<PageQuery>) -> ApiResult {
    list_of(&app, reader.org, kind, Of::Org, &format!("/v1/{}", kind.plural()), &query).await
}

async fn list_below(
    app: Data<App>,
    reader: Reader,
    owner: Owner,
    kind: EntityKind,
    address: Path<String>,
    query: Query<PageQuery>,
) -> ApiResult {
    let id = owner.require(&app, reader.org, address.into_inner()).await?;
    let link = format!("/v1/{}/{id}/{}", owner.plural(), kind.plural());
    list_of(&app, reader.org, kind, owner.of(id), &link, &query).await
}

async fn list_of(app: &App, org: Id, kind: EntityKind, of: Of, link: &str, query: &PageQuery) -> ApiResult {
    let asked = query.page()?;
    let found = app.door.store.read(move |session| session.entities(org, kind, of, asked)).await?;
    page(found, asked, link, |entity| entity.id, |entity| show_entity(org, entity))
}

async fn show(app: Data<App>, reader: Reader, kind: EntityKind, address: Path<String>) -> ApiResult {
    let entity = require(&app, reader.org, kind, address.into_inner()).await?;
    Ok(one(show_entity(reader.org, entity)))
}

async fn create(app: Data<App>, admin: Admin, kind: EntityKind, body: Body) -> ApiResult {
    create_from(&app, admin.org, kind, body.json()?).await
}

async fn create_below(
    app: Data<App>,
    admin: Admin,
    owner: Owner,
    kind: EntityKind,
    address: Path<String>,
    body: Body,
) -> ApiResult {
    let id = owner.require(&app, admin.org, address.into_inner()).await?;
    let mut document = body.json()?;
    if let Value::Object(fields) = &mut document {
        let named = fields.entry(owner.as_str()).or_insert_with(|| json!(id));
        if *named != json!(id) {
            let pointer = format!("/{}", owner.as_str());
            return Err(ApiError::pointer(Code::Invalid, &pointer, format!("differs from the id in the path, {id}")));
        }
    }
    create_from(&app, admin.org, kind, document).await
}

async fn create_from(app: &App, org: Id, kind: EntityKind, document: Value) -> ApiResult {
    let content = EntityContent::read(kind, document)?;
    let written = edit(app, org, move |editor| changes::create_entity(editor, content.clone()));
    Ok(created(show_entity(org, written.await??)))
}

async fn change(app: Data<App>, admin: Admin, kind: EntityKind, address: Path<String>, body: Body) -> ApiResult {
    let (org, document) = (admin.org, body.json()?);
    let find = move |session: &mut dyn Session, asked: &str| find(session, org, kind, asked);
    let change = move |editor: &mut Editor<'_>, before| changes::change_entity(editor, before, document.clone());
    let changed = alter(&app, org, kind.as_str(), address.into_inner(), find, change).await?;
    Ok(one(show_entity(org, changed?)))
}

async fn delete(app: Data<App>, admin: Admin, kind: EntityKind, address: Path<String>) -> ApiResult {
    let org = admin.org;
    let find = move |session: &mut dyn Session, asked: &str| find(session, org, kind, asked);
    let delete = move |editor: &mut Editor<'_>, entity| changes::delete_entity(editor, &entity);
    alter(&app, org, kind.as_str(), address.into_inner(), find, delete).await?;
    Ok(HttpResponse::NoContent().finish())
}
