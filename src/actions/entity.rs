//! Code shared by the actions on companies, conversations, messages, notes and users; the five kinds differ in their
//! params.

use serde_json::Value;

use super::Call;
use super::object::{ActionError, ActionResult, refused};
use crate::changes::{change_entity, create_entity};
use crate::objects::entity::EntityContent;
use crate::objects::{Entity, EntityKind};

/// Creates an entity from the params.
pub(super) fn create(call: &mut Call<'_>, kind: EntityKind) -> ActionResult {
    let content = EntityContent::read(kind, call.take_params())?;
    let created = create_entity(&mut call.editor(), content)?;
    Ok(created.map_err(refused(kind.as_str()))?.flattened())
}

/// Applies the other params to the entity with this `id`.
pub(super) fn update(call: &mut Call<'_>, kind: EntityKind) -> ActionResult {
    let before = require(call, kind)?;
    let changes = call.take_params();
    change(call, before, changes)
}

/// Applies a document of changes to an entity.
pub(super) fn change(call: &mut Call<'_>, before: Entity, changes: Value) -> ActionResult {
    let kind = before.content.kind;
    let changed = change_entity(&mut call.editor(), before, changes)?;
    Ok(changed.map_err(refused(kind.as_str()))?.flattened())
}

/// The entity with this `id`; it is an error if there is none.
pub(super) fn require(call: &mut Call<'_>, kind: EntityKind) -> Result<Entity, ActionError> {
    call.require("id", kind.as_str(), |call, id| call.session.entity(call.org, kind, id))
}

/// Looks up an entity by `id`.
pub(super) fn find_by_id(call: &mut Call<'_>, kind: EntityKind) -> ActionResult {
    call.look_up("id", kind.as_str(), |call, id| Ok(call.session.entity(call.org, kind, id)?.map(Entity::flattened)))
}

/// Looks up an entity by `externalId`.
pub(super) fn find_by_external_id(call: &mut Call<'_>, kind: EntityKind) -> ActionResult {
    let external_id = call.params.get("externalId").and_then(Value::as_str).unwrap_or_default();
    let found = call.session.entity_by_external_id(call.org, kind, external_id)?;
    Ok(call.found("externalId", kind.as_str(), found.map(Entity::flattened)))
}

/// Looks up an entity by `identifier`: an id or an external id.
pub(super) fn find(call: &mut Call<'_>, kind: EntityKind) -> ActionResult {
    let identifier = call.params.get("identifier").and_then(Value::as_str).unwrap_or_default().trim();
    let mut found = identifier.parse().map_or(Ok(None), |id| call.session.entity(call.org, kind, id))?;
    if found.is_none() {
        found = call.session.entity_by_external_id(call.org, kind, identifier)?;
    }
    Ok(call.found("identifier", kind.as_str(), found.map(Entity::flattened)))
}
