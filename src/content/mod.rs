//! Content: converts the body of a request to the payload that workflows see.
//!
//! [`Content::of`] parses the headers, [`Content::inflate`] undoes the content encoding, and [`Content::read`] maps the
//! bytes to a JSON value. The mapping depends on nothing else, so the payload can be computed from the stored bytes at
//! any time. `docs/http-api.md` documents the mapping in a table, which a test executes.
//!
//! | content | payload | module |
//! |---|---|---|
//! | JSON, or no content type | itself | [`json`] |
//! | a form | an object of strings, with lists and objects for nested names | [`form`], [`field_tree`] |
//! | a form with files | the same, with descriptions of files, whose bytes stay in the body | [`multipart`] |
//! | XML | an object with the root element | [`xml`] |
//! | text | a string | [`text`] |
//! | a mail, raw or from a provider | its headers, texts and attachments | [`mail`] |
//! | anything else | its type, size and digest | this one |
//! | an empty body | null; an error for JSON | this one |
//!
//! Limits: the caller sets the inflated size; the others are constants of the modules. No payload nests deeper than
//! [`PAYLOAD_LEVELS_MAX`](crate::base::json::PAYLOAD_LEVELS_MAX). A body that exceeds a limit or is malformed is
//! rejected, with the location of the error.

mod coding;
mod field_tree;
mod form;
mod json;
mod mail;
mod multipart;
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
use mail::{MailFormat, PostedFormat};
pub use multipart::File;

/// The highest configurable limit on the inflated size. Stored bodies are read with this limit, whatever is configured.
pub const INFLATED_BYTES_CEILING: usize = 64 * 1024 * 1024;

/// The content type of a form without files. A query has the same syntax.
pub const FORM: &str = "application/x-www-form-urlencoded";
/// The media type of JSON.
pub const JSON: &str = "application/json";

/// Why a body can't be read; the message is for its sender.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ContentError {
    /// The headers contain an unsupported value.
    #[error("{0}")]
    Unsupported(String),
    #[error("the body is not valid JSON: {0}")]
    MalformedJson(String),
    /// The bytes do not match the headers.
    #[error("{0}")]
    Malformed(String),
    #[error("{0}")]
    TooDeep(String),
    /// The body exceeds a limit on bytes or numbers of elements.
    #[error("{0}")]
    TooLarge(String),
}

impl ContentError {
    /// Adds a location to an error without one.
    fn within(self, place: &str) -> ContentError {
        match self {
            ContentError::Unsupported(detail) => ContentError::Unsupported(format!("{place}: {detail}")),
            ContentError::Malformed(detail) => ContentError::Malformed(format!("{place}: {detail}")),
            error => error,
        }
    }
}

/// The format and encoding of a body, as in its headers.
pub struct Content<'a> {
    coding: Coding,
    format: Format<'a>,
}

enum Format<'a> {
    Unspecified,
    Json,
    Form(&'static Encoding),
    /// With the boundary of the parts.
    Multipart(String),
    /// With the character encoding; `None` if the document declares it.
    Xml(Option<&'static Encoding>),
    Text(&'static Encoding),
    /// With the SMTP envelope, if known.
    Mail(MailFormat, Option<Envelope>),
    /// With the content type as sent.
    Other(&'a str),
}

impl<'a> Content<'a> {
    /// Parses the headers `content-type` and `content-encoding`.
    ///
    /// # Errors
    /// [`ContentError::Unsupported`], with the supported values.
    pub fn of(content_type: Option<&'a str>, content_encoding: Option<&str>) -> Result<Content<'a>, ContentError> {
        let coding = content_encoding.map_or(Ok(Coding::Identity), Coding::of)?;
        let format = content_type.map_or(Ok(Format::Unspecified), Format::of)?;
        Ok(Content { coding, format })
    }

    /// Parses the headers for a hook that accepts only mails.
    ///
    /// # Errors
    /// As for [`of`](Content::of).
    pub fn of_mail(
        content_type: Option<&'a str>,
        content_encoding: Option<&str>,
        envelope: Option<Envelope>,
    ) -> Result<Content<'a>, ContentError> {
        let Content { coding, format } = Content::of(content_type, content_encoding)?;
        let format = match format {
            Format::Mail(format, _) => format,
            Format::Form(_) => MailFormat::Posted(PostedFormat::Fields),
            Format::Multipart(boundary) => MailFormat::Posted(PostedFormat::Parts(boundary)),
            Format::Json => MailFormat::Posted(PostedFormat::Json),
            _ => return Err(ContentError::Unsupported(mail::SUPPORTED_FORMATS.to_owned())),
        };
        Ok(Content { coding, format: Format::Mail(format, envelope) })
    }

    /// Whether the inflated body is JSON.
    pub fn is_json(&self) -> bool {
        matches!(self.format, Format::Unspecified | Format::Json)
    }

    /// Undoes the content encoding; `None` if there is none.
    ///
    /// # Errors
    /// If the bytes are malformed, or larger than `bytes_max` when inflated.
    pub fn inflate(&self, received: &[u8], bytes_max: usize) -> Result<Option<Bytes>, ContentError> {
        self.coding.inflate(received, bytes_max)
    }

    /// The payload of an inflated body.
    ///
    /// # Errors
    /// If the body is malformed or exceeds a limit, with the location.
    pub fn read(&self, body: &Bytes) -> Result<Value, ContentError> {
        match &self.format {
            Format::Json => json::read(body),
            Format::Mail(format, envelope) => mail::read(format, envelope.as_ref(), body),
            _ if body.is_empty() => Ok(Value::Null),
            Format::Unspecified => json::read(body),
            Format::Form(encoding) => form::read(body, encoding),
            Format::Multipart(boundary) => multipart::read(body, boundary),
            Format::Xml(encoding) => xml::read(body, *encoding),
            Format::Text(encoding) => Ok(Value::String(text::document(body, encoding)?.into_owned())),
            Format::Other(content_type) => Ok(described(content_type, body)),
        }
    }

    /// The file in a part of an inflated body, or of the mail in it, counted from 1; `None` if the part is not a file.
    /// A body of another format is a single file.
    ///
    /// # Errors
    /// As for [`read`](Content::read).
    pub fn file(&self, body: &Bytes, part: usize) -> Result<Option<File>, ContentError> {
        match &self.format {
            Format::Mail(format, _) => mail::file(format, body, part),
            Format::Multipart(boundary) if !body.is_empty() => multipart::file(body, boundary, part),
            Format::Other(content_type) if part == 1 => {
                let content_type = Some((*content_type).to_owned());
                Ok(Some(File { name: "body".to_owned(), content_type, bytes: body.clone() }))
            }
            _ => Ok(None),
        }
    }
}

impl<'a> Format<'a> {
    fn of(content_type: &'a str) -> Result<Format<'a>, ContentError> {
        let unsupported = |detail: String| Err(ContentError::Unsupported(detail));
        let Ok(media_type) = content_type.parse().or_else(|_| without_spaces(content_type).parse::<Mime>()) else {
            return unsupported(format!(
                "invalid content type {content_type:?}; expected `type/subtype`, such as `application/json`"
            ));
        };
        let is = |name| media_type.subtype() == name || media_type.suffix() == Some(name);
        if is(mime::JSON) {
            return match media_type.get_param(mime::CHARSET) {
                Some(charset) if !text::is_utf_8(charset.as_str()) => {
                    unsupported(format!("charset {charset} is not supported; use UTF-8"))
                }
                _ => Ok(Format::Json),
            };
        }
        let utf_8_unless = |charset: Option<&'static Encoding>| charset.unwrap_or(UTF_8);
        match (media_type.type_(), media_type.subtype()) {
            (mime::APPLICATION, mime::WWW_FORM_URLENCODED) => {
                Ok(Format::Form(utf_8_unless(text::charset(&media_type)?)))
            }
            (mime::MULTIPART, mime::FORM_DATA) => multipart::boundary(&media_type).map(Format::Multipart),
            (mime::MESSAGE, subtype) if subtype == "rfc822" || subtype == "global" => {
                Ok(Format::Mail(MailFormat::Raw, None))
            }
            _ if is(mime::XML) => text::charset(&media_type).map(Format::Xml),
            (mime::TEXT, _) => Ok(Format::Text(utf_8_unless(text::charset(&media_type)?))),
            _ => Ok(Format::Other(content_type)),
        }
    }
}

/// The content type without spaces before semicolons, which are allowed but unsupported by the library.
fn without_spaces(content_type: &str) -> String {
    content_type.split(';').map(str::trim_end).collect::<Vec<_>>().join(";")
}

/// The payload for a body of another format.
fn described(content_type: &str, bytes: &[u8]) -> Value {
    json!({ "contentType": content_type, "sizeBytes": bytes.len(), "sha256": sha256(bytes) })
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
