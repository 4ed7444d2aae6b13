//! What mail providers post for a mail that they take in.
//!
//! A body is recognised by the fields that only one of them sends. Each can also be told to post the raw mail, which is then
//! within a field, and is read as any raw mail.
//!
//! | provider | posts | the raw mail is in |
//! |---|---|---|
//! | Mailgun, a route that forwards | a form, with parts if there are attachments | `body-mime` |
//! | SendGrid, Inbound Parse | a form with parts | `email` |
//! | Postmark, inbound | JSON | `RawEmail`, beside all else |

mod fields;
mod mailgun;
mod postmark;
mod sendgrid;

use bytes::Bytes;
use serde_json::Value;

use super::{FORMS, Mail, Posted, mime};
use crate::content::{ContentError, File, json};
use fields::Fields;

/// What a provider posted.
pub(super) enum Provided {
    Mailgun(Fields),
    SendGrid(Fields),
    Postmark(Value),
}

impl Provided {
    /// Recognises a body.
    pub fn of(posted: &Posted, body: &Bytes) -> Result<Provided, ContentError> {
        let recognised = match posted {
            Posted::Json => Some(json::read(body)?).filter(postmark::is_one).map(Provided::Postmark),
            Posted::Fields => Provided::of_fields(Fields::of_form(body)?),
            Posted::Parts(boundary) => Provided::of_fields(Fields::of_parts(body, boundary)?),
        };
        recognised
            .ok_or_else(|| ContentError::Malformed(format!("the body is no mail in a form that is known; {FORMS}")))
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

    /// The attachment that is this part of the raw mail, or of the body if there is no raw mail.
    pub fn file(self, part: usize) -> Result<Option<File>, ContentError> {
        if let Some(raw) = self.raw() {
            return mime::file(&raw, part);
        }
        Ok(match self {
            Provided::Mailgun(fields) | Provided::SendGrid(fields) => fields.into_file(part),
            Provided::Postmark(document) => postmark::file(&document, part),
        })
    }

    /// The raw mail, if the provider passes it on.
    fn raw(&self) -> Option<Bytes> {
        match self {
            Provided::Mailgun(fields) => fields.bytes(mailgun::RAW),
            Provided::SendGrid(fields) => fields.bytes(sendgrid::RAW),
            Provided::Postmark(document) => postmark::raw(document),
        }
    }
}
