//! Transactions: accepted requests, and the envelope that workflows see.
//!
//! A transaction stores the bytes, headers, query and peer of the request. The payload and its files are parsed from
//! those bytes when needed, so nothing is stored twice.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::content::{Content, ContentError, Envelope, File, INFLATED_BYTES_CEILING};
use crate::hook::HookKind;

/// One accepted request.
#[derive(Clone, Debug, PartialEq)]
pub struct Transaction {
    pub id: Id,
    pub org: Id,
    pub hook: Id,
    pub hook_kind: HookKind,
    pub created_at: Timestamp,
    pub content_type: Option<String>,
    /// By lower-case name; secrets masked.
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
}

impl Transaction {
    /// The payload, parsed from the stored bytes.
    ///
    /// # Errors
    /// If the bytes can no longer be parsed.
    pub fn data(&self) -> Result<Value, ContentError> {
        let (content, inflated) = self.content()?;
        content.read(inflated.as_ref().unwrap_or(&self.raw))
    }

    /// The file in this part of the body, counted from 1; `None` if the part is not a file.
    ///
    /// # Errors
    /// As for [`data`](Transaction::data).
    pub fn file(&self, part: usize) -> Result<Option<File>, ContentError> {
        let (content, inflated) = self.content()?;
        content.file(inflated.as_ref().unwrap_or(&self.raw), part)
    }

    /// The content of the body, and the inflated bytes if it was compressed.
    fn content(&self) -> Result<(Content<'_>, Option<Bytes>), ContentError> {
        let header = |name: &str| self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let content = content(self.hook_kind, self.content_type.as_deref(), header("content-encoding"), header)?;
        let inflated = content.inflate(&self.raw, INFLATED_BYTES_CEILING)?;
        Ok((content, inflated))
    }

    /// The envelope around `data`: the output of step `1`.
    pub fn envelope(&self, data: Value) -> Value {
        let hook_link = format!("/v1/hooks/{}/{}", self.hook_kind, self.hook);
        json!({
            "id": self.id,
            "type": "transaction",
            "attributes": { "createdAt": self.created_at, "data": data },
            "relationships": {
                "org": { "data": { "type": "org", "id": self.org }, "links": { "self": format!("/v1/org/{}", self.org) } },
                "hook": {
                    "data": { "type": format!("{}_hook", self.hook_kind), "id": self.hook },
                    "links": { "self": hook_link }
                }
            }
        })
    }

    /// The path of the transaction in the API.
    pub fn link(&self) -> String {
        format!("/v1/transactions/{}", self.id)
    }
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
