//! Where a request carries its signatures, id and timestamp.

use std::borrow::Cow;

use memchr::memmem::find;
use serde::Deserialize;
use serde_json::Value;

use super::jwt::Jwt;
use super::request::{UnverifiedRequest, form_pairs};
use super::secret_place::SecretPlace;
use super::sns::Sns;
use super::verify::{Rejection, SIGNATURES_MAX};

/// Where a scheme finds the signature parts of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SignatureSource {
    Headers(Headers),
    /// The fields `timestamp`, `token` (the id) and `signature` of a form, or of `signature` in a JSON body.
    MailgunBody,
    /// Each item of a JSON body, with a signature over eight of its fields.
    AdyenItems,
    /// The fields of a JSON body, as Amazon SNS sends it.
    Sns(Sns),
    /// The fields `bt_signature` and `bt_payload` of a form. Signatures of other accounts are passed over, if the
    /// account's public key is known.
    BraintreeForm {
        public_key: Option<String>,
    },
    /// A signed token.
    Jwt(Jwt),
    /// The secret itself, in the query or the body.
    Secret(SecretPlace),
}

/// Header names in lower case. Of several names for the id or the timestamp, the first one that is present counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Headers {
    /// Each value of each of these headers may be the signature.
    pub signature: Vec<String>,
    /// The separator of groups in the header, each with its own timestamp and signatures.
    pub groups: Option<char>,
    /// The separator of several signatures in the header, or in a group.
    pub separator: Option<char>,
    pub id: Vec<String>,
    pub timestamp: TimestampSource,
    /// Headers that must have these values, such as the name of the algorithm.
    pub required: Vec<(&'static str, &'static str)>,
    /// Where the names of signed headers are listed.
    pub signed: SignedHeaders,
}

/// Where the names of signed headers are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum SignedHeaders {
    #[default]
    None,
    /// A header, with the names separated by commas.
    Header(&'static str),
    /// An item of the signature header, with this prefix and the names separated by spaces.
    Item(&'static str),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum TimestampSource {
    #[default]
    None,
    Headers(Vec<String>),
    /// An item of the signature header, with this prefix.
    SignatureItem(String),
    /// The item of the signature header at this position, counted from 0.
    SignaturePosition(usize),
}

/// The signature parts as received.
pub(super) struct SignatureParts<'a> {
    pub id: Option<Cow<'a, [u8]>>,
    pub timestamp: Option<Cow<'a, [u8]>>,
    /// Including their prefixes.
    pub signatures: Vec<Cow<'a, [u8]>>,
    /// The list of the headers that are signed.
    pub signed_headers: Option<&'a [u8]>,
}

impl Headers {
    /// The signature parts of each signature header and each group in it: one of them must match.
    pub fn read<'r>(&self, received: &'r UnverifiedRequest<'_>) -> Result<Vec<SignatureParts<'r>>, Rejection> {
        for (name, value) in &self.required {
            let found = received.header(name).ok_or_else(|| Rejection::HeaderMissing((*name).to_owned()))?;
            if !found.eq_ignore_ascii_case(value.as_bytes()) {
                return Err(Rejection::HeaderUnexpected(name, value));
            }
        }
        let values = self.signature.iter().flat_map(|name| received.headers(name)).filter(|value| !value.is_empty());
        let groups = values.flat_map(|value| items(value, self.groups)).take(SIGNATURES_MAX);
        let parts: Vec<_> = groups.map(|group| self.read_group(received, group)).collect();
        if parts.is_empty() {
            return Err(Rejection::HeaderMissing(self.signature.first().cloned().unwrap_or_default()));
        }
        // An incomplete group does not spoil the others.
        match parts.iter().any(Result::is_ok) {
            true => Ok(parts.into_iter().flatten().collect()),
            false => parts.into_iter().collect(),
        }
    }

    fn read_group<'r>(
        &self,
        received: &'r UnverifiedRequest<'_>,
        group: &'r [u8],
    ) -> Result<SignatureParts<'r>, Rejection> {
        let items: Vec<&[u8]> = items(group, self.separator).collect();
        let item = |prefix: &str| items.iter().find_map(|item| item.strip_prefix(prefix.as_bytes()));
        let id = (!self.id.is_empty()).then(|| header(received, &self.id)).transpose()?;
        let timestamp = match &self.timestamp {
            TimestampSource::None => None,
            TimestampSource::Headers(names) => Some(header(received, names)?),
            TimestampSource::SignatureItem(prefix) => Some(item(prefix).ok_or(Rejection::TimestampMissing)?),
            TimestampSource::SignaturePosition(position) => {
                Some(*items.get(*position).ok_or(Rejection::TimestampMissing)?)
            }
        };
        let signed_headers = match self.signed {
            SignedHeaders::None => None,
            SignedHeaders::Header(name) => Some(header(received, &[name.to_owned()])?),
            SignedHeaders::Item(prefix) => item(prefix),
        };
        Ok(SignatureParts {
            id: id.map(Cow::Borrowed),
            timestamp: timestamp.map(Cow::Borrowed),
            signatures: items.into_iter().map(Cow::Borrowed).collect(),
            signed_headers,
        })
    }
}

/// The items of a header's value; one without a separator.
fn items(value: &[u8], separator: Option<char>) -> impl Iterator<Item = &[u8]> {
    let is_separator = move |byte: &u8| separator.is_some_and(|separator| char::from(*byte) == separator);
    value.split(is_separator).map(<[u8]>::trim_ascii)
}

fn header<'r>(received: &'r UnverifiedRequest<'_>, names: &[String]) -> Result<&'r [u8], Rejection> {
    let value = names.iter().find_map(|name| received.header(name)).filter(|value| !value.is_empty());
    value.ok_or_else(|| Rejection::HeaderMissing(names.first().cloned().unwrap_or_default()))
}

/// The payload and signatures of a Braintree request, which signs the payload with or without its last line break.
pub(super) fn braintree<'r>(
    public_key: Option<&str>,
    received: &'r UnverifiedRequest<'_>,
) -> Result<Vec<SignatureParts<'r>>, Rejection> {
    let field = |wanted: &[u8]| {
        let found = form_pairs(received.body()).find(|(name, _)| name == wanted).map(|(_, value)| value);
        found.ok_or(Rejection::BodyMalformed)
    };
    let (signature, payload) = (field(b"bt_signature")?, field(b"bt_payload")?);
    // Pairs of a public key and a signature, one for each key of the account.
    let pairs = items(&signature, Some('&')).take(SIGNATURES_MAX);
    let signatures = pairs.filter_map(|pair| {
        let bar = pair.iter().position(|byte| *byte == b'|')?;
        let is_own = public_key.is_none_or(|own| own.as_bytes() == &pair[..bar]);
        is_own.then(|| pair[bar + 1..].to_vec().into())
    });
    let signatures: Vec<Cow<'r, [u8]>> = signatures.collect();
    let with_line_break = [&payload[..], b"\n"].concat();
    let parts = [payload, with_line_break].map(|payload| SignatureParts {
        id: Some(payload.into()),
        timestamp: None,
        signatures: signatures.clone(),
        signed_headers: None,
    });
    Ok(parts.into())
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
        signed_headers: None,
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

/// A value as text, without quotes.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
