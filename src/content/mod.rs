//! Content: converts the body of a request to the payload that workflows see.
//!
//! [`Content::of`] parses the headers, [`Content::inflate`] undoes the content encoding, and [`Content::read`] maps the
//! bytes to a JSON value. The mapping depends on nothing else, so the payload can be computed from the stored bytes at
//! any time. `docs/http-api.md` documents the mapping in a table, which a test executes.
//!
//! | content | payload | module |
//! |---|---|---|
//! | JSON, or no content type | itself | [`json`] |
//! | JSON lines | a list of the documents | [`json`] |
//! | a form | an object of strings, with lists and objects for nested names | [`form`], [`field_tree`] |
//! | a form with files | the same, with descriptions of files, whose bytes stay in the body | [`multipart`] |
//! | XML | an object with the root element | [`xml`] |
//! | text | a string | [`text`] |
//! | a mail, raw or from a provider | its headers, texts and attachments | [`mail`] |
//! | anything else | itself if it is a JSON object or list, else its type, size, digest and text | [`described`] |
//! | an empty body | null | this one |
//!
//! Senders rarely correct what they send, so whatever a sensible reader reads is read: sloppy content types
//! ([`media_type`]), encodings that are none ([`coding`]), characters that are invalid. What was odd is in the
//! [`Notes`]. A body that exceeds a limit or is malformed is an error, with its location.
//!
//! Limits: the caller sets the inflated size; the others are constants of the modules. No payload nests deeper than
//! [`PAYLOAD_LEVELS_MAX`](crate::base::json::PAYLOAD_LEVELS_MAX).

mod coding;
mod described;
mod disposition;
mod field_tree;
mod form;
mod json;
mod lists;
mod mail;
mod media_type;
mod multipart;
mod notes;
mod text;
mod xml;

#[cfg(test)]
mod documented;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use encoding_rs::{Encoding, UTF_8};
use serde_json::Value;
use sha2::{Digest, Sha256};
use thiserror::Error;

use coding::Codings;
pub use json::read as read_json;
pub use mail::Envelope;
use mail::PostedFormat;
use media_type::MediaType;
pub use multipart::File;
pub use notes::Notes;

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
            ContentError::MalformedJson(detail) => ContentError::MalformedJson(format!("{place}: {detail}")),
            error => error,
        }
    }
}

/// The format and encoding of a body, as in its headers.
pub struct Content<'a> {
    codings: Codings,
    format: Format<'a>,
    /// What was odd about the headers.
    notes: Notes,
    /// The names of members that are always lists.
    lists: &'a [String],
}

/// Character encodings are those of the content type; `None` if it declares none, or an unknown one.
enum Format<'a> {
    Unspecified,
    Json(Option<&'static Encoding>),
    JsonLines,
    Form(Option<&'static Encoding>),
    /// With the boundary of the parts.
    Multipart(Option<String>, Option<&'static Encoding>),
    Xml(Option<&'static Encoding>),
    Text(Option<&'static Encoding>),
    /// With the SMTP envelope, if known.
    Mail(mail::MailFormat, Option<Envelope>),
    /// With the content type as sent.
    Other(&'a str),
}

impl<'a> Content<'a> {
    /// Parses the headers `content-type` and `content-encoding`.
    ///
    /// # Errors
    /// [`ContentError::Unsupported`] for a compression that hookflow can't undo.
    pub fn of(content_type: Option<&'a str>, content_encoding: Option<&str>) -> Result<Content<'a>, ContentError> {
        let mut notes = Notes::default();
        let codings = content_encoding.map_or(Ok(Codings::default()), Codings::of)?;
        let format = content_type.map_or(Format::Unspecified, |content_type| Format::of(content_type, &mut notes));
        Ok(Content { codings, format, notes, lists: &[] })
    }

    /// Parses the headers for a hook that accepts only mails.
    ///
    /// # Errors
    /// As for [`of`](Content::of), and if it is not a format of mails.
    pub fn of_mail(
        content_type: Option<&'a str>,
        content_encoding: Option<&str>,
        envelope: Option<Envelope>,
    ) -> Result<Content<'a>, ContentError> {
        let content = Content::of(content_type, content_encoding)?;
        let format = match content.format {
            Format::Mail(format, _) => format,
            Format::Form(_) => mail::MailFormat::Posted(PostedFormat::Fields),
            Format::Multipart(boundary, _) => mail::MailFormat::Posted(PostedFormat::Parts(boundary)),
            Format::Json(_) => mail::MailFormat::Posted(PostedFormat::Json),
            _ => return Err(ContentError::Unsupported(mail::FORMATS.to_owned())),
        };
        Ok(Content { format: Format::Mail(format, envelope), ..content })
    }

    /// The same content, in which the members with these names are always lists, if it is XML or a form.
    pub fn with_lists(self, lists: &'a [String]) -> Content<'a> {
        Content { lists, ..self }
    }

    /// Whether the inflated body is JSON.
    pub fn is_json(&self) -> bool {
        matches!(self.format, Format::Unspecified | Format::Json(_))
    }

    /// Undoes the content encoding; `None` if there is none.
    ///
    /// # Errors
    /// If the bytes are malformed, or larger than `bytes_max` when inflated.
    pub fn inflate(&self, received: &[u8], bytes_max: usize, notes: &mut Notes) -> Result<Option<Bytes>, ContentError> {
        self.codings.inflate(received, bytes_max, notes)
    }

    /// The payload of an inflated body.
    ///
    /// # Errors
    /// If the body is malformed or exceeds a limit, with the location.
    pub fn read(&self, body: &Bytes, notes: &mut Notes) -> Result<Value, ContentError> {
        notes.extend(&self.notes);
        let with_lists = |data: Value| if self.lists.is_empty() { data } else { lists::wrap(data, self.lists) };
        match &self.format {
            Format::Mail(format, envelope) => mail::read(format, envelope.as_ref(), body),
            _ if body.is_empty() => Ok(Value::Null),
            Format::Unspecified => json::document(body, None, notes),
            Format::Json(charset) => json::document(body, *charset, notes),
            Format::JsonLines => json::documents(body, notes),
            Format::Form(charset) => form::read(body, *charset, notes).map(with_lists),
            Format::Multipart(boundary, charset) => {
                multipart::read(body, boundary.as_deref(), *charset, notes).map(with_lists)
            }
            Format::Xml(charset) => xml::read(body, *charset, notes).map(with_lists),
            Format::Text(charset) => {
                Ok(Value::String(text::document(body, charset.unwrap_or(UTF_8), notes).into_owned()))
            }
            Format::Other(content_type) => Ok(described::read(content_type, body, notes)),
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
            Format::Multipart(boundary, _) if !body.is_empty() => multipart::file(body, boundary.as_deref(), part),
            Format::Other(content_type) if part == 1 => {
                let content_type = Some((*content_type).to_owned());
                Ok(Some(File { name: "body".to_owned(), content_type, bytes: body.clone() }))
            }
            _ => Ok(None),
        }
    }
}

impl<'a> Format<'a> {
    fn of(content_type: &'a str, notes: &mut Notes) -> Format<'a> {
        // What most requests have.
        if content_type == "application/json" {
            return Format::Json(None);
        }
        let media_type = MediaType::of(content_type);
        let charset = media_type.charset();
        let mut charset = || charset.as_deref().and_then(|charset| text::encoding(charset, notes));
        match media_type.essence.as_str() {
            "" | "*/*" => Format::Unspecified,
            FORM => Format::Form(charset()),
            "multipart/form-data" => Format::Multipart(media_type.boundary(), charset()),
            "message/rfc822" | "message/global" => Format::Mail(mail::MailFormat::Raw, None),
            _ if json::LINES.contains(&media_type.subtype()) => Format::JsonLines,
            // RFC 8259 gives a charset no meaning, so an unknown one is not worth a note.
            _ if media_type.is("json") || json::SUBTYPES.contains(&media_type.subtype()) => {
                Format::Json(media_type.charset().and_then(|charset| text::encoding_of_label(&charset)))
            }
            _ if media_type.is("xml") => Format::Xml(charset()),
            essence if essence.starts_with("text/") => Format::Text(charset()),
            _ => Format::Other(content_type),
        }
    }
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
