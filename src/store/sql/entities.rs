//! Companies, conversations, messages, notes and users: one table for the five kinds.
//!
//! Values that are unique or used for lookups have columns: the customer and the conversation that an entity belongs
//! to, its external id, and a user's normalized e-mail address. The rest is one JSON document.

use serde_json::{Map, Value, json};

use super::Sql;
use super::cell::to_json;
use super::statement::{Statement, statement};
use super::table::columns;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::objects::entity::EntityContent;
use crate::objects::{Entity, EntityKind};
use crate::store::records::Page;
use crate::store::session::{Entities, Of, Taken};
use crate::store::{StoreError, StoreResult};

columns! {
    /// The entities of all kinds.
    entities (org_id, kind, id), insert(org: Id, entity: &'a Entity) {
        org_id: Id = org,
        kind: EntityKind = &entity.content.kind,
        id: Id = entity.id,
        customer_id: Option<Id> = entity.content.customer(),
        conversation_id: Option<Id> = entity.content.conversation(),
        #[changes] external_id: Option<String> = entity.content.external_id(),
        #[changes] email: Option<String> = entity.content.email_key(),
        #[changes] attributes: Map<String, Value> = document(&entity.content),
        created_at: Timestamp = entity.created_at,
        #[changes] updated_at: Timestamp = entity.updated_at,
        #[changes] rev: i64 = entity.rev,
    }
}

/// The fields that have columns of their own.
const COLUMNS: [&str; 3] = ["customer", "conversation", "externalId"];

impl From<entities::Row> for Entity {
    fn from(row: entities::Row) -> Entity {
        let entities::Row { kind, id, customer_id, conversation_id, external_id, created_at, updated_at, rev, .. } =
            row;
        let mut values = row.attributes;
        let columns = [json!(customer_id), json!(conversation_id), json!(external_id)];
        let columns = COLUMNS.into_iter().zip(columns).filter(|(_, value)| !value.is_null());
        values.extend(columns.map(|(name, value)| (name.to_owned(), value)));
        Entity { id, content: EntityContent { kind, values }, created_at, updated_at, rev }
    }
}

fn one_entity<Site: 'static>(sql: &mut impl Sql, statement: Statement<'_, Site>) -> StoreResult<Option<Entity>> {
    sql.settle(entities::NAME)?;
    Ok(statement.first::<entities::Row>(sql)?.map(Entity::from))
}

fn document(content: &EntityContent) -> String {
    let in_document = content.values.iter().filter(|(name, _)| !COLUMNS.contains(&name.as_str()));
    to_json(&in_document.collect::<std::collections::BTreeMap<_, _>>())
}

/// The entity that has a unique value of this one. If there is none, another transaction has changed the entity.
fn in_the_way(sql: &mut impl Sql, org: Id, entity: &Entity) -> StoreResult<Taken> {
    const BY_EXTERNAL_ID: &str =
        "SELECT id FROM entities WHERE org_id = ? AND kind = ? AND external_id = ? AND id <> ?";
    const BY_EMAIL: &str = "SELECT id FROM entities WHERE org_id = ? AND kind = ? AND email = ? AND id <> ?";
    let kind = entity.content.kind.as_str();
    let find = statement!("finding an entity by external id", BY_EXTERNAL_ID).bind(org).bind(kind);
    let owner: Option<Id> = find.bind(entity.content.external_id()).bind(entity.id).first(sql)?;
    if let Some(by) = owner {
        return Ok(Taken { pointer: "/externalId".into(), by });
    }
    let find = statement!("finding an entity by e-mail", BY_EMAIL).bind(org).bind(kind);
    let owner: Option<Id> = find.bind(entity.content.email_key()).bind(entity.id).first(sql)?;
    let by = owner.ok_or(StoreError::Conflict { what: "the entity" })?;
    Ok(Taken { pointer: "/email".into(), by })
}

impl<S: Sql> Entities for S {
    fn entity(&mut self, org: Id, kind: EntityKind, id: Id) -> StoreResult<Option<Entity>> {
        let read = statement!("reading an entity", entities::SELECT, " WHERE org_id = ? AND kind = ? AND id = ?");
        one_entity(self, read.bind(org).bind(&kind).bind(id))
    }

    fn hold_entity(&mut self, org: Id, kind: EntityKind, id: Id) -> StoreResult<Option<Entity>> {
        if !S::HAS_OTHER_WRITERS {
            return self.entity(org, kind, id);
        }
        const HELD: &str = " WHERE org_id = ? AND kind = ? AND id = ? FOR KEY SHARE";
        let hold = statement!("holding an entity", entities::SELECT, HELD);
        one_entity(self, hold.bind(org).bind(&kind).bind(id))
    }

    fn entity_by_external_id(&mut self, org: Id, kind: EntityKind, external_id: &str) -> StoreResult<Option<Entity>> {
        const BY_EXTERNAL_ID: &str = " WHERE org_id = ? AND kind = ? AND external_id = ?";
        let find = statement!("finding an entity by external id", entities::SELECT, BY_EXTERNAL_ID);
        one_entity(self, find.bind(org).bind(&kind).bind(external_id))
    }

    fn user_by_email(&mut self, org: Id, email_key: &str) -> StoreResult<Option<Entity>> {
        const BY_EMAIL: &str = " WHERE org_id = ? AND kind = ? AND email = ?";
        let find = statement!("finding a user by e-mail", entities::SELECT, BY_EMAIL);
        one_entity(self, find.bind(org).bind(&EntityKind::User).bind(email_key))
    }

    fn entities(&mut self, org: Id, kind: EntityKind, of: Of, page: Page) -> StoreResult<Vec<Entity>> {
        self.settle(entities::NAME)?;
        const OPERATION: &str = "reading entities";
        const PAGE: &str = " AND kind = ? AND id < ? ORDER BY id DESC LIMIT ?";
        let (below, size) = (page.below(), page.size);
        let rows: Vec<entities::Row> = match of {
            Of::Org => {
                let read = statement!(OPERATION, entities::SELECT, " WHERE org_id = ?", PAGE).bind(org);
                read.bind(&kind).bind(below).bind(size).load(self)?
            }
            Of::Customer(customer) => {
                const OF: &str = " WHERE org_id = ? AND customer_id = ?";
                let read = statement!(OPERATION, entities::SELECT, OF, PAGE).bind(org).bind(customer);
                read.bind(&kind).bind(below).bind(size).load(self)?
            }
            Of::Conversation(conversation) => {
                const OF: &str = " WHERE org_id = ? AND conversation_id = ?";
                let read = statement!(OPERATION, entities::SELECT, OF, PAGE).bind(org).bind(conversation);
                read.bind(&kind).bind(below).bind(size).load(self)?
            }
        };
        Ok(rows.into_iter().map(Entity::from).collect())
    }

    fn insert_entity(&mut self, org: Id, entity: &Entity) -> StoreResult<Result<(), Taken>> {
        const OPERATION: &str = "storing an entity";
        if entity.content.external_id().is_none() && entity.content.email_key().is_none() {
            entities::insert(OPERATION, org, entity).append(self)?;
            return Ok(Ok(()));
        }
        match entities::insert_new(OPERATION, org, entity).execute(self)? {
            0 => Ok(Err(in_the_way(self, org, entity)?)),
            _ => Ok(Ok(())),
        }
    }

    fn update_entity(&mut self, org: Id, entity: &Entity) -> StoreResult<Result<(), Taken>> {
        self.settle(entities::NAME)?;
        const UNLESS_TAKEN: &str = " WHERE org_id = ? AND kind = ? AND id = ? AND rev = ? \
                     AND NOT EXISTS (SELECT 1 FROM entities other WHERE other.org_id = ? AND other.kind = ? \
                                     AND other.external_id = ? AND other.id <> ?) \
                     AND NOT EXISTS (SELECT 1 FROM entities other WHERE other.org_id = ? AND other.kind = ? \
                                     AND other.email = ? AND other.id <> ?)";
        let (content, kind) = (&entity.content, &entity.content.kind);
        let update = statement!("changing an entity", entities::UPDATE, UNLESS_TAKEN);
        let changed = entities::bind_changes(update, org, entity)
            .bind(org)
            .bind(kind)
            .bind(entity.id)
            .bind(entity.rev - 1)
            .bind(org)
            .bind(kind)
            .bind(content.external_id())
            .bind(entity.id)
            .bind(org)
            .bind(kind)
            .bind(content.email_key())
            .bind(entity.id)
            .execute(self)?;
        match changed {
            0 => Ok(Err(in_the_way(self, org, entity)?)),
            _ => Ok(Ok(())),
        }
    }

    fn delete_entity(&mut self, org: Id, kind: EntityKind, id: Id) -> StoreResult<bool> {
        self.settle(entities::NAME)?;
        const SQL: &str = "DELETE FROM entities WHERE org_id = ? AND kind = ? AND id = ?";
        const BELOW: &str = "DELETE FROM entities WHERE org_id = ? AND conversation_id = ?";
        let deleted = statement!("deleting an entity", SQL).bind(org).bind(kind.as_str()).bind(id).execute(self)?;
        if kind == EntityKind::Conversation {
            statement!("deleting a conversation's parts", BELOW).bind(org).bind(id).execute(self)?;
        }
        Ok(deleted > 0)
    }
}
