//! Customers: who orders, answers and writes.
//!
//! A customer has any number of e-mail addresses and phone numbers. An address is kept as it was written, and found
//! by its [`email_key`]: trimmed and in lower case, otherwise exact. No two customers of an org share an e-mail
//! address or an external id; the store's unique indexes see to that.
//!
//! Limits: [`ENTRIES_MAX`] addresses, and as many numbers, tags, URLs and locations; custom attributes are typed by
//! suffix like a klass's.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use super::contact::{email_key, phone_key};
use super::contact::{read_email, read_phone};
use super::diff::ObjectState;
use super::entries;
use super::fields::{ENTRIES_MAX, too_many_entries};
use super::klass::{CUSTOM_MAX, merge_custom};
use super::shape::{self, COMPANY, Field, Occasion, Type, field};
use super::{Email, Fields, Phone, Problem};
use crate::base::id::Id;
use crate::base::time::Timestamp;

/// What can be said of a customer beside its names, contacts and custom attributes.
const DETAILS: &[Field] = &[
    field("company", COMPANY),
    field("username", Type::Text(256)),
    field("urls", Type::List(entries::typed_url)),
    field("locations", Type::List(entries::location)),
    field("locale", Type::Text(64)),
    field("timeZone", Type::Text(64)),
    field("birthdayAt", Type::Moment),
    field("gender", Type::Text(64)),
    field("tags", Type::List(entries::tag)),
];

/// A customer as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Customer {
    pub id: Id,
    pub profile: Profile,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// How often it was written; 1 at first.
    pub rev: i64,
}

/// What callers say of a customer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Profile {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    pub emails: Vec<Email>,
    pub phones: Vec<Phone>,
    /// The rest, in a shape of its own; only what has a value.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
    pub custom: Map<String, Value>,
}

impl Customer {
    /// The customer as a step's output: attributes at the top level, ids as plain strings. Details are there if they
    /// have a value: every run that looks a customer up logs this.
    pub fn flattened(self) -> Value {
        let mut output = Map::with_capacity(10 + self.profile.details.len());
        output.insert("id".into(), json!(self.id));
        self.write_attributes(&mut output, |details, output| output.extend(details));
        Value::Object(output)
    }

    /// The customer's attributes as HTTP answers show them.
    pub fn attributes(self) -> Map<String, Value> {
        let mut attributes = Map::with_capacity(16);
        self.write_attributes(&mut attributes, show_details);
        attributes
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

    /// What it says, for a comparison.
    pub fn state(&self) -> ObjectState {
        let mut parts = ObjectState::default();
        self.profile.clone().write_attributes(&mut parts.attributes, show_details);
        parts.relationships.insert("company".into(), json!(self.profile.company()));
        parts
    }
}

impl Profile {
    /// Reads a caller's customer: `name`, `externalId`, `emails` (or one `email`), `phones` (or one `phone`), `custom`.
    ///
    /// # Errors
    /// Every problem, with its pointer.
    pub fn read(value: Value) -> Result<Profile, Vec<Problem>> {
        Profile::default().merge(value)
    }

    /// This profile with a caller's changes: fields that are present replace, `null` clears, and custom attributes
    /// are merged one by one.
    ///
    /// # Errors
    /// Every problem, with its pointer.
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
        shape::merge(DETAILS, Occasion::Change, &mut self.details, &mut fields);
        match fields.object("custom") {
            Some(Some(custom)) => merge_custom(&mut self.custom, custom, &mut fields),
            Some(None) => self.custom.clear(),
            None => {}
        }
        fields.finish(self)
    }

    /// Leaves out repeated addresses, and notes it if there are too many of them or of numbers.
    fn limit_contacts(&mut self, fields: &mut Fields) {
        let mut seen = HashSet::new();
        self.emails.retain(|email| seen.insert(email_key(&email.email)));
        for (name, count) in [("emails", self.emails.len()), ("phones", self.phones.len())] {
            if count > ENTRIES_MAX {
                fields.problem(format!("/{name}"), too_many_entries());
            }
        }
    }

    /// The company that the customer works for.
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

/// What becomes of `target` when `source` turns out to be the same customer: the target keeps what it says and gets
/// what the source has more: addresses, numbers, tags, custom attributes, and all that the target says nothing of.
///
/// # Errors
/// Which lists would be too long.
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
    fn every_problem_is_reported_with_its_place() {
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
    fn a_profile_stored_before_there_were_details_is_read() {
        let stored = json!({ "name": "Ann", "emails": [], "phones": [], "custom": {} });
        let profile: Profile = serde_json::from_value(stored.clone()).unwrap();
        assert_eq!(profile, Profile::read(json!({ "name": "Ann" })).unwrap());
        assert_eq!(serde_json::to_value(&profile).unwrap(), stored, "and takes no more room");
    }

    #[test]
    fn a_step_logs_those_details_only_that_have_a_value() {
        let profile = Profile::read(json!({ "tags": ["a"], "locale": "" })).unwrap();
        let customer =
            Customer { id: Id::MIN, profile, created_at: Timestamp(0), updated_at: Timestamp(0), rev: 1 }.flattened();
        let names: Vec<&String> = customer.as_object().unwrap().keys().collect();
        let always = ["id", "name", "externalId", "emails", "phones", "locale", "tags", "custom"];
        assert_eq!(names[..8], always, "an empty text is a value");
        assert_eq!(names[8..], ["createdAt", "updatedAt", "rev"]);
    }

    #[test]
    fn a_merged_customer_keeps_what_it_says_and_gets_the_rest() {
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
    fn addresses_differ_by_more_than_case() {
        let profile =
            Profile::read(json!({"emails": ["Ann@Example.com", "ann@example.com", "bob@example.com"]})).unwrap();
        assert_eq!(profile.emails.len(), 2);
        assert_eq!(email_key(" Ann@Example.COM "), "ann@example.com");
    }
}
