//! Entities: companies, conversations, messages, notes and users.
//!
//! What they have in common is here: ids, times, revisions, and that each is a set of values in the shape of its kind
//! ([`super::shape`]). What a kind has of its own is in its module: [`super::company`], [`super::conversation`],
//! [`super::message`], [`super::note`], [`super::user`].

use serde_json::{Map, Value, json};

use super::contact::email_key;
use super::diff::ObjectState;
use super::shape::{self, Field, Occasion, Target};
use super::{Fields, Problem, company, conversation, message, note, user};
use crate::base::id::Id;
use crate::base::time::Timestamp;

/// What an entity is.
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
    /// How often it was written; 1 at first.
    pub rev: i64,
}

/// What callers say of an entity.
#[derive(Clone, Debug, PartialEq)]
pub struct EntityContent {
    pub kind: EntityKind,
    /// By the names of the shape's fields; only what has a value.
    pub values: Map<String, Value>,
}

impl EntityKind {
    pub const ALL: [EntityKind; 5] =
        [EntityKind::Company, EntityKind::Conversation, EntityKind::Message, EntityKind::Note, EntityKind::User];

    /// How it is spelt: `company`.
    pub fn as_str(self) -> &'static str {
        match self {
            EntityKind::Company => "company",
            EntityKind::Conversation => "conversation",
            EntityKind::Message => "message",
            EntityKind::Note => "note",
            EntityKind::User => "user",
        }
    }

    /// How addresses spell it: `companies`.
    pub fn plural(self) -> &'static str {
        match self {
            EntityKind::Company => "companies",
            EntityKind::Conversation => "conversations",
            EntityKind::Message => "messages",
            EntityKind::Note => "notes",
            EntityKind::User => "users",
        }
    }

    /// The fields that its entities have.
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
    /// The entity as a step's output: attributes at the top level, ids as plain strings.
    pub fn flattened(self) -> Value {
        let mut output = Map::with_capacity(20);
        output.insert("id".into(), json!(self.id));
        for (name, _, id) in self.content.references() {
            output.insert(name.into(), json!(id));
        }
        self.write_attributes(&mut output);
        Value::Object(output)
    }

    /// The entity's attributes as HTTP answers show them.
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

    /// What it says, for a comparison.
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
    /// Every problem, with its pointer.
    pub fn read(kind: EntityKind, value: Value) -> Result<EntityContent, Vec<Problem>> {
        EntityContent { kind, values: Map::new() }.apply(Occasion::Creation, value)
    }

    /// This content with a caller's changes: fields that are present replace, `null` clears, and custom attributes
    /// are merged one by one.
    ///
    /// # Errors
    /// Every problem, with its pointer.
    pub fn merge(self, changes: Value) -> Result<EntityContent, Vec<Problem>> {
        self.apply(Occasion::Change, changes)
    }

    fn apply(mut self, occasion: Occasion, value: Value) -> Result<EntityContent, Vec<Problem>> {
        let mut fields = Fields::new(value);
        shape::merge(self.kind.shape(), occasion, &mut self.values, &mut fields);
        if self.kind == EntityKind::Note {
            note::check(&self.values, &mut fields);
        }
        fields.finish(self)
    }

    /// What it is known by in another system; unique among its kind.
    pub fn external_id(&self) -> Option<&str> {
        self.values.get("externalId")?.as_str()
    }

    /// What a user is found by; unique among users.
    pub fn email_key(&self) -> Option<String> {
        self.values.get("email")?.as_str().map(email_key)
    }

    /// Whom it belongs to.
    pub fn customer(&self) -> Option<Id> {
        shape::reference(&self.values, "customer")
    }

    /// What a message or a note is part of.
    pub fn conversation(&self) -> Option<Id> {
        shape::reference(&self.values, "conversation")
    }

    /// The other objects that it names, each by the name that it has for it.
    pub fn references(&self) -> impl Iterator<Item = (&'static str, &'static Target, Option<Id>)> {
        shape::references(self.kind.shape(), &self.values)
    }
}
