//! Postmark: inbound webhooks. Most header fields are in `Headers`; addresses, subject and date have their own members.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;

use super::super::headers::Headers;
use super::super::{Address, Attachment, Envelope, Mail};
use crate::content::{ContentError, File, sha256};

/// The members that the payload contains unchanged.
const OTHERS: [&str; 4] = ["MessageID", "MessageStream", "MailboxHash", "Tag"];

pub fn is_one(document: &Value) -> bool {
    document["FromFull"].is_object() && document["MessageID"].is_string()
}

/// The raw mail, if Postmark is configured to include it.
pub fn raw(document: &Value) -> Option<Bytes> {
    let raw = document["RawEmail"].as_str().filter(|raw| !raw.is_empty())?;
    Some(Bytes::copy_from_slice(raw.as_bytes()))
}

pub fn mail(document: &Value, raw: Option<Mail>) -> Result<Mail, ContentError> {
    let headers = headers(document)?;
    let envelope = Envelope {
        from: headers.ids("return-path").into_iter().next(),
        to: text(document, "OriginalRecipient").into_iter().collect(),
        helo: None,
    };
    let mail = raw.map_or_else(|| parsed(document, headers), Ok)?;
    let others = OTHERS.iter().filter_map(|name| Some(((*name).to_owned(), text(document, name)?.into())));
    Ok(Mail {
        provider: Some("postmark"),
        envelope: Some(envelope),
        text_without_quote: text(document, "StrippedTextReply"),
        provider_fields: others.collect(),
        ..mail
    })
}

fn parsed(document: &Value, headers: Headers) -> Result<Mail, ContentError> {
    // The members that are written as header fields are.
    let written = ["ReplyTo", "Subject", "Date"].map(|name| text(document, name).unwrap_or_default());
    let written = Headers::from_pairs(
        ["reply-to", "subject", "date"].into_iter().zip(written.each_ref()).map(|(name, value)| (name, value.as_str())),
    )?;
    Ok(Mail {
        from: addresses(std::slice::from_ref(&document["FromFull"])),
        to: addresses(list(document, "ToFull")),
        cc: addresses(list(document, "CcFull")),
        bcc: addresses(list(document, "BccFull")),
        reply_to: written.addresses("reply-to"),
        subject: text(document, "Subject"),
        date: written.moment("date"),
        text: text(document, "TextBody"),
        html: text(document, "HtmlBody"),
        attachments: list(document, "Attachments").iter().zip(1..).map(attachment).collect(),
        headers,
        ..Mail::default()
    })
}

/// The attachment with this number.
pub fn file(document: &Value, part: usize) -> Option<File> {
    let attachment = list(document, "Attachments").get(part.checked_sub(1)?)?;
    Some(File {
        name: text(attachment, "Name").unwrap_or_else(|| format!("part-{part}")),
        content_type: text(attachment, "ContentType"),
        bytes: content(attachment).into(),
    })
}

fn attachment((attachment, part): (&Value, usize)) -> Attachment {
    let content = content(attachment);
    let content_id = text(attachment, "ContentID");
    Attachment {
        part,
        name: text(attachment, "Name"),
        content_type: text(attachment, "ContentType"),
        size_bytes: content.len(),
        sha256: sha256(&content),
        is_inline: content_id.is_some(),
        content_id: content_id.map(|id| id.trim_matches(['<', '>']).to_owned()),
    }
}

/// The bytes of an attachment; invalid Base64 is left as sent.
fn content(attachment: &Value) -> Vec<u8> {
    let content = attachment["Content"].as_str().unwrap_or_default();
    STANDARD.decode(content).unwrap_or_else(|_| content.as_bytes().to_vec())
}

fn headers(document: &Value) -> Result<Headers, ContentError> {
    let pairs = list(document, "Headers").iter();
    Headers::from_pairs(pairs.filter_map(|pair| Some((pair["Name"].as_str()?, pair["Value"].as_str()?))))
}

fn addresses(list: &[Value]) -> Vec<Address> {
    list.iter().map(|entry| Address { name: text(entry, "Name"), address: text(entry, "Email") }).collect()
}

/// A member that is a non-empty string.
fn text(document: &Value, name: &str) -> Option<String> {
    document[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn list<'a>(document: &'a Value, name: &str) -> &'a [Value] {
    document[name].as_array().map_or(&[], Vec::as_slice)
}
