//! Companies, conversations, messages, notes and users: one table for the five kinds.
//!
//! What is looked up or has to be unique stands in columns: the customer and the conversation that an entity belongs
//! to, its external id, and a user's e-mail address in the form that it is found by. The rest is one JSON document.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text};
use serde_json::{Map, Value, json};

use super::columns::{from_json, to_json};
use super::customers::OwnerRow;
use super::statement::{Statement, statement};
use super::{Sql, Table};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::objects::entity::EntityContent;
use crate::objects::{Entity, EntityKind};
use crate::store::records::Page;
use crate::store::session::{Entities, Of, Taken};
use crate::store::{StoreError, StoreResult};

/// The fields that stand in columns of their own.
const COLUMNS: [&str; 3] = ["customer", "conversation", "externalId"];

#[derive(QueryableByName)]
struct EntityRow {
    #[diesel(sql_type = Text)]
    id: Id,
    #[diesel(sql_type = Nullable<Text>)]
    customer_id: Option<Id>,
    #[diesel(sql_type = Nullable<Text>)]
    conversation_id: Option<Id>,
    #[diesel(sql_type = Nullable<Text>)]
    external_id: Option<String>,
    #[diesel(sql_type = Text)]
    attributes: String,
    #[diesel(sql_type = BigInt)]
    created_at: Timestamp,
    #[diesel(sql_type = BigInt)]
    updated_at: Timestamp,
    #[diesel(sql_type = BigInt)]
    rev: i64,
}

impl EntityRow {
    fn record(self, kind: EntityKind) -> StoreResult<Entity> {
        let mut values: Map<String, Value> = from_json("an entity", &self.attributes)?;
        let columns = [json!(self.customer_id), json!(self.conversation_id), json!(self.external_id)];
        let columns = COLUMNS.into_iter().zip(columns).filter(|(_, value)| !value.is_null());
        values.extend(columns.map(|(name, value)| (name.to_owned(), value)));
        let (created_at, updated_at) = (self.created_at, self.updated_at);
        Ok(Entity { id: self.id, content: EntityContent { kind, values }, created_at, updated_at, rev: self.rev })
    }
}

fn one_entity<S, Site>(sql: &mut S, kind: EntityKind, statement: Statement<'_, Site>) -> StoreResult<Option<Entity>>
where
    S: Sql,
    Site: 'static,
    EntityRow: QueryableByName<S::Backend>,
{
    sql.settle(Table::Entities)?;
    let row: Option<EntityRow> = statement.first(sql)?;
    row.map(|row| row.record(kind)).transpose()
}

fn document(content: &EntityContent) -> String {
    let in_document = content.values.iter().filter(|(name, _)| !COLUMNS.contains(&name.as_str()));
    to_json(&in_document.collect::<std::collections::BTreeMap<_, _>>())
}

/// Who has what has to be unique about this entity, or else somebody wrote it in the meantime.
fn in_the_way<S>(sql: &mut S, org: Id, entity: &Entity) -> StoreResult<Taken>
where
    S: Sql,
    OwnerRow: QueryableByName<S::Backend>,
{
    const BY_EXTERNAL_ID: &str =
        "SELECT id FROM entities WHERE org_id = ? AND kind = ? AND external_id = ? AND id <> ?";
    const BY_EMAIL: &str = "SELECT id FROM entities WHERE org_id = ? AND kind = ? AND email = ? AND id <> ?";
    let kind = entity.content.kind.as_str();
    let find = statement!("finding an entity by external id", BY_EXTERNAL_ID).bind(org).bind(kind);
    let owner: Option<OwnerRow> = find.bind(entity.content.external_id()).bind(entity.id).first(sql)?;
    if let Some(owner) = owner {
        return Ok(Taken { pointer: "/externalId".into(), by: owner.id });
    }
    let find = statement!("finding an entity by e-mail", BY_EMAIL).bind(org).bind(kind);
    let owner: Option<OwnerRow> = find.bind(entity.content.email_key()).bind(entity.id).first(sql)?;
    let owner = owner.ok_or(StoreError::Conflict { what: "the entity" })?;
    Ok(Taken { pointer: "/email".into(), by: owner.id })
}

fn bind_new<'a, Site: 'static>(statement: Statement<'a, Site>, org: Id, entity: &'a Entity) -> Statement<'a, Site> {
    let content = &entity.content;
    statement
        .bind(org)
        .bind(content.kind.as_str())
        .bind(entity.id)
        .bind(content.customer())
        .bind(content.conversation())
        .bind(content.external_id())
        .bind(content.email_key())
        .bind(document(content))
        .bind(entity.created_at)
        .bind(entity.updated_at)
        .bind(entity.rev)
}

impl<S> Entities for S
where
    S: Sql,
    EntityRow: QueryableByName<S::Backend>,
    OwnerRow: QueryableByName<S::Backend>,
{
    fn entity(&mut self, org: Id, kind: EntityKind, id: Id) -> StoreResult<Option<Entity>> {
        const SQL: &str = "SELECT * FROM entities WHERE org_id = ? AND kind = ? AND id = ?";
        one_entity(self, kind, statement!("reading an entity", SQL).bind(org).bind(kind.as_str()).bind(id))
    }

    fn hold_entity(&mut self, org: Id, kind: EntityKind, id: Id) -> StoreResult<Option<Entity>> {
        if !S::HAS_OTHER_WRITERS {
            return self.entity(org, kind, id);
        }
        const SQL: &str = "SELECT * FROM entities WHERE org_id = ? AND kind = ? AND id = ? FOR KEY SHARE";
        one_entity(self, kind, statement!("holding an entity", SQL).bind(org).bind(kind.as_str()).bind(id))
    }

    fn entity_by_external_id(&mut self, org: Id, kind: EntityKind, external_id: &str) -> StoreResult<Option<Entity>> {
        const SQL: &str = "SELECT * FROM entities WHERE org_id = ? AND kind = ? AND external_id = ?";
        let find = statement!("finding an entity by external id", SQL).bind(org).bind(kind.as_str());
        one_entity(self, kind, find.bind(external_id))
    }

    fn user_by_email(&mut self, org: Id, email_key: &str) -> StoreResult<Option<Entity>> {
        const SQL: &str = "SELECT * FROM entities WHERE org_id = ? AND kind = ? AND email = ?";
        let find = statement!("finding a user by e-mail", SQL).bind(org).bind(EntityKind::User.as_str());
        one_entity(self, EntityKind::User, find.bind(email_key))
    }

    fn entities(&mut self, org: Id, kind: EntityKind, of: Of, page: Page) -> StoreResult<Vec<Entity>> {
        self.settle(Table::Entities)?;
        const OPERATION: &str = "reading entities";
        let (word, below, size) = (kind.as_str(), page.below(), page.size);
        let rows: Vec<EntityRow> = match of {
            Of::Org => {
                const SQL: &str =
                    "SELECT * FROM entities WHERE org_id = ? AND kind = ? AND id < ? ORDER BY id DESC LIMIT ?";
                statement!(OPERATION, SQL).bind(org).bind(word).bind(below).bind(size).load(self)?
            }
            Of::Customer(customer) => {
                const SQL: &str = "SELECT * FROM entities WHERE org_id = ? AND customer_id = ? AND kind = ? AND id < ? \
                                   ORDER BY id DESC LIMIT ?";
                let query = statement!(OPERATION, SQL).bind(org).bind(customer).bind(word);
                query.bind(below).bind(size).load(self)?
            }
            Of::Conversation(conversation) => {
                const SQL: &str = "SELECT * FROM entities WHERE org_id = ? AND conversation_id = ? AND kind = ? \
                                   AND id < ? ORDER BY id DESC LIMIT ?";
                let query = statement!(OPERATION, SQL).bind(org).bind(conversation).bind(word);
                query.bind(below).bind(size).load(self)?
            }
        };
        rows.into_iter().map(|row| row.record(kind)).collect()
    }

    fn insert_entity(&mut self, org: Id, entity: &Entity) -> StoreResult<Result<(), Taken>> {
        const OPERATION: &str = "storing an entity";
        const NEW: &str = "INSERT INTO entities (org_id, kind, id, customer_id, conversation_id, external_id, email, \
                     attributes, created_at, updated_at, rev) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        const UNIQUE: &str = "INSERT INTO entities (org_id, kind, id, customer_id, conversation_id, external_id, email, \
                     attributes, created_at, updated_at, rev) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
                     ON CONFLICT DO NOTHING";
        if entity.content.external_id().is_none() && entity.content.email_key().is_none() {
            bind_new(statement!(OPERATION, NEW), org, entity).append(self, Table::Entities)?;
            return Ok(Ok(()));
        }
        match bind_new(statement!(OPERATION, UNIQUE), org, entity).execute(self)? {
            0 => Ok(Err(in_the_way(self, org, entity)?)),
            _ => Ok(Ok(())),
        }
    }

    fn update_entity(&mut self, org: Id, entity: &Entity) -> StoreResult<Result<(), Taken>> {
        self.settle(Table::Entities)?;
        let (content, kind) = (&entity.content, entity.content.kind.as_str());
        const SQL: &str = "UPDATE entities SET external_id = ?, email = ?, attributes = ?, updated_at = ?, rev = ? \
                   WHERE org_id = ? AND kind = ? AND id = ? AND rev = ? \
                     AND NOT EXISTS (SELECT 1 FROM entities other WHERE other.org_id = ? AND other.kind = ? \
                                     AND other.external_id = ? AND other.id <> ?) \
                     AND NOT EXISTS (SELECT 1 FROM entities other WHERE other.org_id = ? AND other.kind = ? \
                                     AND other.email = ? AND other.id <> ?)";
        let changed = statement!("changing an entity", SQL)
            .bind(content.external_id())
            .bind(content.email_key())
            .bind(document(content))
            .bind(entity.updated_at)
            .bind(entity.rev)
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
        self.settle(Table::Entities)?;
        const SQL: &str = "DELETE FROM entities WHERE org_id = ? AND kind = ? AND id = ?";
        const BELOW: &str = "DELETE FROM entities WHERE org_id = ? AND conversation_id = ?";
        let deleted = statement!("deleting an entity", SQL).bind(org).bind(kind.as_str()).bind(id).execute(self)?;
        if kind == EntityKind::Conversation {
            statement!("deleting a conversation's parts", BELOW).bind(org).bind(id).execute(self)?;
        }
        Ok(deleted > 0)
    }
}
