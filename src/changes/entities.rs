//! Changes of companies, conversations, messages, notes and users.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::{ChangeKind, Editor, Outcome, Refusal, Stored, write};
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
            // Somebody else was faster, and has told of it.
            false => Err(StoreError::Conflict { what: "the entity" }),
        }
    }

    fn event(&self, kind: ChangeKind) -> Option<Cow<'static, str>> {
        // One's own people are set up like keys and hooks are; they are not what workflows are about.
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

/// A new entity. What belongs to a conversation belongs to its customer.
pub fn create_entity(editor: &mut Editor<'_>, mut content: EntityContent) -> Outcome<Entity> {
    let mut problems = place(editor, &mut content)?;
    problems.extend(missing_user(editor, &content)?);
    if !problems.is_empty() {
        return Ok(Err(Refusal::Invalid(problems)));
    }
    let (id, now) = (editor.session.new_id(), editor.session.now());
    let entity = Entity { id, content, created_at: now, updated_at: now, rev: 1 };
    Ok(write(editor, None, Some(&entity))?.map(|()| entity))
}

/// The entity with a caller's changes; if they change nothing, nothing is written.
pub fn change_entity(editor: &mut Editor<'_>, before: Entity, changes: Value) -> Outcome<Entity> {
    let content = match before.content.clone().merge(changes) {
        Ok(content) => content,
        Err(problems) => return Ok(Err(Refusal::Invalid(problems))),
    };
    if content == before.content {
        return Ok(Ok(before));
    }
    if content.values.get("user") != before.content.values.get("user")
        && let Some(problem) = missing_user(editor, &content)?
    {
        return Ok(Err(Refusal::Invalid(vec![problem])));
    }
    let after = Entity { content, updated_at: editor.session.now(), rev: before.rev + 1, ..before.clone() };
    Ok(write(editor, Some(&before), Some(&after))?.map(|()| after))
}

/// Deletes the entity, and a conversation's messages and notes.
pub fn delete_entity(editor: &mut Editor<'_>, entity: &Entity) -> StoreResult<()> {
    write(editor, Some(entity), None).map(drop)
}

/// Finds the conversation and the customer that a new entity belongs to, and keeps others from deleting them.
fn place(editor: &mut Editor<'_>, content: &mut EntityContent) -> StoreResult<Vec<Problem>> {
    let given = content.customer();
    let Some(id) = content.conversation() else {
        let Some(customer) = given else { return Ok(Vec::new()) };
        let found = editor.session.hold_customer(editor.org, customer)?;
        return Ok(if found { Vec::new() } else { vec![missing("customer", "customer", customer)] });
    };
    let Some(conversation) = editor.session.hold_entity(editor.org, EntityKind::Conversation, id)? else {
        return Ok(vec![missing("conversation", "conversation", id)]);
    };
    let customer = conversation.content.customer();
    if given.is_some() && given != customer {
        return Ok(vec![Problem::new("/customer", format!("conversation {id} is another customer's"))]);
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
