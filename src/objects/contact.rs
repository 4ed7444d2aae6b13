//! E-mail addresses and phone numbers, and the keys that they are looked up by.
//!
//! Callers send a contact as a string, or as an object with `type` and `verified`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fields::UNSTORABLE;
use super::phone::digits_key;
use super::{kind_of, unknown};

/// An e-mail address of a customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Email {
    pub email: String,
    /// `home`, `work` or `other`.
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub verified: bool,
}

/// A phone number of a customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
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

/// The look-up key of an address: trimmed, in lower case.
pub fn email_key(email: &str) -> String {
    email.trim().to_lowercase()
}

/// Whether `email` looks like an address: text on both sides of an `@`, no spaces, at most 254 bytes.
pub fn is_email(email: &str) -> bool {
    let email = email.trim();
    let halves = email.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    halves && email.len() <= 254 && !email.chars().any(|character| character.is_whitespace() || character.is_control())
}

/// Checks an address and trims it.
///
/// # Errors
/// A sentence, if it is not an e-mail address.
pub fn check_email(email: &str) -> Result<String, String> {
    match email.trim() {
        email if is_email(email) => Ok(email.to_owned()),
        email if email.contains('\0') => Err(UNSTORABLE.into()),
        _ => Err("not an e-mail address, such as ann@example.com".into()),
    }
}

/// Checks a number and trims it.
///
/// # Errors
/// A sentence, if it is not a phone number.
pub fn check_phone(phone: &str) -> Result<String, String> {
    match phone.trim() {
        phone if phone.contains('\0') => Err(UNSTORABLE.into()),
        phone if phone.len() <= 64 && (3..=32).contains(&digits_key(phone).len()) => Ok(phone.to_owned()),
        _ => Err("not a phone number, such as +1 212 555 0123".into()),
    }
}

/// Reads an address: a string, or `{email, type?, verified?}`.
pub fn read_email(value: Value) -> Result<Email, String> {
    let (email, kind, verified) = read_contact(value, "email", &EMAIL_KINDS)?;
    Ok(Email { email: check_email(&email)?, kind, verified })
}

/// Reads a number: a string, or `{phone, type?, verified?}`.
pub fn read_phone(value: Value) -> Result<Phone, String> {
    let (phone, kind, verified) = read_contact(value, "phone", &PHONE_KINDS)?;
    Ok(Phone { phone: check_phone(&phone)?, kind, verified })
}

/// Reads a string, or `{<name>, type?, verified?}`.
fn read_contact(value: Value, name: &str, kinds: &[&str]) -> Result<(String, String, bool), String> {
    let mut object = match value {
        Value::String(text) => return Ok((text, "other".into(), false)),
        Value::Object(object) => object,
        other => return Err(format!("expected a string or {{\"{name}\": …}}, not {}", kind_of(&other))),
    };
    let Some(Value::String(text)) = object.shift_remove(name) else {
        return Err(format!("expected a string `{name}`"));
    };
    let kind = match object.shift_remove("type") {
        None | Some(Value::Null) => "other".to_owned(),
        Some(Value::String(kind)) if kinds.contains(&kind.as_str()) => kind,
        Some(_) => return Err(format!("`type` must be one of {}", kinds.join(", "))),
    };
    let verified = match object.shift_remove("verified") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(verified)) => verified,
        Some(_) => return Err("`verified` must be true or false".into()),
    };
    match object.keys().next() {
        Some(extra) => Err(unknown("attribute", extra, [name, "type", "verified"])),
        None => Ok((text, kind, verified)),
    }
}
