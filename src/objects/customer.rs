//! Customers: the people who order and write.
//!
//! A customer has any number of e-mail addresses and phone numbers. An address is stored as written and looked up by
//! its [`email_key`]: trimmed and in lower case, otherwise exact. Within an org, e-mail addresses and external ids of
//! customers are unique; the store's unique indexes enforce that.
//!
//! Limits: [`ENTRIES_MAX`] addresses, and as many numbers, tags, URLs and locations. Custom attributes are typed by
//! suffix as in a klass.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use super::contact::email_key;
use super::contact::{read_email, read_phone};
use super::diff::ObjectState;
use super::entries::Entry;
use super::fields::{ENTRIES_MAX, too_many_entries};
use super::klass::{CUSTOM_MAX, merge_custom};
pub use super::phone::phone_key;
use super::shape::{self, COMPANY, Field, MergeMode, Type, field};
use super::{Email, Fields, Phone, Problem};
use crate::base::id::Id;
use crate::base::time::Timestamp;

/// A customer's fields other than name, external id, contacts and custom attributes.
pub const DETAILS: &[Field] = &[
    field("company", COMPANY),
    field("username", Type::Text(256)),
    field("urls", Type::List(Entry::TypedUrl)),
    field("locations", Type::List(Entry::Location)),
    field("locale", Type::Text(64)),
    field("timeZone", Type::Text(64)),
    field("birthdayAt", Type::Moment),
    field("gender", Type::Text(64)),
    field("tags", Type::List(Entry::Tag)),
];

/// A customer as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Customer {
    pub id: Id,
    pub profile: Profile,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// The revision: 1 after creation, incremented by each change.
    pub rev: i64,
}

/// The part of a customer that callers set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Profile {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    pub emails: Vec<Email>,
    pub phones: Vec<Phone>,
    /// The other fields; only those with a value.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
    pub custom: Map<String, Value>,
}

impl Customer {
    /// The customer as a step's output: attributes at the top level, ids as strings. Details without a value are
    /// omitted, because every run that looks a customer up logs this.
    pub fn flattened(self) -> Value {
        let mut output = Map::with_capacity(10 + self.profile.details.len());
        output.insert("id".into(), json!(self.id));
        self.write_attributes(&mut output, |details, output| output.extend(details));
        Value::Object(output)
    }

    fn write_attributes(
        self,
        attributes: &mut Map<String, Value>,
        show_details: fn(Map<String, Value>, &mut Map<String, Value>),
    ) {
        self.profile.write_attributes(attributes, show_details);
        attributes.insert("createdAt".into(), json!(self.created_at));
        attributes.insert("updatedAt".into(), json!(self.updated_at));
        attributes.insert("rev".into(), json!(self.rev));
    }

    /// The state to compare with another revision.
    pub fn state(&self) -> ObjectState {
        let mut parts = ObjectState::default();
        self.profile.clone().write_attributes(&mut parts.attributes, show_details);
        parts.relationships.insert("company".into(), json!(self.profile.company()));
        parts
    }
}

impl Profile {
    /// Reads a caller's customer: `name`, `externalId`, `emails` (or one `email`), `phones` (or one `phone`), details
    /// and `custom`.
    ///
    /// # Errors
    /// All problems, with their pointers.
    pub fn read(value: Value) -> Result<Profile, Vec<Problem>> {
        Profile::default().merge(value)
    }

    /// Applies a caller's changes: a present field replaces the value, `null` clears it, and custom attributes are
    /// merged one by one.
    ///
    /// # Errors
    /// All problems, with their pointers.
    pub fn merge(mut self, changes: Value) -> Result<Profile, Vec<Problem>> {
        let mut fields = Fields::new(changes);
        if let Some(name) = fields.text("name", 256) {
            self.name = name;
        }
        if let Some(external_id) = fields.text("externalId", 256) {
            self.external_id = external_id.filter(|text| !text.is_empty());
        }
        if let Some(emails) = fields.entries("emails", read_email) {
            self.emails = emails;
        }
        if let Some(email) = fields.take("email").filter(|value| !value.is_null()) {
            self.emails.extend(fields.keep("/email", read_email(email)));
        }
        if let Some(phones) = fields.entries("phones", read_phone) {
            self.phones = phones;
        }
        if let Some(phone) = fields.take("phone").filter(|value| !value.is_null()) {
            let is_known = |phone: &Phone| {
                let key = phone_key(&phone.phone);
                self.phones.iter().any(|known| phone_key(&known.phone) == key)
            };
            let phone = fields.keep("/phone", read_phone(phone)).filter(|phone| !is_known(phone));
            self.phones.extend(phone);
        }
        self.limit_contacts(&mut fields);
        shape::merge(DETAILS, MergeMode::Update, &mut self.details, &mut fields);
        match fields.object("custom") {
            Some(Some(custom)) => merge_custom(&mut self.custom, custom, &mut fields),
            Some(None) => self.custom.clear(),
            None => {}
        }
        fields.finish(self)
    }

    /// Removes repeated addresses, and notes a problem if there are too many addresses or numbers.
    fn limit_contacts(&mut self, fields: &mut Fields) {
        let mut seen = HashSet::new();
        self.emails.retain(|email| seen.insert(email_key(&email.email)));
        for (name, count) in [("emails", self.emails.len()), ("phones", self.phones.len())] {
            if count > ENTRIES_MAX {
                fields.problem(format!("/{name}"), too_many_entries());
            }
        }
    }

    /// The details, with null or the like for each that has no value; the company is left out.
    pub fn full_details(&self) -> Map<String, Value> {
        let mut shown = Map::with_capacity(DETAILS.len());
        show_details(self.details.clone(), &mut shown);
        shown
    }

    /// The customer's company.
    pub fn company(&self) -> Option<Id> {
        shape::reference(&self.details, "company")
    }

    fn write_attributes(
        self,
        attributes: &mut Map<String, Value>,
        show_details: fn(Map<String, Value>, &mut Map<String, Value>),
    ) {
        attributes.insert("name".into(), json!(self.name));
        attributes.insert("externalId".into(), json!(self.external_id));
        attributes.insert("emails".into(), json!(self.emails));
        attributes.insert("phones".into(), json!(self.phones));
        show_details(self.details, attributes);
        attributes.insert("custom".into(), Value::Object(self.custom));
    }
}

fn show_details(details: Map<String, Value>, attributes: &mut Map<String, Value>) {
    shape::show(DETAILS, details, attributes);
}

/// Merges `source` into `target`, for two records of the same customer. Values of the target win; it gains the source's
/// additional addresses, numbers, tags, custom attributes, and all fields that it has no value for.
///
/// # Errors
/// The lists that would be too long.
pub fn merge(target: Profile, source: Profile) -> Result<Profile, Vec<Problem>> {
    let (mut merged, mut fields) = (target, Fields::new(json!({})));
    merged.name = merged.name.or(source.name);
    merged.external_id = merged.external_id.or(source.external_id);
    merged.emails.extend(source.emails);
    let mut known: HashSet<String> = merged.phones.iter().map(|phone| phone_key(&phone.phone)).collect();
    merged.phones.extend(source.phones.into_iter().filter(|phone| known.insert(phone_key(&phone.phone))));
    merged.limit_contacts(&mut fields);
    shape::unite(DETAILS, &mut merged.details, source.details, &mut fields);
    for (name, value) in source.custom {
        merged.custom.entry(name).or_insert(value);
    }
    if merged.custom.len() > CUSTOM_MAX {
        fields.problem("/custom", format!("more than {CUSTOM_MAX} attributes"));
    }
    fields.finish(merged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_problems_are_reported_with_pointers() {
        let problems = Profile::read(json!({
            "emial": "x", "emails": ["ann@example.com", "no address"], "phones": [{"phone": "1"}],
            "custom": {"tier": "gold", "sinceAt": "yesterday"}
        }))
        .unwrap_err();
        let pointers: Vec<&str> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
        assert_eq!(pointers, ["/emails/1", "/phones/0", "/custom/tier", "/custom/sinceAt", "/emial"]);
        assert!(problems[4].message.contains("did you mean `email`?"));
    }

    #[test]
    fn a_stored_profile_without_details_is_readable() {
        let stored = json!({ "name": "Ann", "emails": [], "phones": [], "custom": {} });
        let profile: Profile = serde_json::from_value(stored.clone()).unwrap();
        assert_eq!(profile, Profile::read(json!({ "name": "Ann" })).unwrap());
        assert_eq!(serde_json::to_value(&profile).unwrap(), stored, "and stays as small");
    }

    #[test]
    fn a_step_output_omits_details_without_a_value() {
        let profile = Profile::read(json!({ "tags": ["a"], "locale": "" })).unwrap();
        let customer =
            Customer { id: Id::MIN, profile, created_at: Timestamp(0), updated_at: Timestamp(0), rev: 1 }.flattened();
        let names: Vec<&String> = customer.as_object().unwrap().keys().collect();
        let always = ["id", "name", "externalId", "emails", "phones", "locale", "tags", "custom"];
        assert_eq!(names[..8], always, "an empty text is a value");
        assert_eq!(names[8..], ["createdAt", "updatedAt", "rev"]);
    }

    #[test]
    fn a_merge_keeps_target_values_and_adds_the_others() {
        let target = json!({
            "name": "Ann", "emails": ["ann@example.com"], "phones": ["030 1234"], "tags": ["a", "b"],
            "locale": "de", "custom": { "tierStr": "gold" }
        });
        let source = json!({
            "name": "A.", "externalId": "X-1", "emails": ["ANN@example.com", "a@example.com"],
            "phones": ["0301234", "040 1234"], "tags": ["b", "c"], "locale": "fr", "gender": "f",
            "custom": { "tierStr": "none", "vipBool": true }
        });
        let merged = merge(Profile::read(target).unwrap(), Profile::read(source).unwrap()).unwrap();
        let expected = json!({
            "name": "Ann", "externalId": "X-1", "emails": ["ann@example.com", "a@example.com"],
            "phones": ["030 1234", "040 1234"], "tags": ["a", "b", "c"], "locale": "de", "gender": "f",
            "custom": { "tierStr": "gold", "vipBool": true }
        });
        assert_eq!(merged, Profile::read(expected).unwrap());
        let many = |from: usize| {
            let emails: Vec<String> = (from..from + 60).map(|number| format!("{number}@example.com")).collect();
            Profile::read(json!({ "emails": emails })).unwrap()
        };
        let problems = merge(many(0), many(60)).unwrap_err();
        assert_eq!(problems, [Problem::new("/emails", "more than 100 entries")]);
    }

    #[test]
    fn addresses_compare_without_case() {
        let profile =
            Profile::read(json!({"emails": ["Ann@Example.com", "ann@example.com", "bob@example.com"]})).unwrap();
        assert_eq!(profile.emails.len(), 2);
        assert_eq!(email_key(" Ann@Example.COM "), "ann@example.com");
    }
}
