//! Where a request carries its signatures, id and timestamp.

use std::borrow::Cow;

use memchr::memmem::find;
use serde::Deserialize;
use serde_json::Value;

use super::request::{UnverifiedRequest, form_pairs};
use super::verify::Rejection;

/// Where a scheme finds the signature parts of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SignatureSource {
    Headers(Headers),
    /// The fields `timestamp`, `token` (the id) and `signature` of a form, or of `signature` in a JSON body.
    MailgunBody,
    /// Each item of a JSON body, with a signature over eight of its fields.
    AdyenItems,
}

/// Header names in lower case. If there are several, the first one that is present counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Headers {
    pub signature: Vec<String>,
    /// The separator of several signatures in the header.
    pub separator: Option<char>,
    pub id: Vec<String>,
    pub timestamp: TimestampSource,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum TimestampSource {
    #[default]
    None,
    Headers(Vec<String>),
    /// An item of the signature header, with this prefix.
    SignatureItem(String),
}

/// The signature parts as received.
pub(super) struct SignatureParts<'a> {
    pub id: Option<Cow<'a, [u8]>>,
    pub timestamp: Option<Cow<'a, [u8]>>,
    /// Including their prefixes.
    pub signatures: Vec<Cow<'a, [u8]>>,
}

impl Headers {
    pub fn read<'r>(&self, received: &'r UnverifiedRequest<'_>) -> Result<SignatureParts<'r>, Rejection> {
        let signature = header(received, &self.signature)?;
        let items: Vec<&[u8]> = match self.separator {
            Some(separator) => signature.split(|byte| char::from(*byte) == separator).map(<[u8]>::trim_ascii).collect(),
            None => vec![signature],
        };
        let id = (!self.id.is_empty()).then(|| header(received, &self.id)).transpose()?;
        let timestamp = match &self.timestamp {
            TimestampSource::None => None,
            TimestampSource::Headers(names) => Some(header(received, names)?),
            TimestampSource::SignatureItem(prefix) => {
                let found = items.iter().find_map(|item| item.strip_prefix(prefix.as_bytes()));
                Some(found.ok_or(Rejection::TimestampMissing)?)
            }
        };
        Ok(SignatureParts {
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

/// Timestamp, token and signature of a Mailgun request.
pub(super) fn mailgun<'r>(received: &'r UnverifiedRequest<'_>) -> Result<SignatureParts<'r>, Rejection> {
    const NAMES: [&str; 4] = ["timestamp", "token", "signature", "parent-signature"];
    let body = received.body();
    let [timestamp, token, signature, parent_signature] = match received.media_type().as_str() {
        "application/x-www-form-urlencoded" => {
            form_pairs(body).fold(NAMES.map(|_| None), |found, (name, value)| with_field(found, &NAMES, &name, value))
        }
        "multipart/form-data" => {
            let boundary = received.boundary().ok_or(Rejection::BodyMalformed)?;
            let parts = multipart_texts(body, &boundary);
            parts.fold(NAMES.map(|_| None), |found, (name, value)| {
                with_field(found, &NAMES, name.as_bytes(), value.into())
            })
        }
        _ => {
            let read: MailgunEvent = serde_json::from_slice(body).map_err(|_| Rejection::BodyMalformed)?;
            let MailgunSignature { timestamp, token, signature, parent_signature } = read.signature;
            [Some(plain(&timestamp)), Some(token), Some(signature), parent_signature]
                .map(|text| text.map(String::into_bytes))
        }
    };
    let found = |value: Option<Vec<u8>>| value.ok_or(Rejection::BodyMalformed);
    Ok(SignatureParts {
        id: Some(found(token)?.into()),
        timestamp: Some(found(timestamp)?.into()),
        signatures: std::iter::once(found(signature)?).chain(parent_signature).map(Cow::Owned).collect(),
    })
}

/// Adds a field to those found so far. The first field of a name counts.
fn with_field(mut found: [Option<Vec<u8>>; 4], names: &[&str; 4], name: &[u8], value: Vec<u8>) -> [Option<Vec<u8>>; 4] {
    let index = names.iter().position(|known| known.as_bytes() == name);
    if let Some(slot) = index.and_then(|index| found.get_mut(index)) {
        slot.get_or_insert(value);
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
    /// The signature of a subaccount's parent account.
    #[serde(rename = "parent-signature")]
    parent_signature: Option<String>,
}

/// The names and values of the text parts of a multipart body. The signature covers the values found here, so another
/// reader of the body may find different ones.
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

/// An item of an Adyen notification: its signature, and the texts of which one was signed.
pub(super) struct AdyenItem {
    pub signature: String,
    /// The joined fields: as Adyen's libraries write them, and as its older ones did, with the separator escaped.
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

/// The items of an Adyen notification; at least one.
pub(super) fn adyen_items(body: &[u8]) -> Result<Vec<AdyenItem>, Rejection> {
    let body: AdyenBody = serde_json::from_slice(body).map_err(|_| Rejection::BodyMalformed)?;
    let read = |AdyenEntry { item }: AdyenEntry| {
        let fields = [
            &item.psp_reference,
            &item.original_reference,
            &item.merchant_account_code,
            &item.merchant_reference,
            &item.amount.value,
            &item.amount.currency,
            &item.event_code,
            &item.success,
        ];
        let fields = fields.map(plain);
        let escaped = fields.each_ref().map(|value| value.replace('\\', "\\\\").replace(':', "\\:"));
        AdyenItem { signature: item.additional_data.hmac_signature, texts: [fields.join(":"), escaped.join(":")] }
    };
    let items: Vec<AdyenItem> = body.items.into_iter().map(read).collect();
    if items.is_empty() { Err(Rejection::BodyMalformed) } else { Ok(items) }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
