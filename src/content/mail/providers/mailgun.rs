//! Mailgun: forwarding routes. `message-headers` contains the header fields as a list of pairs, and each is also a
//! separate field. A webhook with a raw mail has only a few of these fields.

use serde_json::Value;

use super::super::headers::Headers;
use super::super::{Envelope, Mail};
use super::fields::Fields;
use crate::content::ContentError;

/// The field with the raw mail. Mailgun sends it to URLs that end with `mime`.
pub const RAW: &str = "body-mime";
/// The fields that the payload contains under other names.
const USED: [&str; 11] = [
    RAW,
    "message-headers",
    "sender",
    "recipient",
    "from",
    "subject",
    "body-plain",
    "body-html",
    "stripped-text",
    "content-id-map",
    "attachment-count",
];
/// The header fields to use if the list of all is missing.
const HEADERS: [&str; 9] =
    ["From", "To", "Cc", "Reply-To", "Subject", "Date", "Message-Id", "In-Reply-To", "References"];

pub fn is_one(fields: &Fields) -> bool {
    let has_any = |names: [&str; 2]| names.into_iter().any(|name| fields.has(name));
    fields.has(RAW) || has_any(["message-headers", "body-plain"]) && has_any(["recipient", "sender"])
}

pub fn mail(fields: Fields, raw: Option<Mail>) -> Result<Mail, ContentError> {
    let mail = raw.map_or_else(|| parsed(&fields), Ok)?;
    let used = |name: &str| USED.contains(&name) || mail.headers.has(&name.to_ascii_lowercase());
    let provider_fields = fields.others(used)?;
    let envelope = Envelope {
        from: fields.text("sender").filter(|sender| !sender.is_empty()),
        to: fields.text("recipient").into_iter().collect(),
        helo: None,
    };
    Ok(Mail {
        provider: Some("mailgun"),
        envelope: Some(envelope),
        text_without_quote: fields.text("stripped-text"),
        provider_fields,
        ..mail
    })
}

fn parsed(fields: &Fields) -> Result<Mail, ContentError> {
    let mut mail = Mail::of(headers(fields)?);
    mail.text = fields.text("body-plain");
    mail.html = fields.text("body-html");
    let ids = fields.json("content-id-map")?.unwrap_or_default();
    // Maps content ids to names of fields.
    let id_of = |name: &str| Some(ids.as_object()?.iter().find(|(_, field)| field.as_str() == Some(name))?.0.clone());
    mail.attachments = fields.attachments(id_of);
    if fields.has("attachments") {
        mail.notes.push("Mailgun stored the attachments; use a forwarding route to receive them".to_owned());
    }
    Ok(mail)
}

fn headers(fields: &Fields) -> Result<Headers, ContentError> {
    let Some(list) = fields.json("message-headers")? else {
        let present: Vec<(&str, String)> =
            HEADERS.iter().filter_map(|name| Some((*name, fields.text(name)?))).collect();
        return Headers::from_pairs(present.iter().map(|(name, value)| (*name, value.as_str())));
    };
    let pair = |pair: &Value| {
        let [name, value] = pair.as_array()?.as_slice() else { return None };
        Some((name.as_str()?.to_owned(), value.as_str()?.to_owned()))
    };
    let pairs: Option<Vec<(String, String)>> = list.as_array().and_then(|pairs| pairs.iter().map(pair).collect());
    let pairs = pairs.ok_or_else(|| {
        ContentError::Malformed("field `message-headers`: expected a list of pairs of a name and a value".to_owned())
    })?;
    Headers::from_pairs(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}
