//! Transactions: accepted requests, and the envelope that workflows see.
//!
//! A transaction stores the bytes, headers, query and peer of the request. The payload and its files are parsed from
//! those bytes when needed, so nothing is stored twice. What else is needed for that is in headers of hookflow's own,
//! whose names begin with a colon, as those of HTTP/2 do; no sender can send one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::{HookKind, Request, Settings};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::content::{Content, ContentError, Envelope, File, INFLATED_BYTES_CEILING, Notes};
use crate::secrets::sensitive::MASK;

/// One accepted request.
#[derive(Clone, Debug, PartialEq)]
pub struct Transaction {
    pub id: Id,
    pub org: Id,
    pub hook: Id,
    pub hook_kind: HookKind,
    pub created_at: Timestamp,
    pub content_type: Option<String>,
    /// By lower-case name; secrets masked. Includes hookflow's own.
    pub headers: Vec<(String, String)>,
    /// The query string as received; secrets masked.
    pub query: Option<String>,
    /// The IP address of the sender.
    pub peer: Option<String>,
    /// The body, byte for byte.
    pub raw: Bytes,
    /// The runs that it started on arrival.
    pub runs: Vec<Id>,
    /// Why it started no run although workflows listen.
    pub skip_reason: Option<SkipReason>,
}

/// Why a transaction started no run although workflows listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SkipReason {
    /// The hook captures requests.
    Captured,
    /// The request did not pass the hook's filter.
    Filtered,
    /// The body can't be read.
    Unreadable,
}

/// What is known about a transaction beside its request.
#[derive(Clone, Debug, PartialEq)]
pub struct TransactionDetails {
    pub org: Id,
    pub hook: Id,
    pub transaction: Id,
    /// The reason why its body can't be read: the one for which another hook would have refused it.
    pub problem: Option<String>,
    /// The sentence that goes with the problem.
    pub detail: Option<String>,
    /// How the hook's filter judged the request, if it did not pass.
    pub judgement: Option<Value>,
    /// The reason for which the request was refused before an admin accepted it.
    pub refusal: Option<String>,
}

impl TransactionDetails {
    /// Details that say nothing yet.
    pub fn of(transaction: &Transaction) -> TransactionDetails {
        let Transaction { org, hook, id, .. } = *transaction;
        TransactionDetails { org, hook, transaction: id, problem: None, detail: None, judgement: None, refusal: None }
    }
}

/// The method, if it is not POST.
const METHOD: &str = ":method";
/// Whether workflows see the body as it was sent.
const RAW_BODY: &str = ":raw-body";
/// The names of members that are always lists, as a JSON list.
const LISTS: &str = ":lists";

/// The most bytes of a body that workflows see as it was sent.
pub const RAW_BODY_BYTES_MAX: usize = 256 * 1024;

/// The headers of a transaction that arrived with this method, and what the hook's settings say about reading it.
pub fn with_own_headers(
    mut headers: Vec<(String, String)>,
    method: String,
    settings: &Settings,
) -> Vec<(String, String)> {
    if method != "POST" {
        headers.insert(0, (METHOD.to_owned(), method));
    }
    if settings.raw_body {
        headers.insert(0, (RAW_BODY.to_owned(), "true".to_owned()));
    }
    if !settings.lists.is_empty() {
        headers.insert(0, (LISTS.to_owned(), json!(settings.lists).to_string()));
    }
    headers
}

/// The path of a hook of this kind, without the secret in it.
pub fn path(kind: HookKind) -> String {
    format!("/v1/hooks/{kind}/{MASK}")
}

impl Transaction {
    /// The payload, parsed from the stored bytes.
    ///
    /// # Errors
    /// If the bytes can no longer be parsed.
    pub fn data(&self) -> Result<Value, ContentError> {
        self.data_with_notes(&mut Notes::default())
    }

    /// The same, with notes on what was odd about the body.
    ///
    /// # Errors
    /// As for [`data`](Transaction::data).
    pub fn data_with_notes(&self, notes: &mut Notes) -> Result<Value, ContentError> {
        let lists: Vec<String> = self.own(LISTS).and_then(|lists| serde_json::from_str(lists).ok()).unwrap_or_default();
        let (content, inflated) = self.content(notes)?;
        content.with_lists(&lists).read(inflated.as_ref().unwrap_or(&self.raw), notes)
    }

    /// The file in this part of the body, counted from 1; `None` if the part is not a file.
    ///
    /// # Errors
    /// As for [`data`](Transaction::data).
    pub fn file(&self, part: usize) -> Result<Option<File>, ContentError> {
        let (content, inflated) = self.content(&mut Notes::default())?;
        content.file(inflated.as_ref().unwrap_or(&self.raw), part)
    }

    /// The content of the body, and the inflated bytes if it was compressed.
    fn content(&self, notes: &mut Notes) -> Result<(Content<'_>, Option<Bytes>), ContentError> {
        let values = |name: &str| {
            let named = self.headers.iter().filter(move |(known, _)| known == name);
            named.map(|(_, value)| value.as_str()).collect::<Vec<_>>()
        };
        let encodings = Some(values("content-encoding")).filter(|values| !values.is_empty());
        let encodings = encodings.map(|values| values.join(","));
        let header = |name: &str| values(name).first().copied();
        let content = content(self.hook_kind, self.content_type.as_deref(), encodings.as_deref(), header)?;
        let inflated = content.inflate(&self.raw, INFLATED_BYTES_CEILING, notes)?;
        Ok((content, inflated))
    }

    /// The method of the request.
    pub fn method(&self) -> &str {
        self.own(METHOD).unwrap_or("POST")
    }

    /// A header of hookflow's own.
    fn own(&self, name: &str) -> Option<&str> {
        let own = self.headers.iter().take_while(|(name, _)| name.starts_with(':'));
        own.into_iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The request as workflows see it, without secrets.
    fn request(&self) -> Value {
        let request = Request {
            method: self.method(),
            path: path(self.hook_kind),
            headers: self.sent_headers().map(|(name, value)| (name.as_str(), value.as_bytes())).collect(),
            query: self.query.as_deref().unwrap_or_default(),
            peer: self.peer.clone(),
            signed_id: None,
        };
        let mut value = request.value();
        if self.own(RAW_BODY).is_some()
            && let Value::Object(members) = &mut value
        {
            members.extend(self.raw_body());
        }
        value
    }

    /// The body as it was sent, once its content encoding is undone: as text, or else in base64; null if it is too large.
    fn raw_body(&self) -> Vec<(String, Value)> {
        let inflated = self.content(&mut Notes::default()).ok().and_then(|(_, inflated)| inflated);
        let body = inflated.as_ref().unwrap_or(&self.raw);
        let is_short = body.len() <= RAW_BODY_BYTES_MAX;
        let member = |name: &str, value: Value| (name.to_owned(), value);
        match std::str::from_utf8(body) {
            _ if !is_short => vec![member("rawBody", Value::Null)],
            Ok(text) => vec![member("rawBody", text.into())],
            Err(_) => {
                vec![member("rawBody", Value::Null), member("rawBodyBase64", STANDARD.encode(body).into())]
            }
        }
    }

    /// The headers as the sender sent them, but for masked secrets.
    pub fn sent_headers(&self) -> impl Iterator<Item = &(String, String)> {
        self.headers.iter().filter(|(name, _)| !name.starts_with(':'))
    }

    /// The envelope around `data`: the output of step `1`.
    pub fn envelope(&self, data: Value) -> Value {
        envelope(self.hook_kind, [self.id, self.org, self.hook], self.created_at, data, self.request())
    }

    /// The path of the transaction in the API.
    pub fn link(&self) -> String {
        format!("/v1/transactions/{}", self.id)
    }
}

/// The envelope of the transaction with these ids: its own, the org's and the hook's.
pub fn envelope(kind: HookKind, [id, org, hook]: [Id; 3], created_at: Timestamp, data: Value, request: Value) -> Value {
    json!({
        "id": id,
        "type": "transaction",
        "attributes": { "createdAt": created_at, "data": data },
        "relationships": {
            "org": { "data": { "type": "org", "id": org }, "links": { "self": format!("/v1/org/{org}") } },
            "hook": {
                "data": { "type": format!("{kind}_hook"), "id": hook },
                "links": { "self": format!("/v1/hooks/{kind}/{hook}") }
            }
        },
        "request": request
    })
}

/// The content of a body that a hook of this kind received.
///
/// # Errors
/// As for [`Content::of`].
pub fn content<'a>(
    kind: HookKind,
    content_type: Option<&'a str>,
    encoding: Option<&str>,
    header: impl Fn(&str) -> Option<&'a str>,
) -> Result<Content<'a>, ContentError> {
    match kind {
        HookKind::Email => Content::of_mail(content_type, encoding, envelope_of_mail(header)),
        HookKind::Form | HookKind::Web => Content::of(content_type, encoding),
    }
}

/// The headers that carry the SMTP envelope of a mail.
pub const MAIL_FROM: &str = "smtp-mail-from";
pub const RCPT_TO: &str = "smtp-rcpt-to";
pub const HELO: &str = "smtp-helo";

/// The SMTP envelope of a mail; `None` without its headers.
fn envelope_of_mail<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Option<Envelope> {
    // A value with replacement characters was not valid text, so the original address is unknown.
    let valid = |name| header(name).filter(|value| !value.contains('\u{fffd}'));
    let (from, to, helo) = (valid(MAIL_FROM), valid(RCPT_TO), valid(HELO));
    [from, to, helo].iter().any(Option::is_some).then(|| Envelope {
        from: from.filter(|from| !from.is_empty()).map(str::to_owned),
        to: to.into_iter().flat_map(|to| to.split(',')).map(|to| to.trim().to_owned()).collect(),
        helo: helo.map(str::to_owned),
    })
}
