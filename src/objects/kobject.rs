//! KObjects: custom objects of a klass, usually on a customer's timeline.
//!
//! `custom` contains the attributes that the klass declares, checked and typed; `data` is free-form. An `externalId` is
//! unique within the klass.

use serde_json::{Map, Value, json};

use super::diff::ObjectState;
use super::klass::check_custom;
use super::{Fields, Klass, Problem};
use crate::base::id::Id;
use crate::base::time::Timestamp;

/// A custom object as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct KObject {
    pub id: Id,
    /// The name of its klass.
    pub klass: String,
    /// The customer whose timeline it is on.
    pub customer: Option<Id>,
    pub content: KObjectContent,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// The revision: 1 after creation, incremented by each change.
    pub rev: i64,
}

/// The part of a custom object that callers set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KObjectContent {
    pub title: String,
    pub external_id: Option<String>,
    pub icon: Option<String>,
    pub data: Map<String, Value>,
    pub custom: Map<String, Value>,
}

impl KObject {
    /// The object as a step's output: attributes at the top level, ids as strings.
    pub fn flattened(self) -> Value {
        let mut output = Map::with_capacity(12);
        output.insert("id".into(), json!(self.id));
        output.insert("klass".into(), Value::String(self.klass.clone()));
        output.insert("customer".into(), json!(self.customer));
        self.write_attributes(&mut output);
        Value::Object(output)
    }

    fn write_attributes(self, attributes: &mut Map<String, Value>) {
        self.content.write_attributes(attributes);
        attributes.insert("createdAt".into(), json!(self.created_at));
        attributes.insert("updatedAt".into(), json!(self.updated_at));
        attributes.insert("rev".into(), json!(self.rev));
    }

    /// The state to compare with another revision.
    pub fn state(&self) -> ObjectState {
        let mut parts = ObjectState::default();
        self.content.clone().write_attributes(&mut parts.attributes);
        parts.relationships.insert("customer".into(), json!(self.customer));
        parts
    }
}

impl KObjectContent {
    fn write_attributes(self, attributes: &mut Map<String, Value>) {
        attributes.insert("title".into(), Value::String(self.title));
        attributes.insert("externalId".into(), json!(self.external_id));
        attributes.insert("icon".into(), json!(self.icon));
        attributes.insert("data".into(), Value::Object(self.data));
        attributes.insert("custom".into(), Value::Object(self.custom));
    }

    /// Reads a caller's object of a klass: `title` (required), `externalId`, `icon`, `data`, `custom`.
    ///
    /// # Errors
    /// All problems, with their pointers.
    pub fn read(klass: &Klass, value: Value) -> Result<KObjectContent, Vec<Problem>> {
        KObjectContent::default().merge(klass, value)
    }

    /// Applies a caller's changes: a present field replaces the value, `null` clears it, and custom attributes are
    /// merged one by one.
    ///
    /// # Errors
    /// All problems, with their pointers.
    pub fn merge(mut self, klass: &Klass, changes: Value) -> Result<KObjectContent, Vec<Problem>> {
        let mut fields = Fields::new(changes);
        if let Some(title) = fields.text("title", 1_024) {
            self.title = title.unwrap_or_default();
        }
        if self.title.trim().is_empty() && fields.is_valid("title") {
            fields.problem("/title", "a title is required");
        }
        if let Some(external_id) = fields.text("externalId", 256) {
            self.external_id = external_id.filter(|text| !text.is_empty());
        }
        if let Some(icon) = fields.text("icon", 64) {
            self.icon = icon;
        }
        if let Some(data) = fields.object("data") {
            self.data = data.unwrap_or_default();
        }
        match fields.object("custom") {
            Some(Some(custom)) => match check_custom(&klass.name, &klass.properties, custom) {
                Ok(custom) => self.custom.extend(custom),
                Err(problems) => fields.problems(problems),
            },
            Some(None) => self.custom.clear(),
            None => {}
        }
        self.custom.retain(|_, value| !value.is_null());
        fields.finish(self)
    }
}
