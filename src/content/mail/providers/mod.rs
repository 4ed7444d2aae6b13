//! Inbound webhooks of mail providers.
//!
//! Each provider is recognised by its specific fields. All can also include the raw mail in a field, which is then
//! parsed like any raw mail.
//!
//! | provider | format | field with the raw mail |
//! |---|---|---|
//! | Mailgun, forwarding route | a form; multipart with attachments | `body-mime` |
//! | SendGrid, Inbound Parse | a multipart form | `email` |
//! | Postmark, inbound webhook | JSON | `RawEmail`, in addition to the others |

mod fields;
mod mailgun;
mod postmark;
mod sendgrid;

use bytes::Bytes;
use serde_json::Value;

use super::{Mail, PostedFormat, SUPPORTED_FORMATS, mime};
use crate::content::{ContentError, File, json};
use fields::Fields;

/// A parsed webhook of a provider.
pub(super) enum Provided {
    Mailgun(Fields),
    SendGrid(Fields),
    Postmark(Value),
}

impl Provided {
    /// Parses a body and recognises the provider.
    pub fn of(format: &PostedFormat, body: &Bytes) -> Result<Provided, ContentError> {
        let recognised = match format {
            PostedFormat::Json => Some(json::read(body)?).filter(postmark::is_one).map(Provided::Postmark),
            PostedFormat::Fields => Provided::of_fields(Fields::of_form(body)?),
            PostedFormat::Parts(boundary) => Provided::of_fields(Fields::of_parts(body, boundary)?),
        };
        recognised.ok_or_else(|| {
            ContentError::Malformed(format!("the body is not a mail in a supported format; {SUPPORTED_FORMATS}"))
        })
    }

    fn of_fields(fields: Fields) -> Option<Provided> {
        match () {
            () if mailgun::is_one(&fields) => Some(Provided::Mailgun(fields)),
            () if sendgrid::is_one(&fields) => Some(Provided::SendGrid(fields)),
            () => None,
        }
    }

    pub fn mail(self) -> Result<Mail, ContentError> {
        let raw = self.raw().map(|raw| mime::read(&raw)).transpose()?;
        match self {
            Provided::Mailgun(fields) => mailgun::mail(fields, raw),
            Provided::SendGrid(fields) => sendgrid::mail(fields, raw),
            Provided::Postmark(document) => postmark::mail(&document, raw),
        }
    }

    /// The attachment in a part of the raw mail, or of the body if there is no raw mail.
    pub fn file(self, part: usize) -> Result<Option<File>, ContentError> {
        if let Some(raw) = self.raw() {
            return mime::file(&raw, part);
        }
        Ok(match self {
            Provided::Mailgun(fields) | Provided::SendGrid(fields) => fields.into_file(part),
            Provided::Postmark(document) => postmark::file(&document, part),
        })
    }

    /// The raw mail, if the webhook contains it.
    fn raw(&self) -> Option<Bytes> {
        match self {
            Provided::Mailgun(fields) => fields.bytes(mailgun::RAW),
            Provided::SendGrid(fields) => fields.bytes(sendgrid::RAW),
            Provided::Postmark(document) => postmark::raw(document),
        }
    }
}
