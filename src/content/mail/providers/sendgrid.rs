//! SendGrid: Inbound Parse. `headers` contains the header fields as sent. Texts keep the character encoding of the
//! mail, and `charsets` contains the encoding of each field.

use encoding_rs::{Encoding, UTF_8};
use serde_json::Value;

use super::super::headers::{Allowance, Headers};
use super::super::{Envelope, Mail};
use super::fields::Fields;
use crate::content::ContentError;

/// The field with the raw mail.
pub const RAW: &str = "email";
/// The fields that the payload contains under other names.
const USED: [&str; 13] = [
    RAW,
    "headers",
    "from",
    "to",
    "cc",
    "subject",
    "text",
    "html",
    "envelope",
    "charsets",
    "attachments",
    "attachment-info",
    "content-ids",
];

pub fn is_one(fields: &Fields) -> bool {
    fields.has("envelope") && (fields.has("headers") || fields.has(RAW))
}

pub fn mail(fields: Fields, raw: Option<Mail>) -> Result<Mail, ContentError> {
    let mail = raw.map_or_else(|| parsed(&fields), Ok)?;
    let envelope = fields.json("envelope")?.map(|envelope| Envelope {
        from: envelope["from"].as_str().filter(|from| !from.is_empty()).map(str::to_owned),
        to: envelope["to"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect(),
        helo: None,
    });
    let provider_fields = fields.others(|name| USED.contains(&name))?;
    Ok(Mail { provider: Some("sendgrid"), envelope, provider_fields, ..mail })
}

fn parsed(fields: &Fields) -> Result<Mail, ContentError> {
    let block = fields.bytes("headers").unwrap_or_default();
    let (headers, _) = Headers::split(&block, &mut Allowance::default())?;
    let mut mail = Mail::of(headers);
    let charsets = fields.json("charsets")?.unwrap_or_default();
    let text = |name: &str| {
        let label = charsets[name].as_str().unwrap_or_default();
        fields.text_in(name, Encoding::for_label_no_replacement(label.as_bytes()).unwrap_or(UTF_8))
    };
    mail.text = text("text");
    mail.html = text("html");
    let about = fields.json("attachment-info")?.unwrap_or_default();
    mail.attachments = fields.attachments(|name| about[name]["content-id"].as_str().map(str::to_owned));
    Ok(mail)
}
