//! Where a request carries its signatures, its id and its timestamp.

use std::borrow::Cow;

use memchr::memmem::find;
use serde::Deserialize;
use serde_json::Value;

use super::received::{UnverifiedRequest, form_pairs};
use super::verify::Rejection;

/// Where the parts are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Headers(Headers),
    /// In the fields `timestamp`, `token` (the id) and `signature` of a form, or of a JSON body's `signature`.
    MailgunBody,
    /// In each item of a JSON body, over eight of its fields.
    AdyenItems,
}

/// Names of headers in lower case. Where there are several, the first that was sent counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Headers {
    pub signature: Vec<String>,
    /// What separates several signatures in the header.
    pub separator: Option<char>,
    pub id: Vec<String>,
    pub timestamp: TimestampPlace,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum TimestampPlace {
    #[default]
    Nowhere,
    Headers(Vec<String>),
    /// Among the signatures, after this prefix.
    Among(String),
}

/// The parts as they were received.
pub(super) struct Values<'a> {
    pub id: Option<Cow<'a, [u8]>>,
    pub timestamp: Option<Cow<'a, [u8]>>,
    /// With their prefixes.
    pub signatures: Vec<Cow<'a, [u8]>>,
}

impl Headers {
    pub fn read<'r>(&self, received: &'r UnverifiedRequest<'_>) -> Result<Values<'r>, Rejection> {
        let signature = header(received, &self.signature)?;
        let items: Vec<&[u8]> = match self.separator {
            Some(separator) => signature.split(|byte| char::from(*byte) == separator).map(<[u8]>::trim_ascii).collect(),
            None => vec![signature],
        };
        let id = (!self.id.is_empty()).then(|| header(received, &self.id)).transpose()?;
        let timestamp = match &self.timestamp {
            TimestampPlace::Nowhere => None,
            TimestampPlace::Headers(names) => Some(header(received, names)?),
            TimestampPlace::Among(prefix) => {
                let found = items.iter().find_map(|item| item.strip_prefix(prefix.as_bytes()));
                Some(found.ok_or(Rejection::TimestampMissing)?)
            }
        };
        Ok(Values {
            id: id.map(Cow::Borrowed),
            timestamp: timestamp.map(Cow::Borrowed),
            signatures: items.into_iter().map(Cow::Borrowed).collect(),
        })
    }
}

fn header<'r>(received: &'r UnverifiedRequest<'_>, names: &[String]) -> Result<&'r [u8], Rejection> {
    let value = names.iter().find_map(|name| (received.header)(name)).map(<[u8]>::trim_ascii);
    let value = value.filter(|value| !value.is_empty());
    value.ok_or_else(|| Rejection::HeaderMissing(names.first().cloned().unwrap_or_default()))
}

/// Timestamp, token and signature of a request by Mailgun.
pub(super) fn mailgun<'r>(received: &'r UnverifiedRequest<'_>) -> Result<Values<'r>, Rejection> {
    const NAMES: [&str; 4] = ["timestamp", "token", "signature", "parent-signature"];
    let body = received.body();
    let [timestamp, token, signature, of_parent] = match received.media_type().as_str() {
        "application/x-www-form-urlencoded" => {
            form_pairs(body).fold(NAMES.map(|_| None), |found, (name, value)| filled(found, &NAMES, &name, value))
        }
        "multipart/form-data" => {
            let boundary = received.boundary().ok_or(Rejection::BodyUnreadable)?;
            let parts = multipart_texts(body, &boundary);
            parts.fold(NAMES.map(|_| None), |found, (name, value)| filled(found, &NAMES, name.as_bytes(), value.into()))
        }
        _ => {
            let read: MailgunEvent = serde_json::from_slice(body).map_err(|_| Rejection::BodyUnreadable)?;
            let MailgunSignature { timestamp, token, signature, of_parent } = read.signature;
            [Some(plain(&timestamp)), Some(token), Some(signature), of_parent].map(|text| text.map(String::into_bytes))
        }
    };
    let found = |value: Option<Vec<u8>>| value.ok_or(Rejection::BodyUnreadable);
    Ok(Values {
        id: Some(found(token)?.into()),
        timestamp: Some(found(timestamp)?.into()),
        signatures: std::iter::once(found(signature)?).chain(of_parent).map(Cow::Owned).collect(),
    })
}

/// What was found so far, with one more field; the first of a name counts.
fn filled(mut found: [Option<Vec<u8>>; 4], names: &[&str; 4], name: &[u8], value: Vec<u8>) -> [Option<Vec<u8>>; 4] {
    let place = names.iter().position(|known| known.as_bytes() == name);
    if let Some(place) = place.and_then(|place| found.get_mut(place)) {
        place.get_or_insert(value);
    }
    found
}

#[derive(Deserialize)]
struct MailgunEvent {
    signature: MailgunSignature,
}

#[derive(Deserialize)]
struct MailgunSignature {
    timestamp: Value,
    token: String,
    signature: String,
    /// By the account that a subaccount belongs to.
    #[serde(rename = "parent-signature")]
    of_parent: Option<String>,
}

/// Names and values of the parts of a multipart body that are texts. What is read here is verified by itself, so it need
/// not be what another reader of the body would find.
fn multipart_texts<'b>(body: &'b [u8], boundary: &str) -> impl Iterator<Item = (String, &'b [u8])> {
    let delimiter = format!("--{boundary}").into_bytes();
    let mut rest = find(body, &delimiter).map(|start| &body[start + delimiter.len()..]);
    let parts = std::iter::from_fn(move || {
        let part = rest?;
        let end = find(part, &delimiter)?;
        rest = Some(&part[end + delimiter.len()..]);
        Some(&part[..end])
    });
    parts.filter_map(|part| {
        let end = find(part, b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&part[..end]).into_owned();
        let (_, name) = head.split_once(" name=\"")?;
        let (name, _) = name.split_once('"')?;
        let value = &part[end + 4..];
        Some((name.to_owned(), value.strip_suffix(b"\r\n").unwrap_or(value)))
    })
}

/// An item of a notification by Adyen: its signature, and the texts of which one was signed.
pub(super) struct AdyenItem {
    pub signature: String,
    /// As Adyen's libraries join the fields, and as its older ones did, with what separates them escaped.
    pub texts: [String; 2],
}

#[derive(Deserialize)]
struct AdyenBody {
    #[serde(rename = "notificationItems")]
    items: Vec<AdyenEntry>,
}

#[derive(Deserialize)]
struct AdyenEntry {
    #[serde(rename = "NotificationRequestItem")]
    item: AdyenFields,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AdyenFields {
    additional_data: AdyenAdditionalData,
    #[serde(default)]
    psp_reference: Value,
    #[serde(default)]
    original_reference: Value,
    #[serde(default)]
    merchant_account_code: Value,
    #[serde(default)]
    merchant_reference: Value,
    #[serde(default)]
    amount: AdyenAmount,
    #[serde(default)]
    event_code: Value,
    #[serde(default)]
    success: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AdyenAdditionalData {
    hmac_signature: String,
}

#[derive(Default, Deserialize)]
struct AdyenAmount {
    #[serde(default)]
    value: Value,
    #[serde(default)]
    currency: Value,
}

/// The items of a notification by Adyen, of which there is at least one.
pub(super) fn adyen_items(body: &[u8]) -> Result<Vec<AdyenItem>, Rejection> {
    let body: AdyenBody = serde_json::from_slice(body).map_err(|_| Rejection::BodyUnreadable)?;
    let read = |AdyenEntry { item }: AdyenEntry| {
        let signed = [
            &item.psp_reference,
            &item.original_reference,
            &item.merchant_account_code,
            &item.merchant_reference,
            &item.amount.value,
            &item.amount.currency,
            &item.event_code,
            &item.success,
        ];
        let signed = signed.map(plain);
        let escaped = signed.each_ref().map(|value| value.replace('\\', "\\\\").replace(':', "\\:"));
        AdyenItem { signature: item.additional_data.hmac_signature, texts: [signed.join(":"), escaped.join(":")] }
    };
    let items: Vec<AdyenItem> = body.items.into_iter().map(read).collect();
    if items.is_empty() { Err(Rejection::BodyUnreadable) } else { Ok(items) }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
