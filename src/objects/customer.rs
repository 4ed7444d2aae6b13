//! Customers: who orders, answers and writes.
//!
//! A customer has any number of e-mail addresses and phone numbers. An address is kept as it was written, and found
//! by its [`email_key`]: trimmed and in lower case, otherwise exact. No two customers of an org share an e-mail
//! address or an external id; the store's unique indexes see to that.
//!
//! Limits: [`CONTACTS_MAX`] addresses and as many numbers; custom attributes are typed by suffix like a klass's.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::klass::AttributeType;
use super::{Fields, Problem, escape_pointer, kind_of, unknown};
use crate::id::Id;
use crate::time::Timestamp;

/// The most e-mail addresses, and the most phone numbers, of one customer.
pub const CONTACTS_MAX: usize = 100;
/// The most custom attributes of one customer.
pub const CUSTOM_MAX: usize = 500;

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
    pub custom: Map<String, Value>,
}

/// An e-mail address of a customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Email {
    pub email: String,
    /// `home`, `work` or `other`.
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub verified: bool,
}

/// A phone number of a customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Phone {
    pub phone: String,
    /// `mobile`, `home`, `work`, `fax` or `other`.
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub verified: bool,
}

const EMAIL_KINDS: [&str; 3] = ["home", "work", "other"];
const PHONE_KINDS: [&str; 5] = ["mobile", "home", "work", "fax", "other"];

/// What an address is looked up by: trimmed, in lower case.
pub fn email_key(email: &str) -> String {
    email.trim().to_lowercase()
}

/// What a number is looked up by: its digits, with a leading `+` kept.
pub fn phone_key(phone: &str) -> String {
    let phone = phone.trim();
    let plus = if phone.starts_with('+') { "+" } else { "" };
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    format!("{plus}{digits}")
}

/// Whether `email` can be an address: something, an `@`, something, without spaces, at most 254 characters.
pub fn is_email(email: &str) -> bool {
    let email = email.trim();
    let halves = email.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    halves && email.len() <= 254 && !email.chars().any(|character| character.is_whitespace() || character.is_control())
}

impl Customer {
    /// The customer as a step's output: attributes at the top level, ids as plain strings.
    pub fn flattened(self) -> Value {
        let mut output = Map::with_capacity(9);
        output.insert("id".into(), json!(self.id));
        self.write_attributes(&mut output);
        Value::Object(output)
    }

    /// The customer's attributes as HTTP answers show them.
    pub fn attributes(self) -> Map<String, Value> {
        let mut attributes = Map::with_capacity(8);
        self.write_attributes(&mut attributes);
        attributes
    }

    fn write_attributes(self, attributes: &mut Map<String, Value>) {
        let profile = self.profile;
        attributes.insert("name".into(), json!(profile.name));
        attributes.insert("externalId".into(), json!(profile.external_id));
        attributes.insert("emails".into(), json!(profile.emails));
        attributes.insert("phones".into(), json!(profile.phones));
        attributes.insert("custom".into(), Value::Object(profile.custom));
        attributes.insert("createdAt".into(), json!(self.created_at));
        attributes.insert("updatedAt".into(), json!(self.updated_at));
        attributes.insert("rev".into(), json!(self.rev));
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
        if let Some(list) = fields.list("emails") {
            self.emails = read_contacts(&mut fields, "emails", list, read_email);
        }
        if let Some(email) = fields.take("email").filter(|value| !value.is_null()) {
            self.emails.extend(keep(&mut fields, "/email", read_email(email)));
        }
        if let Some(list) = fields.list("phones") {
            self.phones = read_contacts(&mut fields, "phones", list, read_phone);
        }
        if let Some(phone) = fields.take("phone").filter(|value| !value.is_null()) {
            self.phones.extend(keep(&mut fields, "/phone", read_phone(phone)));
        }
        for (name, count) in [("emails", self.emails.len()), ("phones", self.phones.len())] {
            if count > CONTACTS_MAX {
                fields.problem(format!("/{name}"), format!("more than {CONTACTS_MAX} entries"));
            }
        }
        let mut seen = std::collections::HashSet::new();
        self.emails.retain(|email| seen.insert(email_key(&email.email)));
        match fields.object("custom") {
            Some(Some(custom)) => merge_custom(&mut self.custom, custom, &mut fields),
            Some(None) => self.custom.clear(),
            None => {}
        }
        fields.finish(self)
    }
}

fn keep<T>(fields: &mut Fields, pointer: &str, read: Result<T, String>) -> Option<T> {
    read.map_err(|message| fields.problem(pointer, message)).ok()
}

fn read_contacts<T>(
    fields: &mut Fields,
    name: &str,
    list: Vec<Value>,
    read: impl Fn(Value) -> Result<T, String>,
) -> Vec<T> {
    if list.len() > CONTACTS_MAX {
        fields.problem(format!("/{name}"), format!("more than {CONTACTS_MAX} entries"));
        return Vec::new();
    }
    let entries = list.into_iter().enumerate();
    entries.filter_map(|(index, entry)| keep(fields, &format!("/{name}/{index}"), read(entry))).collect()
}

fn read_email(value: Value) -> Result<Email, String> {
    let (email, kind, verified) = read_contact(value, "email", &EMAIL_KINDS)?;
    if !is_email(&email) {
        return Err("not an e-mail address".into());
    }
    Ok(Email { email: email.trim().to_owned(), kind, verified })
}

fn read_phone(value: Value) -> Result<Phone, String> {
    let (phone, kind, verified) = read_contact(value, "phone", &PHONE_KINDS)?;
    if phone.len() > 64 || !(3..=32).contains(&phone_key(&phone).len()) {
        return Err("not a phone number".into());
    }
    Ok(Phone { phone: phone.trim().to_owned(), kind, verified })
}

/// A contact is the plain text, or `{<name>, type?, verified?}`.
fn read_contact(value: Value, name: &str, kinds: &[&str]) -> Result<(String, String, bool), String> {
    let mut object = match value {
        Value::String(text) => return Ok((text, "other".into(), false)),
        Value::Object(object) => object,
        other => return Err(format!("expected a string or {{\"{name}\": …}}, not {}", kind_of(&other))),
    };
    let Some(Value::String(text)) = object.shift_remove(name) else {
        return Err(format!("needs a string `{name}`"));
    };
    let kind = match object.shift_remove("type") {
        None | Some(Value::Null) => "other".to_owned(),
        Some(Value::String(kind)) if kinds.contains(&kind.as_str()) => kind,
        Some(_) => return Err(format!("`type` has to be one of {}", kinds.join(", "))),
    };
    let verified = match object.shift_remove("verified") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(verified)) => verified,
        Some(_) => return Err("`verified` has to be true or false".into()),
    };
    match object.keys().next() {
        Some(extra) => Err(unknown("attribute", extra, [name, "type", "verified"])),
        None => Ok((text, kind, verified)),
    }
}

fn merge_custom(custom: &mut Map<String, Value>, changes: Map<String, Value>, fields: &mut Fields) {
    for (name, value) in changes {
        let pointer = format!("/custom/{}", escape_pointer(&name));
        let Some(attribute_type) = AttributeType::of(&name) else {
            let suffixes = AttributeType::SUFFIXES.map(|(suffix, _)| suffix).join(", ");
            fields.problem(pointer, format!("`{name}` does not end in a type: one of {suffixes}"));
            continue;
        };
        match attribute_type.admit(value) {
            Ok(Value::Null) => drop(custom.shift_remove(&name)),
            Ok(value) => drop(custom.insert(name, value)),
            Err(message) => fields.problem(pointer, message),
        }
    }
    if custom.len() > CUSTOM_MAX {
        fields.problem("/custom", format!("more than {CUSTOM_MAX} attributes"));
    }
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
    fn addresses_differ_by_more_than_case() {
        let profile =
            Profile::read(json!({"emails": ["Ann@Example.com", "ann@example.com", "bob@example.com"]})).unwrap();
        assert_eq!(profile.emails.len(), 2);
        assert_eq!(email_key(" Ann@Example.COM "), "ann@example.com");
    }
}
