//! Entities: companies, conversations, messages, notes and users.
//!
//! This module has what all kinds share: ids, timestamps, revisions, and values in the [`super::shape`] of the kind.
//! What is specific to a kind is in its own module: [`super::company`], [`super::conversation`], [`super::message`],
//! [`super::note`], [`super::user`].

use serde_json::{Map, Value, json};

use super::contact::email_key;
use super::diff::ObjectState;
use super::shape::{self, Field, MergeMode, Target};
use super::{Fields, Problem, company, conversation, message, note, user};
use crate::base::id::Id;
use crate::base::time::Timestamp;

/// The kinds of entities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntityKind {
    Company,
    Conversation,
    Message,
    Note,
    User,
}

/// An entity as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Entity {
    pub id: Id,
    pub content: EntityContent,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// The revision: 1 after creation, incremented by each change.
    pub rev: i64,
}

/// The part of an entity that callers set.
#[derive(Clone, Debug, PartialEq)]
pub struct EntityContent {
    pub kind: EntityKind,
    /// By the field names of the shape; only those with a value.
    pub values: Map<String, Value>,
}

impl EntityKind {
    pub const ALL: [EntityKind; 5] =
        [EntityKind::Company, EntityKind::Conversation, EntityKind::Message, EntityKind::Note, EntityKind::User];

    /// The name: `company`.
    pub fn as_str(self) -> &'static str {
        match self {
            EntityKind::Company => "company",
            EntityKind::Conversation => "conversation",
            EntityKind::Message => "message",
            EntityKind::Note => "note",
            EntityKind::User => "user",
        }
    }

    /// The plural, as in URLs: `companies`.
    pub fn plural(self) -> &'static str {
        match self {
            EntityKind::Company => "companies",
            EntityKind::Conversation => "conversations",
            EntityKind::Message => "messages",
            EntityKind::Note => "notes",
            EntityKind::User => "users",
        }
    }

    /// The fields of this kind.
    pub fn shape(self) -> &'static [Field] {
        match self {
            EntityKind::Company => company::SHAPE,
            EntityKind::Conversation => conversation::SHAPE,
            EntityKind::Message => message::SHAPE,
            EntityKind::Note => note::SHAPE,
            EntityKind::User => user::SHAPE,
        }
    }
}

impl Entity {
    /// The entity as a step's output: attributes at the top level, ids as strings.
    pub fn flattened(self) -> Value {
        let mut output = Map::with_capacity(20);
        output.insert("id".into(), json!(self.id));
        for (name, _, id) in self.content.references() {
            output.insert(name.into(), json!(id));
        }
        self.write_attributes(&mut output);
        Value::Object(output)
    }

    /// The entity's attributes as in HTTP responses.
    pub fn attributes(self) -> Map<String, Value> {
        let mut attributes = Map::with_capacity(20);
        self.write_attributes(&mut attributes);
        attributes
    }

    fn write_attributes(self, attributes: &mut Map<String, Value>) {
        shape::show(self.content.kind.shape(), self.content.values, attributes);
        attributes.insert("createdAt".into(), json!(self.created_at));
        attributes.insert("updatedAt".into(), json!(self.updated_at));
        attributes.insert("rev".into(), json!(self.rev));
    }

    /// The state to compare with another revision.
    pub fn state(&self) -> ObjectState {
        let mut parts = ObjectState::default();
        shape::show(self.content.kind.shape(), self.content.values.clone(), &mut parts.attributes);
        parts.relationships.extend(self.content.references().map(|(name, _, id)| (name.to_owned(), json!(id))));
        parts
    }
}

impl EntityContent {
    /// Reads a caller's entity.
    ///
    /// # Errors
    /// All problems, with their pointers.
    pub fn read(kind: EntityKind, value: Value) -> Result<EntityContent, Vec<Problem>> {
        EntityContent { kind, values: Map::new() }.apply(MergeMode::Create, value)
    }

    /// Applies a caller's changes: a present field replaces the value, `null` clears it, and custom attributes are
    /// merged one by one.
    ///
    /// # Errors
    /// All problems, with their pointers.
    pub fn merge(self, changes: Value) -> Result<EntityContent, Vec<Problem>> {
        self.apply(MergeMode::Update, changes)
    }

    fn apply(mut self, mode: MergeMode, value: Value) -> Result<EntityContent, Vec<Problem>> {
        let mut fields = Fields::new(value);
        shape::merge(self.kind.shape(), mode, &mut self.values, &mut fields);
        if self.kind == EntityKind::Note {
            note::check(&self.values, &mut fields);
        }
        fields.finish(self)
    }

    /// The id in another system; unique within the kind.
    pub fn external_id(&self) -> Option<&str> {
        self.values.get("externalId")?.as_str()
    }

    /// The look-up key of a user; unique among users.
    pub fn email_key(&self) -> Option<String> {
        self.values.get("email")?.as_str().map(email_key)
    }

    /// The customer that it belongs to.
    pub fn customer(&self) -> Option<Id> {
        shape::reference(&self.values, "customer")
    }

    /// The conversation that a message or a note belongs to.
    pub fn conversation(&self) -> Option<Id> {
        shape::reference(&self.values, "conversation")
    }

    /// The references to other objects, by field name.
    pub fn references(&self) -> impl Iterator<Item = (&'static str, &'static Target, Option<Id>)> {
        shape::references(self.kind.shape(), &self.values)
    }
}
