//! Content: from the bytes of a request's body to the payload that workflows see.
//!
//! [`Content::of`] takes what the headers say, [`Content::inflate`] undoes the content encoding, and [`Content::read`] maps
//! the bytes to one JSON value. The mapping depends on nothing else, so that the payload can be read again whenever it is
//! needed from the bytes that were kept. Its table is in `docs/http-api.md` (The door), and a test executes it.
//!
//! | content | becomes | in |
//! |---|---|---|
//! | JSON, or no content type | itself | [`json`] |
//! | a form | an object of texts, with lists and objects where names say so | [`form`], [`names`] |
//! | a form with files | the same; a file is described, and its bytes stay in the body | [`multipart`] |
//! | XML | an object with the root element | [`xml`] |
//! | text | a text | [`text`] |
//! | a mail, raw or as a provider posts it | its headers, texts and attachments | [`mail`] |
//! | anything else | its type, size and digest | here |
//! | nothing | null; of JSON that is an error | here |
//!
//! Limits: the inflated size is given; the others are constants of the files named. No payload nests deeper than
//! [`PAYLOAD_LEVELS_MAX`](crate::base::json::PAYLOAD_LEVELS_MAX). What breaks a limit or is malformed is refused as a whole,
//! and the error says at which place.

mod coding;
mod form;
mod json;
mod mail;
mod multipart;
mod names;
mod text;
mod xml;

#[cfg(test)]
mod documented;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use encoding_rs::{Encoding, UTF_8};
use mime::Mime;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use thiserror::Error;

use coding::Coding;
pub use json::read as read_json;
pub use mail::Envelope;
use mail::Posted;
pub use multipart::File;

/// The highest limit on the inflated size that can be set; what was accepted can be read again whatever is set now.
pub const INFLATED_BYTES_CEILING: usize = 64 * 1024 * 1024;

/// The content type of a form without files, which is how a query is written as well.
pub const FORM: &str = "application/x-www-form-urlencoded";

/// Why a body can't be read; the text is for its sender.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ContentError {
    /// The headers name something that is not known here.
    #[error("{0}")]
    Unsupported(String),
    #[error("the body is not valid JSON: {0}")]
    MalformedJson(String),
    /// The bytes are not what the headers say.
    #[error("{0}")]
    Malformed(String),
    #[error("{0}")]
    TooDeep(String),
    /// Too many bytes, or too many of something.
    #[error("{0}")]
    TooLarge(String),
}

impl ContentError {
    /// The same with the place, of an error that doesn't know it.
    fn within(self, place: &str) -> ContentError {
        match self {
            ContentError::Unsupported(detail) => ContentError::Unsupported(format!("{place}: {detail}")),
            ContentError::Malformed(detail) => ContentError::Malformed(format!("{place}: {detail}")),
            error => error,
        }
    }
}

/// What the headers say about a body.
pub struct Content<'a> {
    coding: Coding,
    kind: Kind<'a>,
}

enum Kind<'a> {
    Untold,
    Json,
    Form(&'static Encoding),
    /// With the boundary between the parts.
    Multipart(String),
    /// With the character encoding, unless the document says it.
    Xml(Option<&'static Encoding>),
    Text(&'static Encoding),
    /// With what those who carried it say of it.
    Mail(mail::Form, Option<Envelope>),
    /// With the content type as it was sent.
    Other(&'a str),
}

impl<'a> Content<'a> {
    /// Reads the headers `content-type` and `content-encoding`.
    ///
    /// # Errors
    /// [`ContentError::Unsupported`] with what would be right.
    pub fn of(content_type: Option<&'a str>, content_encoding: Option<&str>) -> Result<Content<'a>, ContentError> {
        let coding = content_encoding.map_or(Ok(Coding::Identity), Coding::of)?;
        let kind = content_type.map_or(Ok(Kind::Untold), Kind::of)?;
        Ok(Content { coding, kind })
    }

    /// The same for a hook that takes mails, and nothing else.
    ///
    /// # Errors
    /// As for [`of`](Content::of).
    pub fn of_mail(
        content_type: Option<&'a str>,
        content_encoding: Option<&str>,
        envelope: Option<Envelope>,
    ) -> Result<Content<'a>, ContentError> {
        let Content { coding, kind } = Content::of(content_type, content_encoding)?;
        let form = match kind {
            Kind::Mail(form, _) => form,
            Kind::Form(_) => mail::Form::Posted(Posted::Fields),
            Kind::Multipart(boundary) => mail::Form::Posted(Posted::Parts(boundary)),
            Kind::Json => mail::Form::Posted(Posted::Json),
            _ => return Err(ContentError::Unsupported(mail::FORMS.to_owned())),
        };
        Ok(Content { coding, kind: Kind::Mail(form, envelope) })
    }

    /// Whether the body is JSON, once it is inflated.
    pub fn is_json(&self) -> bool {
        matches!(self.kind, Kind::Untold | Kind::Json)
    }

    /// The body without its content encoding; none if it has none.
    ///
    /// # Errors
    /// If the bytes are not encoded so, or would be more than `bytes_max`, of which no more are inflated.
    pub fn inflate(&self, received: &[u8], bytes_max: usize) -> Result<Option<Bytes>, ContentError> {
        self.coding.inflate(received, bytes_max)
    }

    /// The payload of an inflated body.
    ///
    /// # Errors
    /// What is wrong with the body, and where.
    pub fn read(&self, body: &Bytes) -> Result<Value, ContentError> {
        match &self.kind {
            Kind::Json => json::read(body),
            Kind::Mail(form, envelope) => mail::read(form, envelope.as_ref(), body),
            _ if body.is_empty() => Ok(Value::Null),
            Kind::Untold => json::read(body),
            Kind::Form(encoding) => form::read(body, encoding),
            Kind::Multipart(boundary) => multipart::read(body, boundary),
            Kind::Xml(encoding) => xml::read(body, *encoding),
            Kind::Text(encoding) => Ok(Value::String(text::document(body, encoding)?.into_owned())),
            Kind::Other(content_type) => Ok(described(content_type, body)),
        }
    }

    /// The file that is this part of an inflated body, counted from 1, or of the mail in it; none if there is none. A body that means nothing here
    /// is one file as a whole.
    ///
    /// # Errors
    /// As for [`read`](Content::read).
    pub fn file(&self, body: &Bytes, part: usize) -> Result<Option<File>, ContentError> {
        match &self.kind {
            Kind::Mail(form, _) => mail::file(form, body, part),
            Kind::Multipart(boundary) if !body.is_empty() => multipart::file(body, boundary, part),
            Kind::Other(content_type) if part == 1 => {
                let content_type = Some((*content_type).to_owned());
                Ok(Some(File { name: "body".to_owned(), content_type, bytes: body.clone() }))
            }
            _ => Ok(None),
        }
    }
}

impl<'a> Kind<'a> {
    fn of(content_type: &'a str) -> Result<Kind<'a>, ContentError> {
        let unsupported = |detail: String| Err(ContentError::Unsupported(detail));
        let Ok(media_type) = content_type.parse().or_else(|_| without_spaces(content_type).parse::<Mime>()) else {
            return unsupported(format!(
                "content type {content_type:?} is none; it has the form `type/subtype`, such as `application/json`"
            ));
        };
        let is = |name| media_type.subtype() == name || media_type.suffix() == Some(name);
        if is(mime::JSON) {
            return match media_type.get_param(mime::CHARSET) {
                Some(charset) if !text::is_utf_8(charset.as_str()) => {
                    unsupported(format!("charset {charset} is not supported; use UTF-8"))
                }
                _ => Ok(Kind::Json),
            };
        }
        let utf_8_unless = |charset: Option<&'static Encoding>| charset.unwrap_or(UTF_8);
        match (media_type.type_(), media_type.subtype()) {
            (mime::APPLICATION, mime::WWW_FORM_URLENCODED) => Ok(Kind::Form(utf_8_unless(text::charset(&media_type)?))),
            (mime::MULTIPART, mime::FORM_DATA) => multipart::boundary(&media_type).map(Kind::Multipart),
            (mime::MESSAGE, subtype) if subtype == "rfc822" || subtype == "global" => {
                Ok(Kind::Mail(mail::Form::Raw, None))
            }
            _ if is(mime::XML) => text::charset(&media_type).map(Kind::Xml),
            (mime::TEXT, _) => Ok(Kind::Text(utf_8_unless(text::charset(&media_type)?))),
            _ => Ok(Kind::Other(content_type)),
        }
    }
}

/// The content type without spaces before semicolons, which are allowed and not known to the library.
fn without_spaces(content_type: &str) -> String {
    content_type.split(';').map(str::trim_end).collect::<Vec<_>>().join(";")
}

/// What stands for bytes that mean nothing here.
fn described(content_type: &str, bytes: &[u8]) -> Value {
    json!({ "contentType": content_type, "sizeBytes": bytes.len(), "sha256": sha256(bytes) })
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
