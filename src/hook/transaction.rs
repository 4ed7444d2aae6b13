//! Transactions: what a hook accepted, and the envelope that workflows see.
//!
//! The bytes, headers, query and peer of the request are kept beside the envelope. The payload and the files in it are
//! read from those bytes again when they are needed, so nothing is stored twice.

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
    /// By name, in lower case; secrets masked.
    pub headers: Vec<(String, String)>,
    /// The query string as received, secrets masked.
    pub query: Option<String>,
    /// The address that sent it.
    pub peer: Option<String>,
    /// The body, byte for byte.
    pub raw: Bytes,
    /// The runs that it started when it arrived.
    pub runs: Vec<Id>,
    /// Why it started none, if that was not for want of a workflow.
    pub skip_reason: Option<SkipReason>,
}

/// Why a transaction started none of the workflows that listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SkipReason {
    /// Its hook captured.
    Captured,
    /// It did not pass the hook's filter.
    Filtered,
}

impl Transaction {
    /// The payload, read from the bytes kept.
    ///
    /// # Errors
    /// If the bytes are no longer what was accepted.
    pub fn data(&self) -> Result<Value, ContentError> {
        let (content, inflated) = self.content()?;
        content.read(inflated.as_ref().unwrap_or(&self.raw))
    }

    /// The file that is this part of the body, counted from 1; none if there is none.
    ///
    /// # Errors
    /// As for [`data`](Transaction::data).
    pub fn file(&self, part: usize) -> Result<Option<File>, ContentError> {
        let (content, inflated) = self.content()?;
        content.file(inflated.as_ref().unwrap_or(&self.raw), part)
    }

    /// What the body is, and its bytes if they were encoded.
    fn content(&self) -> Result<(Content<'_>, Option<Bytes>), ContentError> {
        let header = |name: &str| self.headers.iter().find(|(kept, _)| kept == name).map(|(_, value)| value.as_str());
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

    /// Where the transaction can be read.
    pub fn link(&self) -> String {
        format!("/v1/transactions/{}", self.id)
    }
}

/// What a body is that came to a hook of this kind, by its content type and encoding, and its other headers.
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

/// The headers by which the envelope of a mail is told.
pub const MAIL_FROM: &str = "smtp-mail-from";
pub const RCPT_TO: &str = "smtp-rcpt-to";
pub const HELO: &str = "smtp-helo";

/// The envelope of a mail; none if no header tells of it.
fn envelope_of_mail<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Option<Envelope> {
    // What was not text when it came can't be told from other such text any more.
    let told = |name| header(name).filter(|value| !value.contains('\u{fffd}'));
    let (from, to, helo) = (told(MAIL_FROM), told(RCPT_TO), told(HELO));
    [from, to, helo].iter().any(Option::is_some).then(|| Envelope {
        from: from.filter(|from| !from.is_empty()).map(str::to_owned),
        to: to.into_iter().flat_map(|to| to.split(',')).map(|to| to.trim().to_owned()).collect(),
        helo: helo.map(str::to_owned),
    })
}
