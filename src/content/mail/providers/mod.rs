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
//! | Amazon SES, by SNS | JSON in JSON | `content` |
//! | SparkPost, relay webhook | JSON | `email_rfc822` |
//! | Mandrill, inbound webhook | JSON in a form | `raw_msg` |
//! | Brevo, inbound parsing | JSON | none |

mod brevo;
mod fields;
mod mailgun;
mod postmark;
mod sendgrid;
mod wrapped;

use bytes::Bytes;
use serde_json::Value;

use super::{FORMATS, Mail, PostedFormat, mime};
use crate::content::{ContentError, File, json};
use fields::Fields;
use wrapped::Wrapped;

/// A parsed webhook of a provider.
pub(super) enum Provided {
    Mailgun(Fields),
    SendGrid(Fields),
    Postmark(Value),
    Brevo(Value),
    /// A raw mail with data about it.
    Wrapped(Wrapped),
}

impl Provided {
    /// Parses a body and recognises the provider.
    pub fn of(posted: &PostedFormat, body: &Bytes) -> Result<Provided, ContentError> {
        let recognised = match posted {
            PostedFormat::Json => Provided::of_json(json::read(body)?)?,
            PostedFormat::Fields => Provided::of_fields(Fields::of_form(body)?)?,
            PostedFormat::Parts(boundary) => Provided::of_fields(Fields::of_parts(body, boundary.as_deref())?)?,
        };
        recognised
            .ok_or_else(|| ContentError::Malformed(format!("the body is not a mail in a supported format; {FORMATS}")))
    }

    fn of_json(document: Value) -> Result<Option<Provided>, ContentError> {
        Ok(match () {
            () if postmark::is_one(&document) => Some(Provided::Postmark(document)),
            () if brevo::is_one(&document) => Some(Provided::Brevo(document)),
            () => Wrapped::of_json(&document)?.map(Provided::Wrapped),
        })
    }

    fn of_fields(fields: Fields) -> Result<Option<Provided>, ContentError> {
        Ok(match () {
            () if mailgun::is_one(&fields) => Some(Provided::Mailgun(fields)),
            () if sendgrid::is_one(&fields) => Some(Provided::SendGrid(fields)),
            () => Wrapped::of_fields(&fields)?.map(Provided::Wrapped),
        })
    }

    pub fn mail(self) -> Result<Mail, ContentError> {
        let raw = self.raw().map(|raw| mime::read(&raw)).transpose()?;
        match self {
            Provided::Mailgun(fields) => mailgun::mail(fields, raw),
            Provided::SendGrid(fields) => sendgrid::mail(fields, raw),
            Provided::Postmark(document) => postmark::mail(&document, raw),
            Provided::Brevo(document) => brevo::mail(&document),
            Provided::Wrapped(wrapped) => Ok(wrapped.mail(raw.unwrap_or_default())),
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
            // Brevo keeps the files.
            Provided::Brevo(_) | Provided::Wrapped(_) => None,
        })
    }

    /// The raw mail, if the webhook contains it.
    fn raw(&self) -> Option<Bytes> {
        match self {
            Provided::Mailgun(fields) => fields.bytes(mailgun::RAW),
            Provided::SendGrid(fields) => fields.bytes(sendgrid::RAW),
            Provided::Postmark(document) => postmark::raw(document),
            Provided::Brevo(_) => None,
            Provided::Wrapped(wrapped) => Some(wrapped.raw.clone()),
        }
    }
}
