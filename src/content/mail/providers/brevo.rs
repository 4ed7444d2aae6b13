//! Brevo: inbound parsing. Brevo sends the parsed mail, and keeps the files.

use serde_json::{Map, Value};

use super::super::headers::Headers;
use super::super::{Address, Envelope, Mail};
use super::wrapped::note_of_others;
use crate::content::ContentError;

/// The members that the payload contains unchanged.
const OTHERS: [&str; 4] = ["Uuid", "SpamScore", "ExtractedMarkdownSignature", "Attachments"];

pub fn is_one(document: &Value) -> bool {
    let first = &document["items"][0];
    first["From"].is_object() && first["MessageId"].is_string()
}

pub fn mail(document: &Value) -> Result<Mail, ContentError> {
    let item = &document["items"][0];
    let headers = headers(item)?;
    let mut notes = note_of_others(&document["items"]);
    let files = list(item, "Attachments").len();
    if files > 0 {
        notes.push(format!("Brevo keeps {files} attachments; fetch them with their `DownloadToken`"));
    }
    let written = [("date", text(item, "SentAtDate").unwrap_or_default())];
    let written = Headers::from_pairs(written.iter().map(|(name, value)| (*name, value.as_str())))?;
    let others = OTHERS.iter().filter_map(|name| Some(((*name).to_owned(), item.get(*name)?.clone())));
    Ok(Mail {
        provider: Some("brevo"),
        envelope: Some(Envelope {
            from: None,
            to: list(item, "Recipients").iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            helo: None,
        }),
        from: addresses(std::slice::from_ref(&item["From"])),
        to: addresses(list(item, "To")),
        cc: addresses(list(item, "Cc")),
        reply_to: addresses(std::slice::from_ref(&item["ReplyTo"])),
        subject: text(item, "Subject"),
        date: written.moment("date"),
        text: text(item, "RawTextBody"),
        text_without_quote: text(item, "ExtractedMarkdownMessage"),
        html: text(item, "RawHtmlBody"),
        provider_fields: others.collect::<Map<String, Value>>(),
        headers,
        notes,
        ..Mail::default()
    })
}

/// The header fields; a name that occurs more than once has a list.
fn headers(item: &Value) -> Result<Headers, ContentError> {
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for (name, value) in item["Headers"].as_object().into_iter().flatten() {
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        pairs.extend(values.iter().filter_map(Value::as_str).map(|value| (name.as_str(), value)));
    }
    // Not all accounts get these as header fields.
    for (name, member) in [("Message-ID", "MessageId"), ("In-Reply-To", "InReplyTo")] {
        let is_missing = !pairs.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        pairs.extend(item[member].as_str().filter(|_| is_missing).map(|value| (name, value)));
    }
    Headers::from_pairs(pairs.into_iter())
}

fn addresses(list: &[Value]) -> Vec<Address> {
    let present = list.iter().filter(|entry| entry.is_object());
    present.map(|entry| Address { name: text(entry, "Name"), address: text(entry, "Address") }).collect()
}

fn text(value: &Value, name: &str) -> Option<String> {
    value[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}
