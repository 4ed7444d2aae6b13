//! Changes of companies, conversations, messages, notes and users.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::{ChangeError, ChangeKind, ChangeResult, Editor, Stored, write};
use crate::base::id::Id;
use crate::objects::diff::ObjectState;
use crate::objects::entity::EntityContent;
use crate::objects::{Entity, EntityKind, Problem, missing};
use crate::store::{Session, StoreError, StoreResult, Taken};

impl Stored for Entity {
    fn insert(&self, session: &mut dyn Session, org: Id) -> StoreResult<Result<(), Taken>> {
        session.insert_entity(org, self)
    }

    fn update(&self, _: &Entity, session: &mut dyn Session, org: Id) -> StoreResult<Result<(), Taken>> {
        session.update_entity(org, self)
    }

    fn delete(&self, session: &mut dyn Session, org: Id) -> StoreResult<()> {
        match session.delete_entity(org, self.content.kind, self.id)? {
            true => Ok(()),
            // A concurrent delete came first and has raised the event.
            false => Err(StoreError::Conflict { what: "the entity" }),
        }
    }

    fn event(&self, kind: ChangeKind) -> Option<Cow<'static, str>> {
        // Users are configuration, like keys and hooks, so they raise no events.
        (self.content.kind != EntityKind::User)
            .then(|| format!("{}.{}", self.content.kind.as_str(), kind.as_str()).into())
    }

    fn state(&self) -> ObjectState {
        self.state()
    }

    fn flattened(self) -> Value {
        self.flattened()
    }
}

/// Creates an entity. What belongs to a conversation belongs to its customer.
pub fn create_entity(editor: &mut Editor<'_>, mut content: EntityContent) -> ChangeResult<Entity> {
    let mut problems = attach(editor, &mut content)?;
    problems.extend(missing_user(editor, &content)?);
    if !problems.is_empty() {
        return Ok(Err(ChangeError::Invalid(problems)));
    }
    let (id, now) = (editor.session.new_id(), editor.session.now());
    let entity = Entity { id, content, created_at: now, updated_at: now, rev: 1 };
    Ok(write(editor, None, Some(&entity))?.map(|()| entity))
}

/// Applies a document of changes to an entity; writes nothing if they have no effect.
pub fn change_entity(editor: &mut Editor<'_>, before: Entity, changes: Value) -> ChangeResult<Entity> {
    let content = match before.content.clone().merge(changes) {
        Ok(content) => content,
        Err(problems) => return Ok(Err(ChangeError::Invalid(problems))),
    };
    if content == before.content {
        return Ok(Ok(before));
    }
    if content.values.get("user") != before.content.values.get("user")
        && let Some(problem) = missing_user(editor, &content)?
    {
        return Ok(Err(ChangeError::Invalid(vec![problem])));
    }
    let after = Entity { content, updated_at: editor.session.now(), rev: before.rev + 1, ..before.clone() };
    Ok(write(editor, Some(&before), Some(&after))?.map(|()| after))
}

/// Deletes the entity and, for a conversation, its messages and notes.
pub fn delete_entity(editor: &mut Editor<'_>, entity: &Entity) -> StoreResult<()> {
    write(editor, Some(entity), None).map(drop)
}

/// Finds the conversation and customer of a new entity, and locks them against deletion.
fn attach(editor: &mut Editor<'_>, content: &mut EntityContent) -> StoreResult<Vec<Problem>> {
    let customer_param = content.customer();
    let Some(id) = content.conversation() else {
        let Some(customer) = customer_param else { return Ok(Vec::new()) };
        let found = editor.session.hold_customer(editor.org, customer)?;
        return Ok(if found { Vec::new() } else { vec![missing("customer", "customer", customer)] });
    };
    let Some(conversation) = editor.session.hold_entity(editor.org, EntityKind::Conversation, id)? else {
        return Ok(vec![missing("conversation", "conversation", id)]);
    };
    let customer = conversation.content.customer();
    if customer_param.is_some() && customer_param != customer {
        return Ok(vec![Problem::new("/customer", format!("conversation {id} belongs to another customer"))]);
    }
    if let Some(customer) = customer {
        // The customer may have been merged into another one since the conversation was read.
        if !editor.session.hold_customer(editor.org, customer)? {
            return Err(StoreError::Conflict { what: "the conversation" });
        }
        content.values.insert("customer".into(), json!(customer));
    }
    Ok(Vec::new())
}

fn missing_user(editor: &mut Editor<'_>, content: &EntityContent) -> StoreResult<Option<Problem>> {
    let Some(id) = content.values.get("user").and_then(Value::as_str).and_then(|text| text.parse().ok()) else {
        return Ok(None);
    };
    Ok(editor.session.entity(editor.org, EntityKind::User, id)?.is_none().then(|| missing("user", "user", id)))
}
